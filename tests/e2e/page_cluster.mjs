// The live page of two nodes under load, in a real Chromium: node page_cluster.mjs BINARY
//
// Its main picture is that of both: a second and in all, it shows the sum of what the nodes count in /metrics, and not
// what one of them does. A node that does not answer is not counted as 0: the page says how many do.

import assert from 'node:assert/strict';
import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';

import {Browser} from './browser.mjs';
import {Cluster, log} from './cluster.mjs';
import {conclude, until} from './world.mjs';

const [, , binary] = argv;
const names = ['left', 'right'];
const windowMs = 5000; // of the page's rates
const tolerance = 0.12; // one node's share is about a half
const outcomes = ['applied', 'refused', 'duplicate', 'parked'];

const number = (text) => Number(text.replace(/[^\d.]/g, ''));

// How many entries each node has ended, by outcome.
async function counted(cluster) {
  return Promise.all(names.map(async (name) => {
    const {body} = await cluster.nodes.get(name).get('/metrics');
    const found = Object.fromEntries([...body.matchAll(/^ledgerd_entries_total\{outcome="(\w+)"\} (\d+)/gm)].map(([, outcome, value]) => [outcome, Number(value)]));
    return {...found, at: performance.now()};
  }));
}

// What each node applied a second while it was waited.
async function appliedRates(cluster) {
  const before = await counted(cluster);
  await sleep(windowMs);
  return (await counted(cluster)).map((now, i) => (now.applied - before[i].applied) / (now.at - before[i].at) * 1000);
}

const near = (value, wanted) => Math.abs(value - wanted) <= tolerance * wanted;

// The load is steady, so that a second more or less is the same.
async function showsTheSum(tab, cluster) {
  let said = '';
  await until('the page shows what both apply a second', 60, async () => {
    const each = await appliedRates(cluster);
    const [sum, shown] = [each.reduce((a, b) => a + b, 0), number(await tab.text('rate-applied'))];
    said = `${shown} are shown; the nodes applied ${each.map((one) => one.toFixed(0)).join(' and ')}`;
    log(said);
    return near(shown, sum) && each.every((one) => one > sum / 5 && !near(shown, one));
  }).catch((error) => { throw new Error(`${error.message}: ${said}`); });
  let [applied, published] = [0, 0];
  await until('what is applied is about what is published', 20, async () => {
    [applied, published] = [number(await tab.text('rate-applied')), number(await tab.text('rate-published'))];
    return applied > 0 && applied > published * 0.6;
  }).catch(() => assert.fail(`${applied} applied of ${published} published: a healthy cluster looks stuck`));
  assert.match(await tab.text('flow-note'), /of 2 nodes/);
  assert.match(await tab.run(() => document.querySelector('#stages .head').textContent), /of this node/);
  let drawn = '';
  await until('the chart ends with what both apply', 20, async () => {
    drawn = await tab.run(() => document.querySelector('#chart').getAttribute('aria-label'));
    return number(/now ([\d.,]+) applied/.exec(drawn)[1]) > applied / 1.4;
  }).catch((error) => { throw new Error(`${error.message}: ${drawn}; ${applied} are applied`); });
}

const shownTotals = async (tab) => Object.fromEntries(await Promise.all(outcomes.map(async (outcome) => [outcome, number(await tab.text(`total-${outcome}`))])));

async function totalsAgree(tab, cluster, of = names) {
  await until(`the page shows all that ${of} have counted`, 30, async () => {
    const counts = (await counted(cluster)).filter((_, i) => of.includes(names[i]));
    const sum = Object.fromEntries(outcomes.map((outcome) => [outcome, counts.reduce((all, one) => all + one[outcome], 0)]));
    return JSON.stringify(await shownTotals(tab)) === JSON.stringify(sum) && sum.applied > 0;
  });
}

// `ledgerd status` and /v1/cluster tell the same of each.
async function saysSoElsewhere(cluster) {
  // What is decided may still wait for its acknowledgement, and a node's word is up to a second old.
  await until('nothing is undecided', 20, async () => (await cluster.view(cluster.nodes.get('left')))?.nodes
    .every(({oldestUndecidedMs}) => oldestUndecidedMs === null || oldestUndecidedMs === 0));
  const counts = await counted(cluster);
  const {nodes} = await cluster.view(cluster.nodes.get('left'));
  names.forEach((name, i) => {
    const {entries} = nodes.find((node) => node.name === name);
    assert.deepEqual(entries, Object.fromEntries(outcomes.map((outcome) => [outcome, counts[i][outcome]])));
  });
  const {stdout} = cluster.world.verb('status', '--json', '--http-listen', 'off');
  const right = JSON.parse(stdout).cluster.nodes.find((node) => node.name === 'right');
  assert.deepEqual(right.entries, Object.fromEntries(outcomes.map((outcome) => [outcome, counts[1][outcome]])));
}

// The other node is stopped, which nobody can tell from one that is cut off.
async function saysWhoIsMissing(tab, cluster) {
  const right = cluster.nodes.get('right');
  right.child.kill('SIGSTOP');
  await until('the page says that one of two answers', 30, async () => /1 of 2 nodes/.test(await tab.text('flow-note')));
  const [left] = await (async () => [await cluster.nodes.get('left').get('/metrics')])();
  const applied = Number(/^ledgerd_entries_total\{outcome="applied"\} (\d+)/m.exec(left.body)[1]);
  await until('the totals are those of the one that answers', 20, async () => number(await tab.text('total-applied')) === applied);
  assert.match(await tab.text('oldest'), /^(–|at least .*)$/, 'nobody knows what the silent node holds');
  assert.doesNotMatch(await tab.text('verdict-text'), /At rest/);
  right.child.kill('SIGCONT');
  await until('both answer again', 30, async () => /of 2 nodes/.test(await tab.text('flow-note')) && !/1 of 2/.test(await tab.text('flow-note')));
  await totalsAgree(tab, cluster);
}

async function run() {
  const cluster = await Cluster.open(binary, {load: {rate: 300, accounts: 400, exponent: 0.3}});
  for (const name of names) {
    await cluster.start(name);
  }
  await cluster.formed(names);
  const browser = await Browser.launch();
  const tab = await browser.tab();
  await tab.size(1440, 900);
  cluster.load.begin();
  await tab.goto(`${cluster.nodes.get('left').url}/`);
  await showsTheSum(tab, cluster);
  log('a second, the page shows the sum of both nodes');
  await cluster.load.end();
  await cluster.allDecided('all is decided', 20);
  await totalsAgree(tab, cluster);
  await saysSoElsewhere(cluster);
  log('in all, too; /v1/cluster and `ledgerd status` say it of each');
  await saysWhoIsMissing(tab, cluster);
  log('the page says when one of them does not answer');
  assert.deepEqual([...tab.breaches, ...tab.exceptions], []);
  browser.end();
  return cluster.judge();
}

await conclude(run, log);
