// Two minutes of flow as a picture: what is decided as areas on each other, what is published as a line.

import {rate} from './format.js';

const width = 1000;
const height = 160;
const steps = 120;
const stacked = ['applied', 'duplicate', 'refused', 'parked'];
const namespace = 'http://www.w3.org/2000/svg';

function svg(tag, attributes) {
  const node = document.createElementNS(namespace, tag);
  Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
  return node;
}

// The least of 1, 2, 5, 10, 20 ... that is not less.
export function niceTop(most) {
  for (let unit = 1; ; unit *= 10) {
    const found = [1, 2, 5].find((step) => step * unit >= most);
    if (found) {
      return found * unit;
    }
  }
}

const known = (value) => (value === null || value === undefined ? 0 : value);

export class Chart {
  constructor(root, top) {
    this.root = root;
    this.top = top;
    for (const part of [0, 0.5]) {
      root.append(svg('line', {class: 'grid', x1: 0, x2: width, y1: part * height + 0.5, y2: part * height + 0.5}));
    }
    root.append(svg('line', {class: 'grid', x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5}));
    this.areas = Object.fromEntries(stacked.map((kind) => {
      const path = svg('path', {class: 'area', 'data-kind': kind});
      root.append(path);
      return [kind, path];
    }));
    this.line = svg('polyline', {class: 'line'});
    root.append(this.line);
  }

  // `series`: lists of the same length, the newest last; what is not known is null.
  draw(series) {
    const length = Math.min(steps, series.applied.length);
    const cut = (kind) => (series[kind] ?? []).slice(-length);
    const x = (index) => (width - (length - 1 - index) * (width / (steps - 1))).toFixed(1);
    const sums = Array.from({length}, () => 0);
    const layers = stacked.map((kind) => {
      const low = [...sums];
      cut(kind).forEach((value, index) => { sums[index] += known(value); });
      return {kind, low, high: [...sums]};
    });
    const published = cut('published').map((value, index) => ({value, index})).filter(({value}) => value !== null && value !== undefined);
    const top = niceTop(Math.max(1, ...sums, ...published.map(({value}) => value)));
    const y = (value) => (height - (value / top) * (height - 4)).toFixed(1);
    for (const {kind, low, high} of layers) {
      const up = high.map((value, index) => `${x(index)},${y(value)}`);
      const down = low.map((value, index) => `${x(index)},${y(value)}`).reverse();
      this.areas[kind].setAttribute('d', length > 1 ? `M${up.join('L')}L${down.join('L')}Z` : '');
    }
    this.line.setAttribute('points', published.map(({value, index}) => `${x(index)},${y(value)}`).join(' '));
    this.top.textContent = `top line ${rate(top)} a second; dashes: published`;
    const last = (kind) => rate(cut(kind).at(-1));
    this.root.setAttribute('aria-label', `Entries a second over the last two minutes; now ${last('applied')} applied, `
      + `${last('refused')} refused, ${last('parked')} parked, ${last('published')} published; at most ${rate(Math.max(0, ...sums))}`);
  }
}
