// Two nodes of one name: the second refuses to start and says why. Where they find each other later, both say so and go
// on. Usage: node cluster_names.mjs BINARY

import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';

import {Cluster, log} from './cluster.mjs';
import {conclude, until} from './world.mjs';

const [, , binary] = argv;

async function refused(cluster, faults) {
  const first = await cluster.start('only');
  await cluster.formed(['only']);
  const {nodes: [{boot}]} = await cluster.view(first);
  const second = await cluster.world.daemon('second', '--node-name', 'only', ...cluster.flags);
  const code = await second.exit(20);
  const lines = second.log.trim().split('\n').filter((line) => /^\S+ error |^ledgerd: /.test(line));
  log(`the second ends with ${code}: ${lines.join(' | ')}`);
  if (code !== 3) {
    faults.push(`the second of a name ended with ${code}:\n${second.log.slice(-2000)}`);
  }
  if (lines.length !== 1 || !['only', boot].every((part) => lines[0].includes(part))) {
    faults.push(`the second of a name does not say in one sentence whose name it is: ${lines.join('\n')}`);
  }
  await cluster.untroubled(first, 'name').catch((error) => faults.push(error.message));
  return first;
}

// They could not hear each other when they started.
async function foundLater(cluster, first, faults) {
  const {users} = cluster.world;
  users.restrict('deaf', 'ledger+making', /^ledgerd\.(node|cluster)\./);
  cluster.world.mayBeRefused.push('deaf');
  cluster.world.reloadUsers();
  const twin = await cluster.world.daemonAs('deaf', 'twin', '--node-name', 'only', ...cluster.flags);
  cluster.nodes.set('twin', twin);
  await twin.ready();
  // One that still starts would give way to the first, which would go on.
  await until('the twin has begun, and hears nobody', 20, async () => await cluster.metric(twin, 'ledgerd_cluster_deaf') === 1);
  users.restrict('deaf', 'ledger+making', /$^/);
  cluster.world.reloadUsers();
  for (const node of [first, twin]) {
    await until(`${node.name} says that its name is taken`, 15, async () => {
      await sleep(200);
      const {status, body} = await node.get('/readyz?verbose');
      return status === 503 && JSON.parse(body).checks.some((check) => !check.ok && /name/.test(`${check.name} ${check.detail}`));
    }).catch((error) => faults.push(error.message));
    await until(`the log of ${node.name} has a word of the other one`, 10, () => / error .*only/.test(node.log))
      .catch((error) => faults.push(error.message));
  }
  let status;
  await until('`ledgerd status` says that both are unready', 15, () => {
    status = cluster.world.verb('status');
    return status.code === 1 && status.output.includes('two nodes are named only: both are unready');
  }).catch((error) => faults.push(`${error.message}: it ends with ${status.code}: ${status.output.slice(-500)}`));
  // Whose pull request is first may get everything for a while.
  const before = await Promise.all([first, twin].map((node) => node.entries()));
  await until('both go on', 20, async () => {
    await sleep(200);
    const after = await Promise.all([first, twin].map((node) => node.entries()));
    return after.every((entries, i) => entries > before[i]);
  }).catch((error) => faults.push(error.message));
  await twin.stop();
  await first.ready(15);
}

async function run() {
  const cluster = await Cluster.open(binary, {load: {rate: 300, accounts: 200}});
  const faults = [];
  const first = await refused(cluster, faults);
  cluster.load.begin();
  await foundLater(cluster, first, faults);
  await cluster.allDecided('all is decided', 20);
  return [...faults, ...await cluster.judge({forwards: false})];
}

await conclude(run, log);
