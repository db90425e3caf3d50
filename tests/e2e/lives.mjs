// What the account side knows of the ledger, and what it does without: ids of an earlier life, currencies inserted a
// moment ago, a ledger that is away, requests that are parked, verdicts that are forged. Usage: node lives.mjs BINARY

import {randomUUID} from 'node:crypto';
import {setTimeout as sleep} from 'node:timers/promises';
import {parseArgs} from 'node:util';

import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const {positionals: [binary]} = parseArgs({allowPositionals: true});

const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const ledgerFlags = ['--roles', 'ledger', '--shutdown-deadline', '1s'];
const accountFlags = ['--roles', 'account', '--shutdown-deadline', '1s', '--redrive-after', '2s'];

async function submit(daemon, body, wait = 20) {
  const answer = await fetch(`${daemon.url}/v1/transactions`, {
    method: 'POST',
    headers: {'Content-Type': 'application/json', 'Idempotency-Key': randomUUID(), Prefer: `wait=${wait}`},
    body: JSON.stringify(body),
  });
  return {status: answer.status, body: await answer.json()};
}

function deposit(userId, amount, currency = 'EUR') {
  return {userId, type: 'DEPOSIT', amount, currency};
}

function recordsDatabase(world, name) {
  world.query(`CREATE DATABASE ${name}`);
  const url = new URL(world.settings.LEDGERD_DATABASE_URL);
  url.pathname = `/${name}`;
  world.environment.LEDGERD_ACCOUNT_DATABASE_URL = url.href;
  return url.href;
}

function balanceOf(world, user) {
  return world.query(`SELECT balance FROM ledger.accounts WHERE user_id = '${user}'`).flat().join();
}

class Faults {
  list = [];

  check(holds, text) {
    if (!holds) {
      this.list.push(text);
    }
  }
}

// A fresh database of records beside a ledger that has decided the same ids: a deposit that the old life asked for in
// the same words must move money again.
async function freshRecords(world, faults) {
  recordsDatabase(world, 'first');
  let account = await world.daemon('account', ...accountFlags);
  await account.ready();
  const old = [];
  for (let i = 0; i < 3; ++i) {
    old.push((await submit(account, deposit('ann', '12.50'))).body);
  }
  faults.check(old.every(({status}) => status === 'SUCCESS'), `the first life: ${JSON.stringify(old)}`);
  await account.stop();
  const second = recordsDatabase(world, 'second');
  account = await world.daemon('account', ...accountFlags); // makes the schema
  await account.ready();
  await account.stop();
  world.query(`SELECT setval('account.transaction_records_id_seq', ${old[0].recordId}, false)`, second);
  account = await world.daemon('account', ...accountFlags);
  await account.ready();
  const before = Number(balanceOf(world, 'ann'));
  const {body} = await submit(account, deposit('ann', '12.50'));
  const moved = Number(balanceOf(world, 'ann')) - before;
  faults.check(body.status === 'SUCCESS' && moved === 1250, `a fresh database: ${JSON.stringify(body)}, moved ${moved}`);
  faults.check(!old.some(({recordId}) => recordId === body.recordId), `record id ${body.recordId} was given twice`);
  log(`a fresh database of records gave the id ${body.recordId} after ${old[0].recordId}`);
  return account;
}

// Valid requests in currencies that were inserted just before are decided, on whatever node.
async function newCurrencies(world, traffic, account, faults) {
  const codes = ['QQA', 'QQB', 'QQC', 'QQD', 'QQE', 'QQF'];
  const answers = [];
  for (const [i, code] of codes.entries()) {
    world.query(`INSERT INTO ledger.currencies VALUES ('${code}', 2)`);
    const call = submit(account, deposit('bob', '25.00', code));
    for (let n = 0; n < 10; ++n) {
      traffic.connection.publish('transaction.deposit',
        JSON.stringify({recordId: 1000 + 10 * i + n, userId: `carl-${n}`, amount: '25.00', currency: code}));
    }
    answers.push(await call);
  }
  faults.check(answers.every(({status, body}) => status === 200 && body.amount === '25.00' && body.balanceAfter === '25.00'),
    `new currencies over HTTP: ${JSON.stringify(answers)}`);
  await until('all are decided', 20, () => Number(world.query(
    "SELECT count(*) FROM ledger.transactions WHERE user_id LIKE 'carl-%' AND amount = 2500")[0][0]) === 10 * codes.length)
    .catch((error) => faults.check(false, error.message));
  faults.check(await traffic.messages('TRANSACTION_DEAD_LETTERS') === 0, 'a valid request was parked');
  for (const daemon of world.daemons.filter(({gone}) => !gone)) {
    const account = await (await fetch(`${daemon.url}/v1/accounts/bob`)).text();
    faults.check(!account.includes('"2500"'), `${daemon.name} says ${account}`);
  }
  const none = await submit(account, deposit('bob', '1', 'QQX'));
  faults.check(none.status === 400 && none.body.code === 'INVALID_FIELD', `no currency: ${JSON.stringify(none)}`);
  log(`${codes.length} currencies were used as soon as they were inserted`);
}

// The ledger parks a request of the account side: its record ends with the reason, and no letter follows the first.
async function parkedRequests(world, traffic, account, faults) {
  world.query(`CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'not this one' USING ERRCODE = 'check_violation'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON ledger.transactions FOR EACH ROW
      WHEN (NEW.user_id = 'bad') EXECUTE FUNCTION public.refuse()`);
  const began = performance.now();
  let {body} = await submit(account, deposit('bad', '1.00'), 30);
  await until('the record ends', 60, async () => {
    body = await (await fetch(`${account.url}/v1/transactions/${body.recordId}`)).json();
    return body.status !== 'PENDING';
  }).catch((error) => faults.check(false, error.message));
  faults.check(body.status === 'FAILED' && body.reason === 'ATTEMPTS_EXHAUSTED', `a parked request: ${JSON.stringify(body)}`);
  // It is published again every two seconds at most: the longer its attempts take here, the more letters there are.
  const lettersMax = Math.max(2, Math.floor((performance.now() - began) / 3000));
  await traffic.drained(60); // a copy that was published again before the first was parked has its letter now
  const letters = await traffic.messages('TRANSACTION_DEAD_LETTERS');
  await sleep(5000); // longer than --redrive-after
  const later = await traffic.messages('TRANSACTION_DEAD_LETTERS');
  faults.check(letters <= lettersMax && later === letters, `a parked request has ${letters} dead letters, then ${later}`);
  log('a request that was parked ended its record');
}

// A forged result does not change a record, and does not go unnoticed.
async function forgedResults(world, traffic, account, faults) {
  const letters = await traffic.messages('TRANSACTION_DEAD_LETTERS');
  const {body} = await submit(account, deposit('eve', '5.00'));
  const forged = {recordId: body.recordId, transactionId: body.transactionId, userId: 'eve', type: 'DEPOSIT', status: 'FAILED',
    amount: '5.00', currency: 'EUR', balanceAfter: '0.00', reason: 'INSUFFICIENT_FUNDS', processedAt: body.updatedAt};
  await traffic.stream.publish('transaction.result.deposit', JSON.stringify(forged));
  const alarms = async () => Number(/ledgerd_contrary_verdicts_total\{outcome="result"\} (\d+)/.exec(
    await (await fetch(`${account.url}/metrics`)).text())?.[1]);
  await until('the alarm', 10, async () => (await alarms()) === 1).catch((error) => faults.check(false, error.message));
  const after = await (await fetch(`${account.url}/v1/transactions/${body.recordId}`)).json();
  faults.check(after.status === 'SUCCESS', `after a forged result: ${JSON.stringify(after)}`);
  await until('the letter', 10, async () => (await traffic.messages('TRANSACTION_DEAD_LETTERS')) === letters + 1)
    .catch((error) => faults.check(false, error.message));
  log('a forged result raised an alarm and changed nothing');
}

// The account side starts, and takes requests in, while every node with the ledger is away.
async function withoutLedger(world, account, ledgers, faults) {
  await account.stop();
  for (const ledger of ledgers) {
    await ledger.kill();
  }
  const alone = await world.daemon('alone', ...accountFlags);
  if (!await alone.ready(15).then(() => true, () => false)) {
    faults.check(false, 'without the ledger the account side does not start');
    return;
  }
  const {status, body} = await submit(alone, deposit('fay', '7.00'), 0);
  faults.check(status === 202, `without the ledger: ${status} ${JSON.stringify(body)}`);
  const strange = await submit(alone, deposit('fay', '7.00', 'QQY'), 0);
  faults.check(strange.status === 503, `an unknown currency without the ledger: ${JSON.stringify(strange)}`);
  const back = await world.daemon('back', ...ledgerFlags);
  await back.ready();
  await until('the record is decided', 30, async () =>
    (await (await fetch(`${alone.url}/v1/transactions/${body.recordId}`)).json()).status === 'SUCCESS')
    .catch((error) => faults.check(false, error.message));
  log('the account side started and took requests in without the ledger');
  await alone.stop();
  await back.stop();
}

async function run() {
  const world = new World(binary);
  const traffic = await Traffic.open(world.natsUrl);
  await traffic.provision(2);
  const faults = new Faults();
  const ledgers = [await world.daemon('left', ...ledgerFlags), await world.daemon('right', ...ledgerFlags)];
  await Promise.all(ledgers.map((each) => each.ready()));
  const account = await freshRecords(world, faults);
  await newCurrencies(world, traffic, account, faults);
  await parkedRequests(world, traffic, account, faults);
  await forgedResults(world, traffic, account, faults);
  await withoutLedger(world, account, ledgers, faults);
  await traffic.close();
  return faults.list;
}

await conclude(run, log);
