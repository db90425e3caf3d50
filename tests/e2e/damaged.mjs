// What somebody else has written into the database: ids that are behind their table stop the node and park nothing; a
// head or a row that no node can have written holds up its account alone. Usage: node damaged.mjs BINARY

import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';

import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const [, , binary] = argv;
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const behind = 'the identity of ledger.transactions is behind its table: ';

let id = 0;
const request = (userId, recordId = ++id) => ({
  subject: 'transaction.deposit', payload: Buffer.from(JSON.stringify({recordId, userId, amount: 1, currency: 'KRW'})),
});
const rows = (world, user) =>
  Number(world.query(`SELECT count(*) FROM ledger.transactions WHERE user_id = '${user}'`)[0][0]);
const have = (world, user, count, seconds = 30) => until(`${user} has ${count} rows`, seconds, async () => {
  await sleep(100);
  return rows(world, user) === count;
});
const failing = async (node) => {
  const {status, body} = await node.get('/readyz?verbose');
  return status === 503 ? JSON.parse(body).checks.filter((each) => !each.ok) : [];
};

async function idsBehind(world, traffic, node) {
  await traffic.publish(['ann', 'bob', 'cid', 'ann', 'bob'].map((user) => request(user)));
  await have(world, 'bob', 2);
  world.query("SELECT setval('ledger.transactions_id_seq', 1, false)");
  const {code, output} = world.verb('check', '--roles', 'ledger');
  if (code !== 1 || !output.includes(behind)) {
    throw new Error(`check ends with ${code}:\n${output}`);
  }
  // Each attempt takes a number, so the counting would soon be past its table by itself.
  world.query('ALTER SEQUENCE ledger.transactions_id_seq MAXVALUE 5 CYCLE');
  await traffic.publish([request('ann'), request('bob')]);
  let last;
  await until('the node is not ready and names the cure', 30, async () => {
    await sleep(200);
    last = await failing(node);
    return last.some((check) => check.detail.includes(behind));
  }).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last)}\n${node.log.slice(-2000)}`);
  });
  log(`not ready: ${last.map(({name, detail}) => `${name}: ${detail}`).join(' | ')}`);
  world.query('ALTER SEQUENCE ledger.transactions_id_seq NO MAXVALUE NO CYCLE');
  world.query(/SELECT .*? FROM ledger\.transactions/.exec(output)[0]);
  await have(world, 'bob', 3);
  await node.ready(15);
}

async function accountsDamaged(world, traffic, node) {
  world.query(`ALTER TABLE ledger.accounts DROP CONSTRAINT accounts_balance_check;
    UPDATE ledger.accounts SET balance = -7 WHERE user_id = 'bob';
    ALTER TABLE ledger.transactions DISABLE TRIGGER append_only, DROP CONSTRAINT transactions_verdict_check;
    UPDATE ledger.transactions SET status = 'DONE' WHERE record_id = 3`);
  await traffic.publish([request('bob'), request('cid', 3), request('ann'), request('dot')]);
  await have(world, 'dot', 1);
  await have(world, 'ann', 4);
  await until('both accounts are named in the log', 10, () => [
    'ledger.accounts holds for bob KRW the balance -7', "the row of record 3 in ledger.transactions cannot be read: its status is 'DONE'",
  ].every((part) => node.log.includes(part)));
  await sleep(500);
  await traffic.publish([request('ann')]);
  await have(world, 'ann', 5);
  world.query(`UPDATE ledger.accounts SET balance = 3 WHERE user_id = 'bob';
    UPDATE ledger.transactions SET status = 'SUCCESS' WHERE record_id = 3;
    ALTER TABLE ledger.transactions ENABLE TRIGGER append_only`);
  await have(world, 'bob', 4);
}

async function run() {
  const world = new World(binary);
  const traffic = await Traffic.open(world.natsUrl);
  await traffic.provision(30);
  const node = await world.daemon('one', '--roles', 'ledger');
  await node.ready();
  await idsBehind(world, traffic, node);
  log('ids behind: nothing parked, and on it goes');
  await accountsDamaged(world, traffic, node);
  log('damaged accounts waited alone');
  await traffic.drained(30);
  const faults = [];
  const parked = /^ledgerd_entries_total\{[^}]*outcome="parked"[^}]*\} (\d+)$/m.exec((await node.get('/metrics')).body)?.[1];
  if (parked !== '0') {
    faults.push(`${parked} requests were parked`);
  }
  const {code, output} = world.verb('audit');
  if (code !== 0) {
    faults.push(`the audit ends with ${code}:\n${output}`);
  }
  await node.stop();
  await traffic.close();
  return faults;
}

await conclude(run, log);
