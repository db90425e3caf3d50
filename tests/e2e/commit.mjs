// Every COMMIT hangs, for a synchronous standby that is not there, while the database answers all else: the daemons say
// so, are not restarted for it, can be stopped, and go on when it is over. Usage: node commit.mjs BINARY [SECONDS]

import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';

import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const [, , binary, hangSeconds = '12'] = argv;

const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

let published = 0;

function deposits(count) {
  return Array.from({length: count}, () => {
    const recordId = ++published;
    const body = {recordId, userId: `user-${recordId % 50}`, type: 'DEPOSIT', amount: '10', currency: 'KRW'};
    return {subject: 'transaction.deposit', payload: new TextEncoder().encode(JSON.stringify(body))};
  });
}

async function says(daemon) {
  const {status, body} = await daemon.get('/readyz?verbose');
  return status === 503 && JSON.parse(body).checks.find((check) => check.name === 'commit' && !check.ok)?.detail;
}

// What it says and what its metric is, when it answers at all.
async function look(daemon) {
  let metrics;
  await until(`${daemon.name} answers`, 30, async () => {
    metrics = await daemon.get('/metrics');
    return metrics.status === 200;
  });
  return {said: await says(daemon), wait: Number(/^ledgerd_commit_wait_milliseconds (\d+)$/m.exec(metrics.body)?.[1])};
}

async function run() {
  if (!binary) {
    throw new Error('usage: node commit.mjs BINARY [SECONDS]');
  }
  const world = new World(binary);
  const operator = Object.assign(new URL(world.settings.LEDGERD_DATABASE_URL), {username: 'postgres'}).href;
  const waitFor = async (standby) => {
    world.query(`ALTER SYSTEM SET synchronous_standby_names = '${standby}'`, operator);
    world.query('SELECT pg_reload_conf()', operator);
    await until('the server has read it', 20, () => (world.query('SHOW synchronous_standby_names', operator)[0]?.[0] ?? '') === standby);
  };
  const left = await world.daemon('left', '--roles', 'ledger');
  const right = await world.daemon('right', '--roles', 'ledger');
  await left.ready();
  await right.ready();
  const traffic = await Traffic.open(world.natsUrl);
  const decided = async (seconds) => {
    await traffic.publish(deposits(1000));
    await until('all is decided', seconds,
      () => world.query('SELECT count(*) FROM ledger.transactions')[0][0] === String(published));
  };
  await decided(20);

  const faults = [];
  await waitFor('nobody');
  await traffic.publish(deposits(1000));
  const began = performance.now();
  for (const daemon of [left, right]) {
    log(`${daemon.name}: ${await until(`${daemon.name} says that a COMMIT hangs`, 20, async () => {
      await traffic.publish(deposits(10)); // commits wait when the checkpointer has read it, too
      return says(daemon);
    })}`);
  }
  // Also while none of ours is under way.
  while (performance.now() - began < Number(hangSeconds) * 1000) {
    const {wait, said} = await look(right);
    if (!said || !(wait >= 5000)) {
      faults.push(`after ${performance.now() - began} ms it says nothing of it, the metric is ${wait}`);
    }
    if ((await right.get('/livez', 3)).status !== 200) {
      faults.push(`after ${performance.now() - began} ms it would be restarted, which does not help`);
    }
    await sleep(500);
  }
  const waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
  const hung = Number(world.query(waiting, operator)[0][0]);
  log(`${hung} sessions wait for the standby`);
  if (hung > 10) {
    faults.push(`${hung} sessions wait for the standby`);
  }
  const told = performance.now();
  left.child.kill('SIGTERM');
  const code = await left.exit(30);
  log(`the left one ends with ${code} after ${((performance.now() - told) / 1000).toFixed(1)} s`);
  if (code !== 0) {
    faults.push(`it ends with ${code}:\n${left.log.slice(-1500)}`);
  }
  await waitFor('');
  await right.ready(20);
  await decided(60);
  if (!right.log.includes('a COMMIT has been waiting for ')) {
    faults.push('the log has no word of it');
  }
  await traffic.drained(60);
  await right.stop();
  faults.push(...world.auditFaults());
  await traffic.close();
  return faults;
}

await conclude(run, log);
