// The roles of a node. Usage: node roles.mjs alone|mixed|forged BINARY
//
// alone: the account side in an empty cluster: it starts and takes requests before any node with the ledger was ever
// heard, and all is decided when one comes.
// mixed: one daemon as it is by default, with producers of their own beside its HTTP door, on the same accounts.
// forged: producers mark what is parked with the records of others, which are decided all the same.

import {setTimeout as sleep} from 'node:timers/promises';
import {argv} from 'node:process';

import {headers as natsHeaders} from 'nats';

import {Traffic} from './traffic.mjs';
import {conclude, holdTable, until, World} from './world.mjs';

const [, , scenario, binary] = argv;
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const faults = [];

function check(holds, text) {
  if (!holds) {
    faults.push(text);
  }
}

async function ask(daemon, path, options = {}) {
  const answer = await fetch(daemon.url + path, {...options, signal: AbortSignal.timeout(30000)});
  return {status: answer.status, headers: answer.headers, body: JSON.parse(await answer.text())};
}

const submit = (daemon, body, headers = {}) => ask(daemon, '/v1/transactions', {
  method: 'POST', headers: {'Content-Type': 'application/json', ...headers}, body: JSON.stringify(body),
});

const order = (userId, amount, type = 'DEPOSIT', currency = 'EUR') => ({userId, type, amount, currency});

// A question about the ledger while there is none.
async function refused(daemon, path) {
  const {status, headers, body} = await ask(daemon, path);
  check(status === 503 && body.code === 'UNAVAILABLE' && Number(headers.get('retry-after')) > 0,
    `${path} without the ledger: ${status} ${JSON.stringify(body)}, Retry-After ${headers.get('retry-after')}`);
}

async function alone(world) {
  const flags = ['--roles', 'account', '--shutdown-deadline', '1s', '--redrive-after', '2s'];
  let door = await world.daemon('door', ...flags);
  await door.ready(30);
  const records = [];
  for (let i = 0; i < 20; ++i) {
    const {status, body} = await submit(door, order('ann', '2.50'), {'Idempotency-Key': `key-${i}`});
    check(status === 202 && body.status === 'PENDING', `a submission without the ledger: ${status} ${JSON.stringify(body)}`);
    records.push(body.recordId);
  }
  const again = await submit(door, order('ann', '2.50'), {'Idempotency-Key': 'key-0'});
  check(again.status === 200 && again.body.recordId === records[0], `the same key again: ${JSON.stringify(again.body)}`);
  const began = performance.now();
  const waited = await submit(door, order('ann', '2.50'), {Prefer: 'wait=1'});
  const took = performance.now() - began;
  check(waited.status === 202 && took >= 900 && took < 15000, `a wait for a verdict: ${waited.status} after ${took} ms`);
  records.push(waited.body.recordId);
  const {status, body} = await ask(door, `/v1/transactions/${records[0]}`);
  check(status === 200 && body.status === 'PENDING', `the record: ${status} ${JSON.stringify(body)}`);
  await refused(door, '/v1/accounts/ann');
  await refused(door, '/v1/accounts/ann/transactions?currency=EUR');
  const strange = await submit(door, order('ann', '1', 'DEPOSIT', 'QQY'));
  check(strange.status === 503, `a currency of which only the ledger could know: ${strange.status}`);
  log(`${records.length} requests taken in by a node that has never heard the ledger`);

  await door.kill();
  door = await world.daemon('door', ...flags);
  await door.ready(30);
  check((await submit(door, order('ann', '2.50'), {'Idempotency-Key': 'key-0'})).body.recordId === records[0],
    'after a kill the same key is another record');
  check(Number(world.query('SELECT count(*) FROM account.transaction_records')[0][0]) === records.length,
    'there are more or fewer records than were asked for');
  log('killed and started again, still alone');

  const ledger = await world.daemon('ledger', '--roles', 'ledger', '--shutdown-deadline', '1s');
  await ledger.ready();
  await until('all is decided', 30, async () => {
    const states = await Promise.all(records.map((id) => ask(door, `/v1/transactions/${id}`)));
    return states.every(({body: record}) => record.status === 'SUCCESS');
  });
  const account = await until('the ledger answers', 10, async () => {
    const got = await ask(door, '/v1/accounts/ann');
    return got.status === 200 && got.body;
  });
  check(account.accounts[0].balance === '52.50', `the balance: ${JSON.stringify(account)}`);
  log('a ledger node came, and all was decided once');
  return [door, ledger];
}

async function metric(daemon, name) {
  const {body} = await daemon.get('/metrics');
  return [...body.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce((sum, [, n]) => sum + Number(n), 0);
}

// An actor that is busy leaves its series out, and the log is written a moment later.
async function counts(daemon, name, wanted) {
  let found;
  await until(`${name} is ${wanted}`, 15, async () => (found = await metric(daemon, name)) === wanted)
    .catch((error) => check(false, `${error.message}: it is ${found}`));
}

async function mixed(world, traffic) {
  const daemon = await world.daemon('both', '--shutdown-deadline', '1s'); // the roles as by default
  await daemon.ready();
  const requests = 1000;
  const direct = Array.from({length: requests}, (_, i) => ({
    subject: i % 5 === 4 ? 'transaction.withdrawal' : 'transaction.deposit',
    payload: Buffer.from(JSON.stringify({recordId: i + 1, userId: `user-${i % 7}`, amount: '1.00', currency: 'EUR'})),
  }));
  const copies = direct.slice(0, 50);
  const bad = [{subject: 'transaction.deposit', payload: Buffer.from('{"recordId":5001,"userId":"user-1","amount":"-1"}')}];
  const publishing = traffic.publish([...direct, ...copies, ...bad]);
  const answers = await Promise.all(Array.from({length: 200}, (_, i) =>
    submit(daemon, order(`user-${i % 7}`, '1.00'), {'Idempotency-Key': `mixed-${i}`, Prefer: 'wait=20'})));
  await publishing;
  check(answers.every(({status, body}) => status === 200 && body.status === 'SUCCESS'),
    `through the door: ${answers.filter(({status}) => status !== 200).length} of ${answers.length} have no verdict`);
  const results = () => traffic.manager.consumers.info('TRANSACTION_RESULTS', 'account-result-consumer');
  await traffic.drained(60);
  await until('the account side has seen every result', 30, async () => {
    await sleep(100);
    const {num_pending: pending, num_ack_pending: unsettled} = await results();
    return pending + unsettled === 0;
  });
  const letters = await traffic.deadLetters();
  check(letters.length === 1 && letters[0].headers['Ledgerd-Reason'] === 'INVALID_FIELD',
    `parked: ${letters.map(({headers}) => headers['Ledgerd-Reason'])}`);
  await counts(daemon, 'ledgerd_records_settled_total', answers.length);
  // Results come at least once: those of copies came again. The one letter is foreign, too.
  const foreign = await daemon.counter('ledgerd_foreign_results_total');
  check(foreign >= requests && foreign <= requests + copies.length + 1, `${foreign} results of others`);
  check(await metric(daemon, 'ledgerd_results_parked_total') === 0, 'results were parked');
  const rows = Number(world.query('SELECT count(*) FROM ledger.transactions')[0][0]);
  check(rows === requests + answers.length, `${rows} rows`);
  log(`${requests} requests of producers and ${answers.length} through the door; ${foreign} results left alone`);
  return [daemon];
}

async function forged(world, traffic) {
  const daemon = await world.daemon('both', '--shutdown-deadline', '1s');
  await daemon.ready();
  const release = await holdTable('ledger.transactions', world.settings.LEDGERD_DATABASE_URL);
  const {body: {recordId}} = await submit(daemon, order('ann', '2.50'));
  const forge = (subject, payload) => {
    const headers = natsHeaders();
    headers.append('Ledgerd-Account', String(recordId));
    return traffic.stream.publish(`transaction.${subject}`, payload, {headers});
  };
  const request = {recordId, userId: 'ann', type: 'DEPOSIT', amount: '2.50', currency: 'EUR'};
  const forgeries = [['withdrawal', 'not json'], ['deposit', 'not json'], ['deposit', JSON.stringify({...request, amount: '0'})],
    ['withdrawal', JSON.stringify(request)]];
  for (const [subject, payload] of forgeries) {
    await forge(subject, payload);
  }
  await until('the forgeries are parked', 20, async () => (await traffic.deadLetters()).length === forgeries.length);
  await until('the account side has read their letters', 20, async () => {
    const {num_pending: pending, num_ack_pending: unsettled} =
      await traffic.manager.consumers.info('TRANSACTION_DEAD_LETTERS', 'account-dead-letter-consumer');
    return pending + unsettled === 0;
  });
  const before = await ask(daemon, `/v1/transactions/${recordId}`);
  check(before.body.status === 'PENDING', `forged letters have made of the record: ${JSON.stringify(before.body)}`);
  await counts(daemon, 'ledgerd_foreign_results_total', forgeries.length);
  await until('the log tells of them', 10, () => /not about its request/.test(daemon.log)).catch((error) => check(false, error.message));
  await release();
  await until('the record is decided', 30, async () =>
    (await ask(daemon, `/v1/transactions/${recordId}`)).body.status !== 'PENDING');
  const after = await ask(daemon, `/v1/transactions/${recordId}`);
  check(after.body.status === 'SUCCESS' && after.body.balanceAfter === '2.50', `in the end: ${JSON.stringify(after.body)}`);
  log(`${forgeries.length} letters with a mark that is not theirs ended nothing`);
  return [daemon];
}

async function run() {
  const play = {alone, mixed, forged}[scenario];
  if (!play || !binary) {
    throw new Error('usage: node roles.mjs alone|mixed|forged BINARY');
  }
  const world = new World(binary);
  const traffic = await Traffic.open(world.natsUrl);
  const daemons = await play(world, traffic);
  await traffic.drained(30);
  for (const daemon of daemons) {
    await daemon.stop();
  }
  faults.push(...world.auditFaults());
  await traffic.close();
  return faults;
}

await conclude(run, log);
