// Writes the table in docs/guarantees.md from the kept results. Usage: node table.mjs [--check]
//   --check: writes nothing; exit code 1 when the page says anything else than the results.

import {readFileSync, writeFileSync} from 'node:fs';
import {argv, exit} from 'node:process';

const page = new URL('../../../docs/guarantees.md', import.meta.url);
const kept = new URL('../../../docs/chaos/results.json', import.meta.url);
const [begin, end] = ['<!-- chaos: begin -->\n', '<!-- chaos: end -->'];

const thousands = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ',');

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? '' : thousands(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
}

const groupOf = (cell) => cell.split('.').slice(0, -1).join('.');

function row(results) {
  const sum = (read) => thousands(results.map(read).reduce((a, b) => a + b, 0));
  const recoveries = results.flatMap((each) => each.recoveries);
  const [first] = results;
  const nodes = results.map((each) => each.nodes).sort().join(', ');
  return [
    `\`${groupOf(first.cell)}\``, first.what.replace(/(one node|three nodes)/, results.length > 1 ? 'all nodes' : '$1'), first.how, nodes,
    sum((each) => each.records), sum((each) => each.strikes), sum((each) => each.redeliveries ?? 0), sum((each) => each.inDoubt),
    quantile(recoveries, 0.5), quantile(recoveries, 0.99), thousands(Math.max(...results.map((each) => each.waits.most ?? 0))),
    sum((each) => each.violations),
  ];
}

function table(results) {
  const heads = ['cell', 'fault', 'how it is brought about', 'nodes', 'records', 'kills, freezes', 'redeliveries', 'commits in doubt',
    'back after, p50 (ms)', 'p99', 'longest wait (ms)', 'violations'];
  const groups = new Map();
  for (const result of results) {
    const name = groupOf(result.cell);
    groups.set(name, [...(groups.get(name) ?? []), result]);
  }
  const lines = [heads, heads.map((_, i) => (i < 4 ? '---' : '--:')), ...[...groups.values()].map(row)].map((cells) => `| ${cells.join(' | ')} |`);
  const sum = (read) => thousands(results.map(read).reduce((a, b) => a + b, 0));
  const total = `${results.length} cells, ${sum((each) => each.records)} records, ${sum((each) => each.strikes)} kills and freezes, `
    + `${sum((each) => each.redeliveries ?? 0)} redeliveries, ${sum((each) => each.inDoubt)} commits in doubt, ${sum((each) => each.violations)} violations; `
    + `at ${[...new Set(results.map((each) => each.revision))].join(', ')}.`;
  return `${goalTable(results)}\n\n${total}\n\n${lines.join('\n')}\n`;
}

const most = (values) => (values.length === 0 ? null : Math.max(...values));
const recoveriesOf = (results) => most(results.flatMap(({recoveries}) => recoveries));
const goals = [
  {what: 'PostgreSQL takes clients again: the first result after', cells: /^postgres\.(kill|term|away)\./, limit: 3000, read: recoveriesOf},
  {what: 'a node alone is started again: the first result after', cells: /^daemon\.(kill|term)\.1/, limit: 2000, read: recoveriesOf},
  {
    what: 'PostgreSQL is silent for one of three nodes: the longest that a record waited', cells: /^peer\.hung-database\./, limit: 7000,
    read: (results) => most(results.map(({waits}) => waits.most)),
  },
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

const text = readFileSync(page, 'utf8');
const results = JSON.parse(readFileSync(kept, 'utf8'));
const at = text.indexOf(begin) + begin.length;
const fresh = text.slice(0, at) + table(results) + text.slice(text.indexOf(end));
if (argv.includes('--check')) {
  console.log(fresh === text ? 'the page says what the results say' : 'docs/guarantees.md is not made of docs/chaos/results.json: ./dev chaos --table');
  exit(fresh === text ? 0 : 1);
}
writeFileSync(page, fresh);
