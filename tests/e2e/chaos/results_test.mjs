// What is kept of runs of the chaos is shown and judged: a failure never looks like the success that stood there before, a goal
// that is missed is said, and every cell has a row or is named as not run.

import assert from 'node:assert/strict';
import test from 'node:test';

import {slackOfShort} from '../slack.mjs';
import {cells, evidenceOfGroups} from './cells.mjs';
import {failureOf, groupsThatSawNothing, merged, table, wrongIn} from './results.mjs';
import {eventsIn} from './watch.mjs';

const of = (name) => cells.find((each) => each.name === name);

function good(cell, more = {}) {
  return {
    cell: cell.name, what: cell.what, how: cell.how, nodes: cell.nodes, records: 10, seed: 1, revision: 'abc', strikes: 1, redeliveries: 2,
    inDoubt: 1, counts: {inDoubt: 1}, recoveries: [100], waits: {most: 200}, goals: cell.goals, violations: 0, faults: [], ...more,
  };
}

const allGood = () => cells.map((cell) => good(cell));
const changed = (name, more) => allGood().map((each) => (each.cell === name ? {...each, ...more} : each));

test('results that hold are not complained about, and all have a row', () => {
  assert.deepEqual(wrongIn(allGood(), cells), []);
  assert.doesNotMatch(table(allGood(), cells), /Not run|Violated|Not played/);
});

test('a run that did not end takes the place of the good one before it, is shown, and does not hold', () => {
  const cell = of('daemon.kill.1');
  const failed = failureOf(cell, {seed: 7, at: 'def', faults: ['it threw']});
  const all = merged(allGood(), [failed]);
  assert.equal(all.filter((each) => each.cell === cell.name).length, 1);
  assert.deepEqual(wrongIn(all, cells), ['daemon.kill.1: it does not hold (seed 7): it threw']);
  assert.match(table(all, cells), /\*\*Violated\*\*: `daemon\.kill\.1`\./);
  assert.match(table(all, cells), /nothing was measured: `daemon\.kill\.1`\./);
  assert.match(table(all, cells), /^\| `daemon\.kill` .* \| 1 \|$/m);
});

test('a run that ended without a word counts as one violation', () => {
  assert.equal(failureOf(of('daemon.kill.1'), {seed: 7, at: 'def', faults: []}).violations, 1);
});

test('a recovery or a wait beyond its goal is said, and one that is just within it is not', () => {
  assert.deepEqual(wrongIn(changed('postgres.kill.1', {recoveries: [100, 3001]}), cells),
    ['postgres.kill.1: the first result came 3001 ms after the fault, and the goal is 3000 ms']);
  assert.deepEqual(wrongIn(changed('postgres.kill.1', {recoveries: [100, 3000]}), cells), []);
  assert.deepEqual(wrongIn(changed('peer.hung-database.3', {waits: {most: 7001}}), cells),
    ['peer.hung-database.3: a record waited 7001 ms, and the goal is 7000 ms']);
  assert.deepEqual(wrongIn(changed('peer.hung-database.3', {waits: {most: 7000}}), cells), []);
});

test('a row of no cell, and one of a cell that has changed, are said', () => {
  const stranger = good({name: 'daemon.gone.1', what: '', how: '', nodes: 1});
  assert.deepEqual(wrongIn([...allGood(), stranger], cells), ['daemon.gone.1 is no cell any more']);
  assert.deepEqual(wrongIn(changed('daemon.kill.1', {how: 'otherwise'}), cells), ['daemon.kill.1: it was another fault when it was played']);
});

test('a cell without a row is named', () => {
  const without = allGood().filter(({cell}) => cell !== 'daemon.kill.1');
  assert.match(table(without, cells), /Not run, so that there is no row: `daemon\.kill\.1`\./);
});

test('a group that has seen nothing is said only when all of it was played', () => {
  const blind = allGood().map((each) => ({...each, counts: {}}));
  assert.deepEqual(groupsThatSawNothing(blind, cells).length, evidenceOfGroups.length);
  assert.deepEqual(groupsThatSawNothing(blind.filter(({cell}) => cell !== 'postgres.kill.1'), cells), []);
  assert.deepEqual(groupsThatSawNothing(changed('postgres.kill.1', {counts: {}}), cells), []);
});

test('each cell must see something, and what must not last too long is looked at for longer', () => {
  for (const cell of cells) {
    assert.ok(cell.seen.length > 0, cell.name);
    assert.equal(cell.seen.some((names) => names.split('|').includes('late')), cell.late > 0, cell.name);
    const most = (cell.goals?.wait ?? 0) * slackOfShort;
    assert.ok(most === 0 || cell.fault.holds > most, `${cell.name} ends before a wait could be too long`);
  }
});

test('events are counted by the code at the end of a line', () => {
  const log = '2026-11-29T10:00:00.000001Z warn  gone [broker_lost]\n2026-11-29T10:00:01.000001Z info  [broker_lost] is said [broker_connected]\n';
  assert.deepEqual([...eventsIn(log)], [['broker_lost', 1], ['broker_connected', 1]]);
});
