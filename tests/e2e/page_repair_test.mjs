// The page's dialogs for dead letters, on elements that only hold what is written into them, by calls that answer when they are told to.

import assert from 'node:assert/strict';
import {cpSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, beforeEach, test} from 'node:test';
import {setImmediate as turn} from 'node:timers/promises';
import {fileURLToPath, pathToFileURL} from 'node:url';

const folder = mkdtempSync(join(tmpdir(), 'ledgerd-page.'));
cpSync(fileURLToPath(new URL('../../app/page/files', import.meta.url)), folder, {recursive: true});
writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
after(() => rmSync(folder, {recursive: true}));
const load = (name) => import(pathToFileURL(join(folder, name)).href);
const {Repair} = await load('repair.js');
const {Letters} = await load('letters.js');

class Element {
  constructor() {
    Object.assign(this, {children: [], dataset: {}, listeners: {}, found: {}, text: '', open: false, hidden: false, disabled: false});
  }

  get value() {
    return this.written ?? '';
  }

  // As a textarea does.
  set value(text) {
    this.written = text.replace(/\r\n?/g, '\n');
  }

  get textContent() {
    return this.text + this.children.map((child) => child.textContent ?? child).join('');
  }

  set textContent(text) {
    Object.assign(this, {text, children: []});
  }

  append(...children) {
    this.children.push(...children);
  }

  replaceChildren(...children) {
    Object.assign(this, {text: '', children});
  }

  addEventListener(event, call) {
    this.listeners[event] = call;
  }

  querySelector(selector) {
    return this.found[selector] ??= new Element();
  }

  querySelectorAll() {
    return [];
  }

  showModal() {
    this.open = true;
  }

  close() {
    this.open = false;
  }

  setAttribute() {}
  focus() {}
}

let elements;
const $ = (id) => elements[id] ??= new Element();
globalThis.document = {getElementById: $, createElement: () => new Element(), activeElement: null};
const submit = (form) => $(form).listeners.submit({preventDefault() {}});
const said = () => $('repair-answer').textContent;

// Calls in the order in which they are made, each answered by hand.
let calls;
const link = {
  ask: (path, {body} = {}) => new Promise((resolve, reject) => {
    calls.push({path, body, answer: resolve, refuse: (message, status = 503) => reject(Object.assign(new Error(message), {status}))});
  }),
};

beforeEach(() => {
  elements = {};
  calls = [];
});

async function answered(call, answer) {
  call.answer({missing: 0, verdicts: {}, items: [], next: null, failure: null, ...answer});
  await turn();
}

test('a real run means the letters of its dry run, in as few calls as can be', async () => {
  const repair = new Repair(link);
  repair.open('discard', {filter: {cause: 'c'}}, 'all');
  await answered(calls[0], {count: 10000, done: 0, wouldBeDone: 10000, next: 10000, upTo: 12000});
  await answered(calls[1], {count: 2000, done: 0, wouldBeDone: 2000, upTo: 12000});
  assert.match(said(), /12,000 of 12,000 letters would be discarded/);
  assert.match(said(), /behind the first 10,000 does not reckon with those before them/);
  assert.equal($('repair-go').disabled, false);
  submit('repair-form');
  await answered(calls[2], {count: 10000, done: 10000, next: 10000, upTo: 12000});
  await answered(calls[3], {count: 2000, done: 2000, upTo: 12000});
  assert.match(said(), /12,000 of 12,000 letters discarded/);
  assert.deepEqual(calls.map(({body: {dryRun, after: behind, upTo, limit}}) => [dryRun, behind, upTo, limit]), [
    [true, undefined, undefined, 10000], [true, 10000, 12000, 10000], [false, undefined, 12000, 10000], [false, 10000, 12000, 10000]]);
});

test('a run that fails on its way shows what was done, and goes on behind it', async () => {
  const repair = new Repair(link);
  let reloaded = 0;
  repair.done = () => { ++reloaded; };
  repair.open('discard', {filter: {cause: 'c'}}, 'all');
  await answered(calls[0], {count: 5, done: 0, wouldBeDone: 5, upTo: 5});
  submit('repair-form');
  await answered(calls[1], {count: 2, done: 2, next: 2, upTo: 5, failure: 'the broker does not answer'});
  assert.match(said(), /2 of 2 letters discarded.*It went no further. the broker does not answer/);
  assert.equal($('repair-go').disabled, false);
  assert.equal(reloaded, 1);
  submit('repair-form');
  assert.equal(calls[2].body.after, 2);
  await answered(calls[2], {count: 1, done: 1, next: 3, upTo: 5});
  calls[3].refuse('the node does not answer');
  await turn();
  assert.match(said(), /1 of 1 letter discarded.*It went no further. No answer: the node does not answer/);
  assert.equal(reloaded, 2);
  submit('repair-form');
  assert.equal(calls[4].body.after, 3);
});

test('an earlier run lets nobody begin another before its dry run has come', async () => {
  const repair = new Repair(link);
  for (const end of ['answer', 'refuse']) {
    calls = [];
    repair.open('discard', {seqs: [1]}, 'letter 1');
    await answered(calls[0], {count: 1, done: 0, wouldBeDone: 1, upTo: 9});
    submit('repair-form');
    $('repair-dialog').close();
    repair.open('discard', {seqs: [2]}, 'letter 2');
    end === 'answer' ? await answered(calls[1], {count: 1, done: 1, upTo: 9}) : calls[1].refuse('gone');
    await turn();
    assert.equal($('repair-go').disabled, true);
    assert.match(said(), /Asking/);
    await answered(calls[2], {count: 1, done: 0, wouldBeDone: 1, upTo: 9});
    assert.equal($('repair-go').disabled, false);
  }
});

test('a slow answer is not shown under another letter', async () => {
  const letters = new Letters(link, {}, {});
  letters.look(5);
  letters.look(6);
  calls[1].answer({seq: 6, payload: 'six', marksComplete: true});
  await turn();
  calls[0].answer({seq: 5, payload: 'five', marksComplete: true});
  await turn();
  assert.equal($('letter-title').textContent, 'Letter 6');
  assert.equal($('edit-payload').value, 'six');
  assert.equal(letters.open.seq, 6);
  letters.look(7);
  letters.look(8);
  calls[3].answer({seq: 8, payload: 'eight', marksComplete: true});
  await turn();
  calls[2].refuse('gone');
  await turn();
  assert.doesNotMatch($('letter-answer').textContent, /gone/);
});

test('a payload whose line ends the field has changed is no changed payload', async () => {
  const opened = [];
  const letters = new Letters(link, {open: (...order) => opened.push(order)}, {});
  letters.look(5);
  calls[0].answer({seq: 5, payload: '{\r\n}', marksComplete: true});
  await turn();
  submit('edit-form');
  $('edit-payload').value += ' ';
  submit('edit-form');
  assert.deepEqual(opened.map(([, which]) => which), [{seqs: [5]}, {seqs: [5], payload: '{\n} '}]);
});
