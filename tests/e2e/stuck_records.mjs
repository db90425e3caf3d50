// Records that somebody's open transaction holds wait for their verdicts, and no others. Usage:
//   node stuck_records.mjs BINARY

import {setTimeout as sleep} from 'node:timers/promises';

import {slackOfShort} from './slack.mjs';
import {conclude, holdLocks, until, World} from './world.mjs';

const [, , binary] = process.argv;
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const held = 20;
const faultSeconds = 12;

const submit = (daemon, userId, wait) => fetch(`${daemon.url}/v1/transactions`, {
  method: 'POST', headers: {'Content-Type': 'application/json', ...(wait && {Prefer: `wait=${wait}`})},
  body: JSON.stringify({userId, type: 'DEPOSIT', amount: 10, currency: 'KRW'}),
});

// Asks one after the other until `stop`; how long each took until it had its verdict.
async function call(daemon, user, calls, stop) {
  while (!stop.now) {
    const began = performance.now();
    const answer = await submit(daemon, user, 20);
    await answer.text();
    calls.push({ms: performance.now() - began, status: answer.status});
  }
}

// The records are PENDING and held, and their results are on their way.
async function holdRecords(world, daemon) {
  const database = world.settings.LEDGERD_DATABASE_URL;
  const release = await holdLocks(`SELECT 'held' FROM ledger.accounts WHERE user_id = 'ann' FOR UPDATE`, database);
  for (let i = 0; i < held; ++i) {
    await submit(daemon, 'ann');
  }
  const records = await holdLocks(`SELECT id FROM account.transaction_records WHERE user_id = 'ann' AND status = 'PENDING' FOR UPDATE`,
    database);
  await release();
  return records;
}

async function run() {
  const faults = [];
  const world = new World(binary);
  const daemon = await world.daemon('records');
  await daemon.ready();
  await submit(daemon, 'ann', 10);
  const release = await holdRecords(world, daemon);
  const [calls, stop] = [[], {now: false}];
  const callers = Array.from({length: 4}, (_, i) => call(daemon, `user-${i}`, calls, stop));
  let [unready, looks] = [0, 0];
  for (const end = performance.now() + faultSeconds * 1000; performance.now() < end;) {
    unready += (await daemon.get('/readyz')).status === 200 ? 0 : 1;
    looks += 1;
    await sleep(200);
  }
  stop.now = true;
  await Promise.all(callers);
  const pending = () => Number(world.query(`SELECT count(*) FROM account.transaction_records WHERE status = 'PENDING'`)[0][0]);
  const times = calls.map(({ms}) => ms).sort((a, b) => a - b);
  log(`${calls.length} verdicts for others, the middle after ${times[times.length >> 1].toFixed(0)} ms, the last of a hundred after `
    + `${times[Math.floor(times.length * 0.99)].toFixed(0)} ms; ${pending()} records wait; not ready at ${unready} of ${looks} looks`);
  if (pending() !== held) {
    faults.push(`${pending()} records wait, and ${held} are held`);
  }
  if (calls.some(({status}) => status !== 200)) {
    faults.push(`others were answered ${calls.find(({status}) => status !== 200).status}`);
  }
  if (times[times.length >> 1] > 1000 * slackOfShort) {
    faults.push('others wait for those that are held');
  }
  if (unready > looks / 4) { // it stood still for as long as the lock
    faults.push('the node was not ready');
  }
  await release();
  await until('all have their verdicts', 60, async () => pending() === 0);
  await daemon.stop();
  faults.push(...world.auditFaults());
  return faults;
}

await conclude(run, log);
