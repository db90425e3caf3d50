// Two ledger databases behind one broker: the second node refuses to start and says why. Where they find each other
// later, both say so, and neither pulls until the other has gone. A node whose address leads to another database later
// posts nothing there and says so. Usage: node cluster_ledgers.mjs BINARY

import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';

import {Cluster, log} from './cluster.mjs';
import {conclude, until} from './world.mjs';

const [, , binary] = argv;

function otherDatabase(world) {
  world.query('CREATE DATABASE other');
  const url = new URL(world.settings.LEDGERD_DATABASE_URL);
  url.pathname = '/other';
  return url.href;
}

async function refused(cluster, environment, faults) {
  const first = await cluster.start('first');
  await cluster.formed(['first']);
  const {nodes: [{boot}]} = await cluster.view(first);
  const second = await cluster.world.daemonIn(environment, 'second', ...cluster.flags);
  const code = await second.exit(20);
  const lines = second.log.trim().split('\n').filter((line) => /^\S+ error |^ledgerd: /.test(line));
  log(`the second ends with ${code}: ${lines.join(' | ')}`);
  if (code !== 3) {
    faults.push(`the node of another ledger ended with ${code}:\n${second.log.slice(-2000)}`);
  }
  if (lines.length !== 1 || !['first', boot, 'another ledger', '--database-url'].every((part) => lines[0].includes(part))) {
    faults.push(`the node of another ledger does not say in one sentence why it ends: ${lines.join('\n')}`);
  }
  await cluster.untroubled(first, 'ledger').catch((error) => faults.push(error.message));
  return first;
}

// They could not hear each other when they started.
async function foundLater(cluster, first, environment, faults) {
  const {users, natsUrl} = cluster.world;
  users.restrict('deaf', 'ledger+making', /^ledgerd\.(node|cluster)\./);
  cluster.world.mayBeRefused.push('deaf');
  cluster.world.reloadUsers();
  const other = await cluster.world.daemonIn(
    {...environment, LEDGERD_NATS_URL: users.as('deaf', natsUrl)}, 'other', ...cluster.flags);
  await other.ready();
  // One that still starts would give way to the first, which would go on.
  await until('the other has begun, and hears nobody', 20, async () => await cluster.metric(other, 'ledgerd_cluster_deaf') === 1);
  users.restrict('deaf', 'ledger+making', /$^/);
  cluster.world.reloadUsers();
  for (const node of [first, other]) {
    await until(`${node.name} says that there is another ledger`, 15, async () => {
      await sleep(200);
      const {status, body} = await node.get('/readyz?verbose');
      return status === 503 && JSON.parse(body).checks.some((check) => !check.ok && check.name === 'ledger'
        && check.detail.includes(node === first ? 'other' : 'first'));
    }).catch((error) => faults.push(error.message));
    await until(`the log of ${node.name} has a word of another ledger`, 10, () =>
      / error cluster: the node .* serves another ledger/.test(node.log)).catch((error) => faults.push(error.message));
    await until(`${node.name} counts one stranger`, 15, async () => await cluster.metric(node, 'ledgerd_cluster_strangers') === 1)
      .catch((error) => faults.push(error.message));
  }
  return other;
}

async function neitherPulls(cluster, nodes, faults) {
  // A node's pull requests stand for four seconds, and it stops to make new ones half a second later at most.
  await until('no pull request stands any more', 60, async () => {
    await sleep(200);
    return (await cluster.traffic.consumers()).every(({num_waiting: waiting}) => waiting === 0);
  });
  cluster.load.begin();
  await sleep(3000);
  const entries = await Promise.all(nodes.map((node) => node.entries()));
  log(`beside each other they have dealt with ${entries.join(' and ')} entries`);
  if (entries.some((count) => count > 0)) {
    faults.push(`a node beside one of another ledger has pulled: ${entries.join(' and ')} entries`);
  }
}

// A URL that changes under a running node, as a name that points elsewhere does. Its sessions end one after the other.
async function exchanged(cluster, right, wrong, faults) {
  const {world} = cluster;
  const file = join(world.servers, 'database-url');
  writeFileSync(file, right, {mode: 0o600});
  const node = await cluster.start('moved', {environment: {LEDGERD_DATABASE_URL: undefined, LEDGERD_DATABASE_URL_FILE: file}});
  await cluster.formed(['moved']);
  await node.ready();
  await cluster.allDecided('all is decided in the right database', 20);
  writeFileSync(file, wrong);
  world.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
    AND pid <> pg_backend_pid()`, right);
  await until('the node says that the database is another one', 10, async () => {
    await sleep(200);
    const {status, body} = await node.get('/readyz?verbose');
    return status === 503 && JSON.parse(body).checks.some((check) => !check.ok && check.name === 'database'
      && check.detail.includes('another database than the one this node began with'));
  }).catch((error) => faults.push(error.message));
  await until('a node whose database is another one takes no batches', 15, async () =>
    await cluster.metric(node, 'ledgerd_circuit_open') > 0).catch((error) => faults.push(error.message));
  if ((await node.get('/livez', 3)).status !== 200) {
    faults.push('an orchestrator is told to start the node anew, in a database that nobody has looked at');
  }
  await until('the log has an error line about another database', 10, async () => {
    await sleep(200);
    return / error .*this is another database than the one this node began with/.test(node.log);
  }).catch((error) => faults.push(error.message));
  writeFileSync(file, right);
  await node.ready(15);
  await cluster.allDecided('all is decided after the return', 20);
}

async function run() {
  const cluster = await Cluster.open(binary, {load: {rate: 200, accounts: 100}});
  const faults = [];
  const database = otherDatabase(cluster.world);
  const environment = {LEDGERD_DATABASE_URL: database};
  const first = await refused(cluster, environment, faults);
  const other = await foundLater(cluster, first, environment, faults);
  await neitherPulls(cluster, [first, other], faults);
  await other.stop();
  await first.ready(15);
  await cluster.allDecided('all is decided', 20);
  await first.stop();
  await exchanged(cluster, cluster.world.settings.LEDGERD_DATABASE_URL, database, faults);
  const [[strange]] = cluster.world.query('SELECT count(*) FROM ledger.transactions', database);
  if (strange !== '0') {
    faults.push(`${strange} rows landed in the other ledger`);
  }
  return [...faults, ...await cluster.judge({forwards: false})];
}

await conclude(run, log);
