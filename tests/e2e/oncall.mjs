// On call: a record that is stuck behind a lock and one that is parked are found and repaired with the program's own verbs,
// each step led by what the one before has printed, in two minutes and without SQL. Usage: node oncall.mjs BINARY

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';
import {promisify} from 'node:util';

import {Traffic} from './traffic.mjs';
import {conclude, holdLocks, until, World} from './world.mjs';

const [, , binary] = argv;
const secondsMax = 120;
const lateAfter = 11000; // milliseconds, when `ledgerd status` says so
const stuckUser = 'ann';
const stuckRecord = 1000;
const parkedRecord = 1001;

const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

let steps = 0;

// Runs a verb as World.verb does, but the load goes on meanwhile: `ledgerd status` measures its pace.
async function verb(world, ...words) {
  const env = {...world.environment, LEDGERD_NATS_URL: world.users.as(world.users.ofVerb(words), world.natsUrl)};
  const {code = 0, stdout, stderr} = await promisify(execFile)(world.binary, words, {env, timeout: 60000, killSignal: 'SIGKILL'})
    .catch((error) => error);
  return {code: code ?? 'nothing in 60 s', output: stdout + stderr};
}

// What whoever is on call types, and what it prints; `finds` is what leads to the next step.
async function types(world, words, finds) {
  const {code, output} = await verb(world, ...words);
  ++steps;
  log(`$ ledgerd ${words.join(' ')} (${code})\n${output.trimEnd().replace(/^/gm, '          | ')}`);
  const found = finds.exec(output);
  assert.ok(found, `ledgerd ${words.join(' ')} does not say ${finds}:\n${output}`);
  return found.slice(1);
}

function deposit(recordId, userId, amount) {
  const payload = new TextEncoder().encode(JSON.stringify({recordId, userId, amount, currency: 'KRW'}));
  return {subject: 'transaction.deposit', payload};
}

// One account of 500 is held by a session that somebody forgot; the others go on.
async function stuck(world, here) {
  await sleep(lateAfter);
  const began = performance.now();
  // The others may be in flight just then.
  await types(world, ['status', ...here], /^requests are late: \d+ requests? waits?, the oldest for [1-9]\d/m);
  await types(world, ['trace', String(stuckRecord)], new RegExp(`${stuckUser}[^]*waiting`));
  const [pid] = await types(world, ['locks', 'list'], /^\s*(\d+)\s/m);
  await types(world, ['locks', 'end', pid, '--why', 'a forgotten session'], /ended/);
  await until('its request is decided', 20, async () => {
    await sleep(200);
    return /decided/.test((await verb(world, 'trace', String(stuckRecord))).output.split('\n').at(-2));
  });
  await types(world, ['trace', String(stuckRecord)], /decided/);
  return (performance.now() - began) / 1000;
}

// One with a wrong sign.
async function parked(world, here) {
  const began = performance.now();
  await types(world, ['status', ...here], /TRANSACTION_DEAD_LETTERS +true +1 /);
  await types(world, ['dead', 'groups'], /amount/);
  const [seq] = await types(world, ['dead', 'list', '--record', String(parkedRecord)], /^\s*(\d+)\s/m);
  await types(world, ['dead', 'replay', seq, '--set', 'amount=5', '--dry-run'], /SUCCESS/);
  await types(world, ['dead', 'replay', seq, '--set', 'amount=5', '--why', 'the sign was wrong'], /published again/);
  await until('it is decided', 20, async () => {
    await sleep(200);
    return /SUCCESS/.test((await verb(world, 'trace', String(parkedRecord))).output);
  });
  await types(world, ['trace', String(parkedRecord)], /SUCCESS/);
  return (performance.now() - began) / 1000;
}

async function run() {
  if (!binary) {
    throw new Error('usage: node oncall.mjs BINARY');
  }
  const world = new World(binary);
  const daemon = await world.daemon('one', '--roles', 'ledger');
  await daemon.ready();
  const traffic = await Traffic.open(world.natsUrl);
  await traffic.publish(Array.from({length: 500}, (_, i) => deposit(i + 1, i === 0 ? stuckUser : `user-${i}`, '10')));
  await until('there are accounts', 20, async () => (await traffic.messages('TRANSACTION_RESULTS')) === 500);
  await holdLocks(`SELECT FROM ledger.accounts WHERE user_id = '${stuckUser}' FOR UPDATE; SELECT 'held'`, world.settings.LEDGERD_DATABASE_URL);
  const here = ['--http-listen', new URL(daemon.url).host];
  let next = 10000;
  const load = setInterval(() => traffic.publish([deposit(++next, `user-${1 + next % 499}`, '1')]).catch(() => {}), 20);
  await traffic.publish([deposit(stuckRecord, stuckUser, '5'), deposit(parkedRecord, 'bob', '-5')]);
  const [first, second] = [await stuck(world, here), await parked(world, here)];
  clearInterval(load);
  log(`a stuck record was found and repaired in ${first.toFixed(1)} s, a parked one in ${second.toFixed(1)} s, with ${steps} commands`);
  await until('all is decided', 20, async () => (await traffic.messages('TRANSACTION_RESULTS')) >= 500 + 2 + next - 10000);
  await types(world, ['audit'], /^nothing is off$/m);
  await daemon.stop();
  await traffic.close();
  return [first, second].filter((each) => !(each < secondsMax)).map((each) => `it took ${each} s`);
}

await conclude(run, log);
