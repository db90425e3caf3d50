// Runs daemons and verbs as the users of deploy/nats-permissions.conf: node permissions.mjs BINARY
//
// No right may be missing (the broker's log names each refusal) and none of the daemons' may be idle (its trace names
// what is used). The passwords hold everything that a URL has to escape.

import {execFileSync} from 'node:child_process';
import {appendFileSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

import {connect, headers as natsHeaders} from 'nats';

import {conclude, until, World} from './world.mjs';

const dev = fileURLToPath(new URL('../../dev', import.meta.url));
const rights = readFileSync(new URL('../../deploy/nats-permissions.conf', import.meta.url), 'utf8');
const password = (user) => `${user}: p@ss/w%41rd,#?+`;
const faults = [];
const world = new World(process.argv[2]);
const log = () => readFileSync(join(world.servers, 'nats.log'), 'utf8');
const url = (user) => world.natsUrl.replace('//', `//${user}:${encodeURIComponent(password(user))}@`);

function restrict() {
  execFileSync(dev, ['servers', 'stop', '--at', world.servers, '--only', 'nats']);
  const users = rights.replace(/"change-(\w+)"/g, (_, user) => JSON.stringify(password(user)))
    .replace('users: [', `users: [\n{user: broker, password: ${JSON.stringify(password('broker'))}}`);
  appendFileSync(join(world.servers, 'nats.conf'), `\ntrace: true\n${users}`);
  execFileSync(dev, ['servers', 'start', '--at', world.servers, '--only', 'nats']);
}

function as(user) {
  world.environment.LEDGERD_NATS_URL = url(user);
}

async function daemon(name, user, roles, ...flags) {
  as(user);
  const started = await world.daemon(name, '--roles', roles, ...flags);
  await started.ready();
  return started;
}

const client = (user) => connect({servers: world.natsUrl, user, pass: password(user)});

async function verdict(record, base) {
  return until(`record ${record} has its verdict`, 30, async () => {
    const answer = await (await fetch(`${base}/v1/transactions/${record}`)).json();
    return answer.status !== 'PENDING' && answer.status;
  });
}

async function traffic(account) {
  const body = {userId: 'anna', type: 'DEPOSIT', amount: '5', currency: 'KRW'};
  const post = await fetch(`${account.url}/v1/transactions`, {
    method: 'POST', headers: {'Content-Type': 'application/json', Prefer: 'wait=10'}, body: JSON.stringify(body),
  });
  const record = await post.json();
  const withdrawal = await (await fetch(`${account.url}/v1/transactions`, {
    method: 'POST', headers: {'Content-Type': 'application/json', Prefer: 'wait=10'},
    body: JSON.stringify({...body, type: 'WITHDRAWAL', amount: '9'}),
  })).json();
  const states = [record.status ?? JSON.stringify(record), await verdict(withdrawal.recordId, account.url)];
  if (states.join() !== 'SUCCESS,FAILED') {
    faults.push(`the account side answered ${states}`);
  }
  for (const path of ['/v1/accounts/anna', '/v1/accounts/anna/transactions?currency=KRW']) {
    const answer = await fetch(account.url + path);
    if (!answer.ok) {
      faults.push(`${path}: ${answer.status} ${await answer.text()}`);
    }
  }
  const caller = await client('caller');
  const headers = natsHeaders();
  headers.set('Idempotency-Key', 'one');
  const ask = async (subject, question, options = {}) =>
    JSON.parse((await caller.request(subject, JSON.stringify(question), {timeout: 10000, ...options})).string());
  const submitted = await ask('ledgerd.api.submit', body, {headers});
  await verdict(submitted.recordId, account.url);
  const answers = [await ask('ledgerd.api.record', {recordId: submitted.recordId}), await ask('ledgerd.api.account', {userId: 'anna'})];
  if (answers[0].status !== 'SUCCESS' || answers[1].accounts?.[0]?.balance !== '10') {
    faults.push(`over NATS: ${JSON.stringify(answers)}`);
  }
  await caller.close();
  const producer = await client('producer');
  const js = producer.jetstream();
  await js.publish('transaction.deposit', JSON.stringify({recordId: 7, userId: 'bob', amount: '1', currency: 'KRW'}));
  await js.publish('transaction.withdrawal', JSON.stringify({recordId: 8, userId: 'bob', amount: '-1', currency: 'KRW'}));
  await producer.close();
  await until('the bad request is parked', 20, () => readLetters() > 0);
}

function readLetters() {
  as('observer');
  return JSON.parse(world.verb('dead', 'list', '--json').output).items.length;
}

// An announcement that a request was given up: the ledger node reads it and everything that it leads to.
async function announce() {
  const nats = await client('broker'); // stands for the server itself
  const exhausted = {stream: 'TRANSACTIONS', consumer: 'deposit-consumer', stream_seq: 1, deliveries: 3};
  await nats.jetstream().publish('transaction.deposit', JSON.stringify({recordId: 9, userId: 'bob', amount: '1', currency: 'KRW'}));
  nats.publish('$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.TRANSACTIONS.deposit-consumer', JSON.stringify(exhausted));
  await nats.flush();
  await nats.close();
}

function verbs() {
  as('observer');
  for (const words of [['check'], ['status', '--http-listen', 'off'], ['trace', '7'], ['dead', 'list'], ['dead', 'show', '1'],
    ['audit', '--live']]) {
    const {code, output} = world.verb(...words);
    if (code !== 0) {
      faults.push(`${words.join(' ')}: exit ${code}: ${output}`);
    }
  }
}

// Every subject that was published or subscribed to, by the trace.
function used() {
  const lines = log().matchAll(/<<- \[(?:H?PUB|SUB) (\S+)/g);
  return new Set([...lines].map(([, subject]) => subject.replace(/\]$/, '')));
}

function matches(right, subject) {
  const [want, have] = [right.split('.'), subject.split('.')];
  return want.every((token, i) => token === '>' ? i < have.length : have[i] !== undefined && (token === '*' || token === have[i]))
    && (want.at(-1) === '>' || want.length === have.length);
}

function idleRights() {
  const subjects = [...used()];
  for (const user of ['ledger', 'account', 'observer']) {
    const block = rights.slice(rights.indexOf(`user: ${user},`), rights.indexOf('allow_responses', rights.indexOf(`user: ${user},`)));
    for (const [, right] of block.split(/\n +# (?:Once|A service)/)[0].matchAll(/"([^"]+)"/g)) {
      if (right !== `change-${user}` && !subjects.some((subject) => matches(right, subject))) {
        faults.push(`${user} has a right that nobody uses: ${right}`);
      }
    }
  }
}

async function run() {
  restrict();
  await (await daemon('provisioner', 'provisioner', 'ledger,account')).stop();
  const ledger = await daemon('ledger', 'ledger', 'ledger', '--provision=false', '--recovery-interval', '500ms');
  const account = await daemon('account', 'account', 'account', '--provision=false');
  await traffic(account);
  await announce();
  await until('the announcement is dealt with', 20, () =>
    [...used()].some((subject) => subject.includes('MSG.DELETE.TRANSACTION_EXHAUSTED')));
  verbs();
  await Promise.all([ledger.stop(), account.stop()]);
  idleRights();
}

await run().catch((error) => faults.push(error.stack));
for (const line of new Set(log().match(/.*violation.*/gi)?.map((text) => text.replace(/^.*?cid:\d+ - /, '')))) {
  faults.push(`a right is missing: ${line}`);
}
await conclude(async () => faults, console.log);
