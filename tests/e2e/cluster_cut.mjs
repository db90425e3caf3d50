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

import {Cluster, log} from './cluster.mjs';
import {conclude, until} from './world.mjs';

const [, , scenario, binary, seconds = '10'] = argv;
const names = ['left', 'right', 'sick'];
const ackWaitSeconds = 6;
const takeoverSeconds = ackWaitSeconds + 5;
const rate = 700;
const settledSeconds = 7; // after which the others work as if the sick one were not there
const waitMax = 3000; // milliseconds, then

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

const waits = (load, from, to) => load.sentBetween(from, to).map(({sent, decided}) => decided - sent);

// What came at the beginning of the fault: what the sick one had pulled itself, a third, comes after the acknowledgement
// wait; all else, and so what others had given to it, sooner. What came later does not wait at all.
function judgeWaits(load, began, ended, faults) {
  const first = waits(load, began, began + 1000);
  const soon = first.filter((wait) => wait < 5500).length / first.length;
  const late = Math.max(...waits(load, began + settledSeconds * 1000, ended));
  log(`with the fault: ${(load.rates(began, ended, ended - began)[0]).toFixed(0)} verdicts a second of ${rate}; of what came at `
    + `its beginning ${(100 * soon).toFixed(0)} % waited less than 5.5 s, all ${Math.max(...first).toFixed(0)} ms at most; `
    + `of what came after ${settledSeconds} s, ${late.toFixed(0)} ms at most`);
  if (soon < 0.55) {
    faults.push(`only ${(100 * soon).toFixed(0)} % of what came at the beginning was decided within 5.5 s`);
  }
  if (late > waitMax) {
    faults.push(`what came ${settledSeconds} s after the beginning waited up to ${late.toFixed(0)} ms`);
  }
}

async function suffer(cluster, sick, fault, faults) {
  const {load} = cluster;
  const before = await cluster.sum('ledgerd_fence_rejections_total');
  await takesPart(cluster, sick.node);
  const began = performance.now();
  fault.begin(cluster, sick);
  await sleep(Number(seconds) * 1000);
  const ended = performance.now();
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
