// Every number that alerts, dashboard and pages name is one that a running node shows, with the labels they give it.
// Usage: node shown.mjs BINARY

import {execFileSync} from 'node:child_process';
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {argv} from 'node:process';

import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const [, , binary] = argv;
const root = new URL('../../', import.meta.url).pathname;

const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const read = (path) => readFileSync(root + path, 'utf8');

const metricName = /\b(?:ledgerd|caf|process)_[a-z][a-z0-9_]*/g;
// A name, and what stands in its braces.
const selector = /\b((?:ledgerd|caf|process)_[a-z][a-z0-9_]*)(?:\{([^{}]*)\})?/g;
const noMetrics = new Set(['ledgerd_ledger', 'ledgerd_account', 'ledgerd_writer', 'ledgerd_reader']); // roles of PostgreSQL

// The expressions of a file, where it has a form; of a page what stands in backticks.
function expressions(path) {
  const text = read(path);
  if (path.endsWith('.json')) {
    const found = [];
    JSON.parse(text, (key, value) => {
      if (['expr', 'query', 'definition'].includes(key) && typeof value === 'string') {
        found.push(value);
      }
      return value;
    });
    return found;
  }
  return path.endsWith('.md') ? [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code) : [text.replace(/^ *#.*$/gm, '')];
}

// {name, labels: [{label, negated, value}], path}
function named(path) {
  return expressions(path).flatMap((code) => [...code.matchAll(selector)])
    .filter(([, name]) => !noMetrics.has(name))
    .map(([, name, braces]) => ({
      path,
      name,
      labels: [...(braces ?? '').matchAll(/(\w+)(=|!=)"([^"$]*)"/g)].map(([, label, operator, value]) =>
        ({label, negated: operator === '!=', value})),
    }));
}

// What /metrics shows: names with their series' labels.
function shownBy(text, shown) {
  for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const all = type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name];
    all.forEach((each) => shown.set(each, shown.get(each) ?? new Set()));
  }
  for (const [, name, labels] of text.matchAll(/^([a-z]\w*)\{([^}]*)\} /gm)) {
    for (const [, label, value] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      shown.get(name)?.add(`${label}=${value}`).add(label);
    }
  }
  return shown;
}

const ofPrometheus = new Set(['job', 'instance', 'alertname', 'le']);

// The sentences about what is named and not shown.
function missing(wanted, shown) {
  const faults = new Set();
  for (const {path, name, labels} of wanted) {
    const series = shown.get(name);
    if (!series) {
      // A page may name a histogram as a whole.
      if (!(path.endsWith('.md') && shown.has(`${name}_count`))) {
        faults.add(`${path}: no node shows ${name}`);
      }
      continue;
    }
    for (const {label, value} of labels.filter(({label: each}) => !ofPrometheus.has(each))) {
      const right = /^[\w-]+$/.test(value) ? series.has(`${label}=${value}`) : series.has(label);
      if (!right) {
        faults.add(`${path}: ${name} has no ${label}="${value}"`);
      }
    }
  }
  return [...faults];
}

// That the check can fail.
function checkOfTheCheck(shown) {
  const invented = [
    {path: 'x.yml', name: 'ledgerd_no_such_total', labels: []},
    {path: 'x.yml', name: 'ledgerd_entries_total', labels: [{label: 'outcome', value: 'lost'}]},
    {path: 'x.yml', name: 'ledgerd_commit_seconds', labels: []},
    {path: 'x.yml', name: 'ledgerd_entries_total', labels: [{label: 'outcome', value: 'applied'}]},
  ];
  return missing(invented, shown).length === 3 ? [] : ['the check lets names pass that nobody shows'];
}

// Without one that is used nothing is said of certificates.
function authorities(directory) {
  const file = join(directory, 'ca.crt');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=authority of a run', '-keyout', '/dev/null', '-out', file], {stdio: 'ignore'});
  return {PGSSLROOTCERT: file};
}

async function run() {
  const world = new World(binary);
  const traffic = await Traffic.open(world.natsUrl);
  const flags = ['--roles', 'ledger,account', '--audit-interval', '1s'];
  const daemons = [await world.daemonIn(authorities(world.directory), 'left', ...flags), await world.daemon('right', ...flags)];
  for (const daemon of daemons) {
    await daemon.ready();
  }
  await traffic.publish(Array.from({length: 100}, (_, i) => ({
    subject: 'transaction.deposit',
    payload: new TextEncoder().encode(JSON.stringify({recordId: 10 ** 12 + i, userId: `user-${i}`, amount: 1, currency: 'KRW'})),
  })));
  const pages = ['docs/operating.md', 'docs/deploying.md', 'docs/capacity.md', 'docs/scaling.md', 'SECURITY.md',
    ...readdirSync(`${root}docs/runbooks`).map((name) => `docs/runbooks/${name}`)];
  const sources = ['deploy/prometheus/alerts.yml', 'deploy/grafana/ledgerd.json'];
  const wanted = [...sources, ...pages].flatMap(named);
  const names = new Set(wanted.map(({name}) => name));
  log(`${names.size} names in ${sources.length + pages.length} files`);
  const shown = new Map();
  let faults = [];
  await until('all names are shown', 30, async () => {
    for (const daemon of daemons) {
      shownBy((await daemon.get('/metrics')).body, shown);
    }
    faults = missing(wanted, shown);
    return faults.length === 0;
  }).catch(() => {});
  log(`${shown.size} names are shown`);
  for (const source of sources) {
    const count = new Set(expressions(source).join(' ').match(metricName)).size;
    if (count < 20) {
      faults.push(`${source}: only ${count} names are found, so the check tested nothing`);
    }
  }
  faults.push(...checkOfTheCheck(shown));
  for (const daemon of daemons) {
    await daemon.stop();
  }
  await traffic.close();
  return faults;
}

await conclude(run, log);
