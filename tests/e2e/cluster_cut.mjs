// Three nodes, of which one is sick: the money is right, what the sick one held reaches another in time, and afterwards it
// works again. Usage: node cluster_cut.mjs stopped|nats|database|links|alone BINARY [SECONDS]
//
//   stopped   it is frozen for a while
//   nats      its connections to the broker carry nothing; those to the database do
//   database  the reverse
//   links     it hears the others and is heard, and no entry gets through in either direction
//   alone     nobody hears of anybody, so that every node believes that it owns everything

import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';

import {Cluster, log, median} from './cluster.mjs';
import {owners, shardOf} from './owners.mjs';
import {slackOfShort} from './slack.mjs';
import {conclude, until} from './world.mjs';

const [, , scenario, binary, seconds = '16'] = argv;
const names = ['left', 'right', 'sick'];
const ackWaitSeconds = 12; // longer than all that is promised to be sooner, with room for a slow machine
const takeoverSeconds = ackWaitSeconds + 5 * slackOfShort; // five seconds more than the acknowledgement wait are promised
const rate = 700;
const soonMax = 11000; // milliseconds; the nodes themselves need four to do without the sick one
const settledSeconds = 10; // after which the others work as if the sick one were not there; seven are promised
const waitMax = 10000; // milliseconds, then; what the sick one had pulled would wait longer. Three seconds are promised
const looksMax = 3; // at the rate, each as long as the first
const effectSeconds = 20; // after that, at most, the fault has its full effect

// Another user for whoever may lose rights.
function makeUser(cluster, name) {
  const {users} = cluster.world;
  users.restrict(name, 'ledger+making', /$^/);
  cluster.world.mayBeRefused.push(name);
  cluster.world.reloadUsers();
  return name;
}

function cut(cluster, user, pattern) {
  cluster.world.users.restrict(user, 'ledger+making', pattern);
  cluster.world.reloadUsers();
}

const faultsOf = {
  stopped: {
    begin: (cluster, {node}) => node.child.kill('SIGSTOP'),
    end: (cluster, {node}) => node.child.kill('SIGCONT'),
  },
  nats: {
    begin: (cluster, {nats}) => nats.blackhole(),
    end: (cluster, {nats}) => nats.restore(),
  },
  database: {
    begin: (cluster, {database}) => database.blackhole(),
    end: (cluster, {database}) => database.restore(),
    full: 'circuit_opened', // until then it gives to the others what it pulls
  },
  links: {
    begin: (cluster) => cut(cluster, 'sick', /^ledgerd\.node\./),
    end: (cluster) => cut(cluster, 'sick', /$^/),
  },
  alone: {
    users: names,
    begin: (cluster) => names.forEach((name) => cut(cluster, name, /^ledgerd\.(node|cluster)\./)),
    end: (cluster) => names.forEach((name) => cut(cluster, name, /$^/)),
  },
};

async function takesPart(cluster, node) {
  const before = await node.entries();
  await until(`${node.name} has its share of the work`, 20, async () => {
    await sleep(200);
    return (await node.entries()) > before;
  });
}

const waits = (load, from, to, wanted) => load.sentBetween(from, to, wanted).map(({sent, decided}) => decided - sent);

// The greatest, and not a number when there is none, so that no bound holds.
const most = (values) => (values.length === 0 ? NaN : Math.max(...values));

// Verdicts and requests a second when the fault had lasted for a while, and whether the first are as many as the others.
function pace(load, began, ended) {
  const from = began + settledSeconds * 1000;
  const [got] = load.rates(from, ended, Math.floor(ended - from));
  const sent = load.sentBetween(from, ended).length * 1000 / (ended - from);
  return {got, sent, isFull: got > sent * 0.85};
}

// What came at the beginning of the fault: what the sick one had pulled itself, a third, comes after the acknowledgement
// wait; all else sooner, what others had given to it, too. What came later does not wait at all.
function judgeWaits(load, began, ended, faults) {
  const by = owners(names);
  for (const [whose, wanted] of [
    ['the sick one owns', ({request}) => by[shardOf(request.user)] === 'sick'],
    ['others own', ({request}) => by[shardOf(request.user)] !== 'sick'],
  ]) {
    const first = waits(load, began, began + 1000, wanted);
    const soon = first.filter((wait) => wait < soonMax).length / first.length;
    const percent = (100 * soon).toFixed(0);
    log(`of ${first.length} requests that came at the beginning, of accounts that ${whose}, ${percent} % waited less than `
      + `${soonMax} ms, ${median(first).toFixed(0)} ms in the middle, ${most(first).toFixed(0)} ms at most`);
    if (!(soon >= 0.55)) {
      faults.push(`of accounts that ${whose}, only ${percent} % of what came first was decided in ${soonMax} ms`);
    }
  }
  const late = most(waits(load, began + settledSeconds * 1000, ended));
  const {got, sent, isFull} = pace(load, began, ended);
  log(`after ${settledSeconds} s of the fault: ${got.toFixed(0)} verdicts a second of ${sent.toFixed(0)}, ${late.toFixed(0)} ms at most`);
  if (!isFull) {
    faults.push(`${settledSeconds} s after the beginning there were ${got.toFixed(0)} verdicts a second of ${sent.toFixed(0)}`);
  }
  if (!(late < waitMax)) {
    faults.push(`what came ${settledSeconds} s after the beginning waited up to ${late.toFixed(0)} ms`);
  }
}

// What passed between the sick one and the others while the fault had its full effect.
async function watch(cluster, {node}, {full = ''}) {
  const numbers = async () => (scenario === 'stopped' ? [0, 0]
    : [await node.entries(), await cluster.metric(node, 'ledgerd_forwarded_entries_total')]);
  const began = performance.now();
  await sleep(settledSeconds * 1000);
  await until(`the sick one says ${full}`, effectSeconds, () => node.log.includes(full));
  await sleep(300);
  const before = await numbers();
  await sleep(Math.max(2000, Number(seconds) * 1000 - (performance.now() - began)));
  const [entries, forwarded] = (await numbers()).map((value, i) => value - before[i]);
  log(`meanwhile the sick one has dealt with ${entries} entries and forwarded ${forwarded}`);
  const works = ['links', 'alone'].includes(scenario);
  return (entries > 0) === works && forwarded === 0 ? []
    : [`the fault was none: the sick one has dealt with ${entries} entries and forwarded ${forwarded}`];
}

async function suffer(cluster, sick, fault, faults) {
  const {load} = cluster;
  const before = await cluster.sum('ledgerd_fence_rejections_total');
  await takesPart(cluster, sick.node);
  const began = performance.now();
  fault.begin(cluster, sick);
  faults.push(...await watch(cluster, sick, fault));
  let ended = performance.now();
  // A stall of the machine just then keeps verdicts back for a moment; too few nodes do so for as long as it lasts.
  for (let looks = 1; looks < looksMax && !pace(cluster.load, began, ended).isFull; ++looks) {
    await sleep(Number(seconds) * 1000 - settledSeconds * 1000);
    ended = performance.now();
  }
  // While the fault lasts: what was published at its beginning is decided, by whom it may be.
  await until('the others have decided what came first', takeoverSeconds, async () => {
    await sleep(50);
    return load.sentBetween(0, began + 1000, ({decided}) => decided === undefined).length === 0;
  });
  fault.end(cluster, sick);
  if (sick.node.gone) {
    const code = await sick.node.exit(0);
    if (code !== 70) {
      throw new Error(`the sick one ended with ${code}:\n${sick.node.log.slice(-2000)}`);
    }
    log('the sick one has ended with 70 and is started again');
    await cluster.start('sick');
  }
  await cluster.nodes.get('sick').ready(30);
  await cluster.formed(names);
  await cluster.allDecided('all is decided', takeoverSeconds);
  judgeWaits(load, began, ended, faults);
  await takesPart(cluster, cluster.nodes.get('sick'));
  const after = await cluster.sum('ledgerd_fence_rejections_total');
  log(`${after - before} groups fenced off`);
  return after - before;
}

async function run() {
  const fault = faultsOf[scenario];
  if (!fault || !binary) {
    throw new Error('usage: node cluster_cut.mjs stopped|nats|database|links|alone BINARY [SECONDS]');
  }
  const cluster = await Cluster.open(binary, {ackWaitSeconds, load: {rate, accounts: 500}});
  const users = Object.fromEntries([...(fault.users ?? []), 'sick'].map((name) => [name, makeUser(cluster, name)]));
  for (const name of names.slice(0, 2)) {
    await cluster.start(name, {user: users[name]});
  }
  const sick = await cluster.startBehindProxies('sick', users.sick);
  await cluster.formed(names);
  cluster.load.begin();
  await sleep(2000);
  const faults = [];
  const rejections = await suffer(cluster, sick, fault, faults).catch((error) => {
    throw new Error(`${error.message}\n${sick.node.log.slice(-3000)}`);
  });
  faults.push(...await cluster.judge());
  if (scenario === 'alone' && rejections === 0) {
    faults.push('the fence had nothing to do, so nobody believed that he owned what another one owns');
  }
  sick.nats.close();
  sick.database.close();
  return faults;
}

await conclude(run, log);
