// The dashboard: what Grafana would refuse or show as an empty panel. That its metrics exist is checked by e2e.shown.

import assert from 'node:assert/strict';
import test from 'node:test';

import {documents, read} from './manifests.mjs';

const dashboard = JSON.parse(read('deploy/grafana/ledgerd.json'));
const panels = dashboard.panels.filter(({type}) => type !== 'row');

test('each panel has a title, a place of its own, a unit and expressions for the chosen nodes', () => {
  assert.ok(panels.length >= 20);
  assert.equal(new Set(dashboard.panels.map(({id}) => id)).size, dashboard.panels.length);
  const taken = new Map();
  for (const {title, gridPos: {x, y, w, h}} of dashboard.panels) {
    assert.ok(x >= 0 && x + w <= 24, title);
    for (let column = x; column < x + w; ++column) {
      for (let line = y; line < y + h; ++line) {
        const place = `${column},${line}`;
        assert.equal(taken.get(place), undefined, `${title} lies on ${taken.get(place)}`);
        taken.set(place, title);
      }
    }
  }
  for (const {title, targets, fieldConfig, datasource} of panels) {
    assert.ok(title.length > 3);
    assert.equal(datasource.uid, '${datasource}');
    assert.ok(fieldConfig.defaults.unit, title);
    assert.ok(targets.length > 0, title);
    for (const {expr} of targets) {
      assert.ok(expr.includes('job=~"$job",instance=~"$instance"'), `${title}: ${expr}`);
      assert.equal(expr.split('(').length, expr.split(')').length, expr);
    }
  }
});

test('what an alert judges, and what docs/operating.md calls worth an alarm, has a panel', () => {
  const namesIn = (text) => text.match(/\b(?:ledgerd|process)_[a-z_]+\b/g) ?? [];
  const shown = new Set(panels.flatMap(({targets}) => targets.flatMap(({expr}) => namesIn(expr))));
  const [{groups}] = documents('deploy/prometheus/alerts.yml');
  const judged = groups.flatMap(({rules}) => rules.flatMap(({expr}) => namesIn(expr)));
  const [, worth] = read('docs/operating.md').match(/^Worth an alarm: (.+?) A series is missing/ms);
  const wanted = new Set([...judged, ...namesIn(worth)]);
  assert.ok(wanted.size > 30);
  assert.deepEqual([...wanted].filter((name) => !shown.has(name)), []);
});

test('nothing is shown as 0 that nobody has said', () => {
  for (const {title, type, fieldConfig, targets} of panels) {
    assert.ok(type !== 'stat' || fieldConfig.defaults.noValue === 'no answer', title);
    for (const {expr, instant} of targets) {
      assert.doesNotMatch(expr, /\bor\b.*\b(vector|0)\b/, title);
      assert.ok(type !== 'stat' || instant, `${title} shows what was known last as what is known now`);
      // The 0 of one consumer does not stand for all.
      assert.ok(!/ledgerd_(oldest_undecided|pending)/.test(expr) || expr.startsWith('max by (consumer) ('), title);
    }
  }
});

test('whoever imports it chooses data source, cluster and node', () => {
  assert.deepEqual(dashboard.templating.list.map(({name}) => name), ['datasource', 'job', 'instance']);
  assert.equal(dashboard.id, undefined);
});
