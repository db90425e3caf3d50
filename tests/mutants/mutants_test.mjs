import assert from 'node:assert/strict';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';

import {printOf, survivors, textOf} from './page.mjs';
import {countMin, faults, mutate} from './schemata.mjs';

const mutant = (parts) => ({name: 'one', fault: 'it fails', file: 'a.cpp', was: 'x = 1;', becomes: ' ', caught: ['a_test.a'], ...parts});
const body = (text) => text.split('\n').slice(2).join('\n');

test('an expression and a statement are chosen at run time', () => {
  assert.equal(body(mutate('if (a < b)', [mutant({was: 'a < b', becomes: 'a > b'})])), 'if ((ledgerd_mutant("one") ? (a > b) : (a < b)))');
  assert.equal(body(mutate('x = 1;', [mutant({becomes: 'x = 2;'})])), '{ if (ledgerd_mutant("one")) { x = 2; } else { x = 1; } }');
  assert.equal(body(mutate('f(x);', [mutant({was: 'f(x);', becomes: 'f(MUTANT ? 0 : x);'})])), 'f(ledgerd_mutant("one") ? 0 : x);');
});

test('a line break breaks no mutant, and two may spoil the very same text', () => {
  assert.equal(body(mutate('a  <\n  b', [mutant({was: 'a < b', becomes: '1'}), mutant({name: 'two', was: 'a < b', becomes: '2'})])),
    '(ledgerd_mutant("one") ? (1) : ledgerd_mutant("two") ? (2) : (a  <\n  b))');
});

test('a text that does not stand once, or overlaps with another, names its mutant', () => {
  assert.throws(() => mutate('y = 1;', [mutant({})]), /mutant one: its text stands 0 times in a.cpp/);
  assert.throws(() => mutate('x = 1; x = 1;', [mutant({})]), /mutant one: its text stands 2 times/);
  assert.throws(() => mutate('if (x) x = 1;', [mutant({}), mutant({name: 'two', was: '(x) x', becomes: 'x'})]), /mutants two and one overlap/);
});

test('a table says what is wrong with it', () => {
  const root = mkdtempSync(join(tmpdir(), 'ledgerd-mutants-test-'));
  mkdirSync(join(root, 'tests/a'), {recursive: true});
  writeFileSync(join(root, 'tests/a/CMakeLists.txt'), 'ledgerd_test(a_test\n  SUITES a b\n  SOURCES main.cpp)\n');
  writeFileSync(join(root, 'a.cpp'), Array.from({length: countMin}, (_, at) => `x = ${at + 1};`).join('\n'));
  const many = Array.from({length: countMin}, (_, at) => mutant({name: `m${at}`, was: `x = ${at + 1};`}));
  const wrong = (parts) => faults(root, [...many.slice(1), mutant({name: 'one', ...parts})]);
  assert.deepEqual(wrong({}), []);
  assert.match(wrong({name: 'm1'})[0], /mutant m1: not a name of its own/);
  assert.match(wrong({caught: []})[0], /mutant one: incomplete/);
  assert.match(wrong({becomes: 'x = 1;'})[0], /mutant one: it changes nothing/);
  assert.match(wrong({caught: ['a_test.c']})[0], /mutant one: there is no test a_test.c/);
  assert.match(wrong({was: 'y'})[0], /mutant one: its text stands 0 times/);
  assert.match(faults(root, many.slice(1))[0], /39 mutants, fewer than 40/);
  rmSync(root, {recursive: true});
});

test('what was not caught by each of its tests is said', () => {
  const one = mutant({});
  const result = (parts) => ({one: {print: printOf(one), reached: true, played: [{test: 'a_test.a', how: 'fails', seconds: 1.2}], ...parts}});
  assert.deepEqual(survivors([one], result({})), []);
  assert.match(survivors([one], result({played: [{test: 'a_test.a', how: 'passes', seconds: 1}]}))[0], /not caught by each/);
  assert.match(survivors([one], result({reached: false}))[0], /not caught by each/);
  assert.match(survivors([], result({}))[0], /in results.json and not in the table/);
});

test('the page says of each fault what sees it and when', () => {
  const played = [{test: 'a_test.a', how: 'crashes', seconds: 1.25}];
  const page = (parts) => textOf([{title: 'A', faults: [mutant({fault: 'a | b', ...parts})]}], {one: {print: printOf(mutant({})), played}});
  const text = page({});
  assert.match(text, /\| `one` \| a \\\| b \| `a_test.a` crashes 1\.3 s \|/);
  assert.equal(page({was: 'x\n= 1;'}), text);
  assert.match(page({was: 'x = 2;'}), /1\.3 s; its place was rewritten since \|/);
  assert.match(page({caught: ['a_test.a', 'a_test.b']}), /1 have not been run[^]*not run yet: `a_test.a`<br>`a_test.b` \|/);
  assert.match(text, /\*\*1 faults in 1 files/);
});
