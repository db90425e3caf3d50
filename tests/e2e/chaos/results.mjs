// The kept results of the chaos: what is kept of a run that gave none, the table that is made of them, and what is wrong
// with them. A result is what cell.mjs writes; `cells` are those of cells.mjs. Pure, but for `revision`.

import {execFileSync} from 'node:child_process';

import {evidenceOfGroups, limits} from './cells.mjs';

export const revision = () => {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']}).trim();
  } catch {
    return 'unknown';
  }
};

// In the place of the result of a run that threw, or that did not end: nothing was measured, and it does not hold.
export function failureOf(cell, {seed, at, faults}) {
  return {
    cell: cell.name, what: cell.what, how: cell.how, nodes: cell.nodes, records: 0, messages: 0, seed, revision: at, rounds: 0,
    strikes: 0, redeliveries: 0, inDoubt: 0, counts: {}, recoveries: [], waits: {}, goals: cell.goals, unfinished: true,
    violations: Math.max(1, faults.length), faults: faults.slice(0, 10),
  };
}

// What is new takes the place of what was known of the same cell.
export function merged(old, fresh) {
  const names = new Set(fresh.map(({cell}) => cell));
  return [...old.filter(({cell}) => !names.has(cell)), ...fresh].sort((a, b) => (a.cell < b.cell ? -1 : 1));
}

// Groups of which all cells are among the results, and which have not seen once, all together, what they are for.
export function groupsThatSawNothing(results, cells) {
  const of = new Map(results.map((each) => [each.cell, each]));
  return evidenceOfGroups.flatMap(({group, seen}) => {
    const members = cells.filter(({name, apart}) => !apart && name.startsWith(`${group}.`));
    const complete = members.length > 0 && members.every(({name}) => of.has(name));
    return complete && !members.some(({name}) => of.get(name).counts[seen] > 0)
      ? [`no ${seen} was seen in all cells ${group}.*, so together they have tested nothing`] : [];
  });
}

const most = (values) => (values.length === 0 ? null : Math.max(...values));
const recoveriesOf = (results) => most(results.flatMap(({recoveries}) => recoveries));
const waitsOf = (results) => most(results.flatMap(({waits}) => waits.most ?? []));

function beyondItsGoals({recoveries, waits}, {recovery, wait} = {}) {
  const [back, waited] = [recoveriesOf([{recoveries}]), waitsOf([{waits}])];
  return [
    ...(recovery && back > recovery ? [`the first result came ${back} ms after the fault, and the goal is ${recovery} ms`] : []),
    ...(wait && waited > wait ? [`a record waited ${waited} ms, and the goal is ${wait} ms`] : []),
  ];
}

// Sentences; empty: every row is of a cell as it is, and holds.
export function wrongIn(results, cells) {
  const of = new Map(cells.map((each) => [each.name, each]));
  const wrong = results.flatMap((result) => {
    const cell = of.get(result.cell);
    if (!cell) {
      return [`${result.cell} is no cell any more`];
    }
    return [
      ...(result.what === cell.what && result.how === cell.how && result.nodes === cell.nodes ? [] : ['it was another fault when it was played']),
      ...(result.violations > 0 ? [`it does not hold (seed ${result.seed}): ${result.faults[0]}`] : []),
      ...beyondItsGoals(result, cell.goals),
    ].map((each) => `${result.cell}: ${each}`);
  });
  return [...wrong, ...groupsThatSawNothing(results, cells)];
}

// ------------------------------------------------------------------------------------------------------- the table

const thousands = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ',');

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? '' : thousands(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
}

const groupOf = (cell) => cell.split('.').slice(0, -1).join('.');
const sumIn = (results) => (read) => thousands(results.map(read).reduce((a, b) => a + b, 0));
const redeliveriesOf = ({redeliveries}) => redeliveries ?? 0;

function row(results) {
  const sum = sumIn(results);
  const recoveries = results.flatMap((each) => each.recoveries);
  const [first] = results;
  const nodes = results.map((each) => each.nodes).sort().join(', ');
  return [
    `\`${groupOf(first.cell)}\``, first.what.replace(/(one node|three nodes)/, results.length > 1 ? 'all nodes' : '$1'), first.how, nodes,
    sum((each) => each.records), sum((each) => each.strikes), sum(redeliveriesOf), sum((each) => each.inDoubt),
    quantile(recoveries, 0.5), quantile(recoveries, 0.99), thousands(waitsOf(results) ?? 0), sum((each) => each.violations),
  ];
}

const goals = [
  {what: 'PostgreSQL takes clients again: the first result after', cells: /^postgres\.(kill|term|away)\./, limit: limits.databaseBack, read: recoveriesOf},
  {what: 'a node alone is started again: the first result after', cells: /^daemon\.(kill|term)\.1/, limit: limits.restart, read: recoveriesOf},
  {what: 'PostgreSQL is silent for one of three nodes: the longest that a record waited', cells: /^peer\.hung-database\./, limit: limits.takeover, read: waitsOf},
];

function goalTable(results) {
  const rows = goals.map(({what, cells, limit, read}) => {
    const worst = read(results.filter(({cell}) => cells.test(cell)));
    return `| ${what} | ${thousands(limit)} ms | ${worst === null ? 'not measured' : `${thousands(worst)} ms`} |`;
  });
  for (const {memory} of results.filter(({memory: seen}) => seen)) {
    const window = Math.round(memory.windowSeconds / 60);
    rows.push(`| the memory of a node, through ${memory.minutesMb.length} minutes of mixed faults: the last ${window} beside the ${window} after the first ${window} | 5 % more | `
      + `${(memory.growth * 100).toFixed(1)} % more (${(memory.first / 1e6).toFixed(1)} to ${(memory.last / 1e6).toFixed(1)} MB) |`);
  }
  return ['| goal | at most | worst seen |', '| --- | --: | --: |', ...rows].join('\n');
}

// What no row says.
function remarks(results, cells) {
  const kept = new Set(results.map(({cell}) => cell));
  const named = (names) => names.map((name) => `\`${name}\``).join(', ');
  const failed = results.filter(({violations}) => violations > 0);
  const unfinished = results.filter((each) => each.unfinished).map(({cell}) => cell);
  const without = cells.filter(({name}) => !kept.has(name)).map(({name}) => name);
  return [
    ...(failed.length > 0 ? [`**Violated**: ${named(failed.map(({cell}) => cell))}.`] : []),
    ...(unfinished.length > 0 ? [`Not played to the end, so that nothing was measured: ${named(unfinished)}.`] : []),
    ...(without.length > 0 ? [`Not run, so that there is no row: ${named(without)}.`] : []),
  ].map((line) => `${line}\n\n`).join('');
}

export function table(results, cells) {
  const heads = ['cell', 'fault', 'how it is brought about', 'nodes', 'records', 'kills, freezes', 'redeliveries', 'commits in doubt',
    'back after, p50 (ms)', 'p99', 'longest wait (ms)', 'violations'];
  const groups = new Map();
  for (const result of results) {
    const name = groupOf(result.cell);
    groups.set(name, [...(groups.get(name) ?? []), result]);
  }
  const lines = [heads, heads.map((_, i) => (i < 4 ? '---' : '--:')), ...[...groups.values()].map(row)].map((each) => `| ${each.join(' | ')} |`);
  const sum = sumIn(results);
  const total = `${results.length} cells, ${sum((each) => each.records)} records, ${sum((each) => each.strikes)} kills and freezes, `
    + `${sum(redeliveriesOf)} redeliveries, ${sum((each) => each.inDoubt)} commits in doubt, ${sum((each) => each.violations)} violations; `
    + `at ${[...new Set(results.map((each) => each.revision))].join(', ')}.`;
  return `${goalTable(results)}\n\n${total}\n\n${remarks(results, cells)}${lines.join('\n')}\n`;
}
