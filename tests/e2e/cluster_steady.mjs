// Three nodes at rest and at work: entries go to their owners, the fence rests, everybody says the same of the cluster,
// and a node that does not answer is shown as silent. Usage: node cluster_steady.mjs BINARY [SECONDS]

import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';

import {Cluster, log} from './cluster.mjs';
import {inversions, readRows} from './facts.mjs';
import {owners} from './owners.mjs';
import {slackOfShort} from './slack.mjs';
import {conclude, until} from './world.mjs';

const [, , binary, seconds = '12'] = argv;
const names = ['left', 'middle', 'right'];
const settleSeconds = 2;
const looksMax = 3; // rejections are excused where shards have moved, which a stall of the machine may bring about

// Of one view, what must be the same in all of them.
const common = ({nodes}) => JSON.stringify(nodes.map(({name, boot, roles, silent, shards}) => ({name, boot, roles, silent, shards})));

async function statusOf(cluster) {
  const {stdout, output} = cluster.world.verb('status', '--json', '--http-listen', 'off');
  const found = JSON.parse(stdout);
  return found.cluster ?? {nodes: [], why: output};
}

// Each view is up to a second old, so they may differ for as long after a change.
async function viewsAgree(cluster, faults) {
  let wrong;
  await until('all views agree', 15, async () => {
    wrong = await differences(cluster);
    return wrong.length === 0;
  }).catch(() => faults.push(...wrong));
}

async function differences(cluster) {
  const faults = [];
  const views = await Promise.all(names.map((name) => cluster.view(cluster.nodes.get(name))));
  const all = [...views, await statusOf(cluster)];
  if (new Set(all.map(common)).size !== 1) {
    faults.push(`the nodes and \`ledgerd status\` say different things: ${all.map(common).join(' | ')}`);
  }
  const due = new Map(names.map((name) => [name, 0]));
  for (const owner of owners(names)) {
    due.set(owner, due.get(owner) + 1);
  }
  for (const {name, shards} of views[0].nodes) {
    if (shards !== due.get(name)) {
      faults.push(`${name} says that it owns ${shards} shards, and ${due.get(name)} are due to it`);
    }
  }
  return faults;
}

async function work(cluster, faults) {
  const {load} = cluster;
  load.begin();
  await sleep(settleSeconds * 1000);
  const numbers = ['ledgerd_fence_rejections_total', 'ledgerd_rows_total', 'ledgerd_forwarded_entries_total'];
  const read = () => Promise.all(numbers.map((name) => cluster.sum(name)));
  const moves = () => names.reduce((sum, name) => sum + cluster.nodes.get(name).log.split('[shards_moved]').length, 0);
  let rejections, rows, forwarded;
  for (let looks = 1, moved = true; moved && looks <= looksMax; ++looks) {
    const before = await read();
    const movesBefore = moves();
    await sleep(Number(seconds) * 1000);
    await cluster.allDecided('all is decided', 10 * slackOfShort);
    [rejections, rows, forwarded] = (await read()).map((value, i) => value - before[i]);
    moved = rejections > rows / 10000 && moves() > movesBefore;
  }
  const share = forwarded / rows;
  log(`${rows} rows, ${rejections} groups fenced off, ${(100 * share).toFixed(0)} % forwarded, `
    + `at most ${load.longestWait().toFixed(0)} ms to a verdict`);
  if (rejections > rows / 10000) {
    faults.push(`${rejections} groups of ${rows} rows were fenced off in a steady cluster`);
  }
  const messages = load.messages.filter(({seq}) => seq !== undefined);
  const {ofSubject, ofAccount} = inversions({messages, rows: readRows(cluster.world)});
  log(`without a fault ${ofSubject} rows were overtaken by a later request of their subject, ${ofAccount} by any`);
  // Whoever pulls is not whoever owns in two of three cases.
  if (!(share > 0.3 && share < 0.9)) {
    faults.push(`${forwarded} of ${rows} entries were forwarded`);
  }
  for (const {name, decided, shareOfWork} of (await cluster.view(cluster.nodes.get('left'))).nodes) {
    log(`${name} has decided ${decided}, its share is ${shareOfWork}`);
    if (!(decided > rows / 20)) {
      faults.push(`${name} has decided ${decided} of ${rows}`);
    }
  }
}

async function silence(cluster, faults) {
  const quiet = cluster.nodes.get('right');
  quiet.child.kill('SIGSTOP');
  const isSilent = ({nodes}) => nodes.some(({name, silent}) => name === 'right' && silent);
  await until('the silent one is shown', 30, async () => {
    await sleep(200);
    const view = await cluster.view(cluster.nodes.get('left'));
    return view && isSilent(view);
  }).catch((error) => faults.push(error.message));
  // The other node may have heard the last word a little later.
  let status;
  await until('`ledgerd status` shows the silent node', 15, async () => isSilent(status = await statusOf(cluster)))
    .catch((error) => faults.push(`${error.message}: ${JSON.stringify(status)}`));
  let text; // each question is answered by what either of them has heard
  await until('`ledgerd status` says in words that it is silent', 15, async () =>
    /right.*SILENT/.test(text = cluster.world.verb('status', '--http-listen', 'off').output))
    .catch((error) => faults.push(`${error.message}:\n${text}`));
  quiet.child.kill('SIGCONT');
  await cluster.formed(names);
}

async function run() {
  const cluster = await Cluster.open(binary, {roles: 'ledger,account', load: {rate: 1000}});
  for (const name of names) {
    await cluster.start(name);
  }
  await cluster.formed(names);
  const faults = [];
  await viewsAgree(cluster, faults);
  await work(cluster, faults);
  await silence(cluster, faults);
  return [...faults, ...await cluster.judge()];
}

await conclude(run, log);
