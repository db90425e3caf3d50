// Dead letters: by cause and one by one, what stands in each, and the way to repair them.

import {$, el, fillTable, openDialog, setText, time, word} from './dom.js';
import {clock, count, unknown} from './format.js';

const pageSize = 10;
const pauseMs = 5000; // between two looks that nobody asked for

function query(filter, more) {
  const all = {...filter, ...more};
  return new URLSearchParams(Object.entries(all).filter(([, value]) => value !== null && value !== undefined && value !== '')).toString();
}

export class Letters {
  constructor(link, repair, lookup) {
    this.link = link;
    this.repair = repair;
    this.lookup = lookup;
    this.filter = {};
    this.items = [];
    this.chosen = new Set();
    this.dirty = true;
    this.groupColumns = [
      {class: 'grow what', build: (cell, group) => cell.append(word(group.reason, 'bad'), group.detail ?? '', el('span', {class: 'quiet'})), update: (cell, group) => {
        setText(cell.lastElementChild, this.groupMarks(group));
      }},
      {text: (group) => count(group.count), class: 'num'},
      {class: 'wider', update: (cell, group) => setText(cell, clock(group.newest))},
      {build: (cell, group) => cell.append(el('button', {
        type: 'button', 'aria-label': `Show the letters of this cause: ${group.reason}`, on: {click: () => this.choose({cause: group.cause}, `${group.reason}: ${group.detail ?? ''}`)},
      }, 'Show'))},
    ];
    this.letterColumns = [
      {build: (cell, letter) => cell.append(el('input', {
        type: 'checkbox', 'aria-label': `Choose letter ${letter.seq}`, on: {change: (event) => this.toggle(letter.seq, event.target.checked)},
      })), update: (cell, letter) => { cell.firstElementChild.checked = this.chosen.has(letter.seq); }},
      {text: (letter) => String(letter.seq), class: 'num', head: true},
      {class: 'grow what', build: (cell, letter) => cell.append(word(letter.reason, 'bad'), letter.detail ?? '', el('span', {class: 'quiet'})), update: (cell, letter) => {
        setText(cell.lastElementChild, this.marks(letter));
      }},
      {class: 'num wider', build: (cell, letter) => {
        if (letter.recordId !== null && letter.recordId !== undefined) {
          cell.append(el('button', {
            type: 'button', 'aria-label': `Look up record ${letter.recordId}`, on: {click: () => this.lookup.open('record', String(letter.recordId))},
          }, String(letter.recordId)));
        } else {
          cell.append(unknown);
        }
      }},
      {text: (letter) => letter.userId ?? unknown, class: 'wider'},
      {build: (cell, letter) => cell.append(time(letter.at, clock(letter.at))), class: 'wider nowrap'},
      {build: (cell, letter) => cell.append(el('button', {
        type: 'button', 'aria-label': `Look at letter ${letter.seq}`, on: {click: () => this.look(letter.seq)},
      }, 'Look'))},
    ];
    this.listen();
  }

  listen() {
    $('letter-filter').addEventListener('submit', (event) => {
      event.preventDefault();
      const {text, record} = event.target.elements;
      this.choose({text: text.value.trim(), record: record.value.trim()}, [text.value && `text “${text.value.trim()}”`, record.value && `record ${record.value.trim()}`].filter(Boolean).join(', '));
    });
    $('filter-clear').addEventListener('click', () => {
      $('letter-filter').reset();
      this.choose({}, '');
    });
    $('letters-older').addEventListener('click', () => this.older());
    $('choose-all').addEventListener('change', (event) => {
      this.items.forEach(({seq}) => this.chosen[event.target.checked ? 'add' : 'delete'](seq));
      this.show();
    });
    $('letters').querySelectorAll('[data-do]').forEach((button) => button.addEventListener('click', () => this.act(button.dataset.do)));
    $('edit-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const payload = $('edit-payload').value;
      const changed = payload !== this.untouched;
      $('letter-dialog').close();
      this.repair.open('replay', {seqs: [this.open.seq], ...(changed && {payload})}, `letter ${this.open.seq}${changed ? ', with the payload that you changed' : ''}`);
    });
    $('edit-form').querySelector('[data-do]').addEventListener('click', () => {
      $('letter-dialog').close();
      this.repair.open('discard', {seqs: [this.open.seq]}, `letter ${this.open.seq}`);
    });
    this.repair.done = () => {
      this.chosen.clear();
      this.dirty = true;
      this.next = 0;
      this.show();
    };
  }

  marks(letter) {
    return [
      letter.replays > 0 && ` replayed ${letter.replays === 1 ? 'once' : `${letter.replays} times`}`,
      letter.failedAgain && ` failed again as ${letter.failedAgain}`,
      !letter.marksComplete && ' not all newer letters were read',
      letter.replayOf && ` came of the replay of ${letter.replayOf}`,
      letter.discardedBefore && ` its earlier letter ${letter.discardedBefore.letter} was discarded by ${letter.discardedBefore.who || 'somebody'}`,
      letter.truncated && ' cut',
    ].filter(Boolean).join(' ·');
  }

  groupMarks(group) {
    return [
      group.replayed > 0 && ` ${count(group.replayed)} replayed`,
      group.failedAgain > 0 && ` ${count(group.failedAgain)} failed again`,
    ].filter(Boolean).join(' ·');
  }

  choose(filter, words) {
    this.filter = filter;
    this.chosen.clear();
    setText($('filter-shown'), words ? `Only ${words}` : '');
    this.dirty = true;
    this.next = 0;
    this.load();
  }

  toggle(seq, yes) {
    this.chosen[yes ? 'add' : 'delete'](seq);
    this.show();
  }

  // The overview says how many there are: when that changes, the lists are old.
  heard(total) {
    setText($('letters-note'), total === null ? '' : `${count(total)} in the stream`);
    if (total !== this.total) {
      this.total = total;
      this.dirty = true;
    }
    const busy = this.chosen.size > 0 || document.querySelector('dialog[open]') || this.paged;
    if (this.dirty && !busy && !document.hidden && performance.now() >= (this.next ?? 0)) {
      this.load();
    }
  }

  async load() {
    if (this.loading) {
      return;
    }
    this.loading = true;
    this.next = performance.now() + pauseMs;
    this.dirty = false;
    this.paged = false;
    try {
      const [page, groups] = await Promise.all([
        this.link.ask(`/v1/dead-letters?${query(this.filter, {limit: pageSize})}`), this.link.ask('/v1/dead-letters/groups'),
      ]);
      this.items = page.items;
      this.before = page.next;
      this.available = true;
      fillTable($('group-rows'), groups.items, (group) => group.cause ?? `${group.reason} ${group.detail}`, this.groupColumns, $('groups-empty'));
      setText($('groups-empty'), 'None.');
      setText($('letters-empty'), 'None.');
    } catch (failure) {
      this.items = [];
      this.before = null;
      const why = failure.status === 404 ? 'Not available on this node.' : `No answer: ${failure.message}`;
      setText($('letters-empty'), why);
      setText($('groups-empty'), why);
      this.dirty = failure.status !== 404;
    }
    this.loading = false;
    this.show();
  }

  async older() {
    try {
      const page = await this.link.ask(`/v1/dead-letters?${query(this.filter, {limit: pageSize, before: this.before})}`);
      this.items.push(...page.items);
      this.before = page.next;
      this.paged = true;
    } catch (failure) {
      setText($('filter-shown'), `No answer: ${failure.message}`);
    }
    this.show();
  }

  show() {
    fillTable($('letter-rows'), this.items, (letter) => letter.seq, this.letterColumns, $('letters-empty'));
    $('letter-rows').querySelectorAll('tr').forEach((row, index) => {
      row.setAttribute('aria-selected', String(this.chosen.has(this.items[index].seq)));
    });
    $('letters-older').hidden = !this.before;
    const filtered = Object.values(this.filter).some(Boolean);
    const any = this.items.length > 0;
    setText($('chosen'), this.chosen.size > 0 ? `${count(this.chosen.size)} chosen` : filtered && any ? 'none chosen: all that match' : 'none chosen');
    $('letters').querySelectorAll('[data-do]').forEach((button) => { button.disabled = !any || (this.chosen.size === 0 && !filtered); });
    if (document.activeElement?.disabled) {
      $('letters-title').focus({preventScroll: true});
    }
    $('choose-all').checked = any && this.items.every(({seq}) => this.chosen.has(seq));
  }

  act(what) {
    const seqs = [...this.chosen].sort((a, b) => a - b);
    const filter = Object.fromEntries(Object.entries(this.filter).filter(([, value]) => value));
    const which = seqs.length > 0 ? {seqs} : {filter};
    const words = seqs.length === 1 ? `letter ${seqs[0]}` : seqs.length > 0 ? `${count(seqs.length)} letters` : `all letters that match: ${$('filter-shown').textContent.replace(/^Only /, '')}`;
    this.repair.open(what, which, words);
  }

  async look(seq) {
    const place = $('letter-answer');
    const asked = this.asked = (this.asked ?? 0) + 1;
    setText($('letter-title'), `Letter ${seq}`);
    place.replaceChildren(el('p', {class: 'quiet'}, 'Asking …'));
    $('edit-form').hidden = true;
    openDialog($('letter-dialog'));
    try {
      const letter = await this.link.ask(`/v1/dead-letters/${encodeURIComponent(seq)}`);
      if (asked !== this.asked) { // a later letter is looked at
        return;
      }
      this.open = letter;
      const facts = {
        Reason: letter.reason, Detail: letter.detail, At: letter.at, Subject: letter.source?.subject ?? letter.subject,
        From: letter.source && `${letter.source.stream}, sequence ${letter.source.sequence}`, Record: letter.recordId, User: letter.userId,
        Amount: letter.amount && `${letter.amount} ${letter.currency ?? ''}`, Deliveries: letter.deliveries, Node: letter.node, Marks: this.marks(letter).trim(),
      };
      const known = Object.entries(facts).filter(([, value]) => value !== null && value !== undefined && value !== '');
      const headers = Object.entries(letter.headers ?? {}).map(([name, value]) => `${name}: ${[].concat(value).join(', ')}`).join('\n');
      place.replaceChildren(
        el('dl', {class: 'facts'}, ...known.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, String(value))])),
        ...(headers ? [el('h3', {}, 'Headers'), el('pre', {tabindex: 0, 'aria-label': 'Headers'}, headers)] : []),
        el('h3', {}, letter.truncated ? 'Payload, cut' : 'Payload'), el('pre', {tabindex: 0, 'aria-label': 'Payload'}, letter.payload ?? ''));
      $('edit-payload').value = letter.payload ?? '';
      this.untouched = $('edit-payload').value; // the field has line ends of its own
      $('edit-form').hidden = false;
    } catch (failure) {
      if (asked !== this.asked) {
        return;
      }
      place.replaceChildren(el('p', {class: 'empty'}, `No answer: ${failure.message}`));
    }
  }
}
