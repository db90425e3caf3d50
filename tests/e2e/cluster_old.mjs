// A node that knows nothing of the cluster beside two that do, as in an upgrade: it forwards nothing and is forwarded
// nothing, the fence holds, and all three work. Usage: node cluster_old.mjs BINARY [OLD_BINARY]
//
// Without OLD_BINARY, a program of before the cluster, it is played by a node that may not use the cluster's subjects.

import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';

import {Cluster, log} from './cluster.mjs';
import {conclude, until} from './world.mjs';

const [, , binary, old = binary] = argv;
const seconds = 10;
const names = ['left', 'right'];

async function startOld(cluster) {
  const {world} = cluster;
  world.users.restrict('old', 'ledger+making', /^ledgerd\.(node|cluster)\./);
  world.mayBeRefused.push('old');
  world.reloadUsers();
  world.binary = old;
  const node = await cluster.start('old', {user: 'old'});
  world.binary = binary;
  await node.ready();
  return node;
}

async function run() {
  const cluster = await Cluster.open(binary, {load: {rate: 700, accounts: 500}});
  const stranger = await startOld(cluster);
  for (const name of names) {
    await cluster.start(name);
  }
  await cluster.formed(names);
  cluster.load.begin();
  await sleep(seconds * 1000);
  await cluster.allDecided('all is decided', 20);
  const faults = [];
  for (const node of cluster.nodes.values()) {
    await until(`${node.name} has its share of the work`, 20, async () => (await node.entries()) > 0
      && (node === stranger || (await cluster.metric(node, 'ledgerd_forwarded_entries_total')) > 0)).catch(() => {});
    const [entries, forwarded, rejections] = [await node.entries(),
      await cluster.metric(node, 'ledgerd_forwarded_entries_total'), await cluster.metric(node, 'ledgerd_fence_rejections_total')];
    log(`${node.name}: ${entries} entries, ${forwarded} forwarded, ${rejections} groups fenced off`);
    if (entries === 0) {
      faults.push(`${node.name} had no share of the work`);
    }
    if ((forwarded > 0) !== (node !== stranger)) {
      faults.push(`${node.name} has forwarded ${forwarded} entries`);
    }
  }
  log(`${cluster.load.longestWait().toFixed(0)} ms at most to a verdict`);
  return [...faults, ...await cluster.judge()];
}

await conclude(run, log);
