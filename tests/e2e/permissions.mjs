// Daemons and verbs as exactly the users of deploy/nats-permissions.conf, where streams and consumers are there:
// node permissions.mjs BINARY
//
// No right may be missing (the broker's log names each refusal) and none of a node's or verb's may be idle (its trace names
// what is used).

import {spawn} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';

import {connect, headers as natsHeaders} from 'nats';

import {password} from './users.mjs';
import {conclude, until, World} from './world.mjs';

const faults = [];
const world = new World(process.argv[2], {nats: 'trace: true'});
const log = () => readFileSync(join(world.servers, 'nats.log'), 'utf8');

async function daemon(name, user, roles, ...flags) {
  const started = await world.daemonAs(user, name, '--roles', roles, ...flags);
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

// Whoever looks for services, as `nats micro ls` does, finds all nodes.
async function services(nodes) {
  const observer = await client('observer');
  let found;
  await until('all nodes are found', 20, async () => {
    found = [];
    for await (const one of await observer.services.client({strategy: 'timer', maxWait: 2000}).ping('ledgerd')) {
      found.push(one.metadata.node);
    }
    return found.sort().join() === nodes.sort().join();
  }).catch((error) => faults.push(`${error.message}; the last time ${found}`));
  await observer.close();
}

function readLetters() {
  return JSON.parse(world.verb('dead', 'list', '--json').stdout).items.length;
}

// Requests of both kinds that are parked, two of each.
async function spoil(first) {
  const producer = await client('producer');
  for (const [i, kind] of ['deposit', 'deposit', 'withdrawal', 'withdrawal'].entries()) {
    const payload = {recordId: first + i, userId: 'bob', amount: '-1', currency: 'KRW'};
    await producer.jetstream().publish(`transaction.${kind}`, JSON.stringify(payload));
  }
  await producer.close();
}

// An announcement that a request was given up: the ledger node reads it and everything that it leads to.
async function announce() {
  const nats = await connect({servers: world.natsUrl}); // stands for the server itself
  const exhausted = {stream: 'TRANSACTIONS', consumer: 'deposit-consumer', stream_seq: 1, deliveries: 3};
  await nats.jetstream().publish('transaction.deposit', JSON.stringify({recordId: 9, userId: 'bob', amount: '1', currency: 'KRW'}));
  nats.publish('$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.TRANSACTIONS.deposit-consumer', JSON.stringify(exhausted));
  await nats.flush();
  await nats.close();
}

function verbs() {
  const wanted = [
    ['check'], ['status', '--http-listen', 'off'], ['metrics'], ['trace', '7'], ['dead', 'list'], ['dead', 'show', '1'],
    ['submit', '--user', 'cleo', '--type', 'DEPOSIT', '--amount', '1', '--currency', 'KRW', '--record-id', '20', '--wait'],
    ['submit', '--user', 'cleo', '--type', 'WITHDRAWAL', '--amount', '1', '--currency', 'KRW', '--record-id', '21', '--wait'],
    ['dead', 'groups'], ['dead', 'replay', '1', '--force'], ['dead', 'replay', '1', '--set', 'amount=1'],
    ['dead', 'discard', '1', '--yes', '--why', 'seen'], ['dead', 'actions'], ['audit', '--live'],
  ];
  for (const words of wanted) {
    const {code, output} = world.verb(...words);
    if (code !== 0) {
      faults.push(`${words.join(' ')}: exit ${code}: ${output}`);
    }
  }
}

// A psql that holds the rows of all accounts is ended by whoever operates.
async function locks() {
  const psql = spawn('psql', ['-XAtq', '-d', world.settings.LEDGERD_DATABASE_URL], {stdio: ['pipe', 'ignore', 'ignore']});
  psql.stdin.on('error', () => {}); // it ends before we are done with it
  psql.stdin.write('BEGIN; SELECT FROM ledger.accounts FOR UPDATE;\n');
  const [[pid]] = await until('psql holds the rows', 20, () => {
    const found = world.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'psql' AND state = 'idle in transaction'");
    return found.length > 0 && found;
  });
  const producer = await client('producer');
  await producer.jetstream().publish('transaction.deposit', JSON.stringify({recordId: 40, userId: 'bob', amount: '1', currency: 'KRW'}));
  await producer.close();
  for (const words of [['locks', 'list'], ['locks', 'end', pid, '--why', 'a test'], ['dead', 'actions']]) {
    const {code, output} = world.verb(...words);
    if (code !== 0 || !output.includes(pid)) {
      faults.push(`${words.join(' ')}: exit ${code}: ${output}`);
    }
  }
  psql.kill();
}

// A node shows, replays and discards dead letters over HTTP.
async function repairs(node, subject) {
  const letters = async () => (await (await fetch(`${node.url}/v1/dead-letters?subject=${subject}`)).json()).items;
  const repair = async (what, order) => {
    const answer = await fetch(`${node.url}/v1/dead-letters/${what}`, {
      method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(order),
    });
    if (answer.status !== 200) {
      faults.push(`${node.name}: ${what} ${JSON.stringify(order)}: ${answer.status} ${await answer.text()}`);
    }
  };
  const [{seq}] = await until(`${node.name} shows a letter of ${subject}`, 20, async () => {
    const found = await letters();
    return found.length > 0 && found;
  });
  await fetch(`${node.url}/v1/dead-letters/${seq}`);
  await repair('replay', {seqs: [seq], set: {amount: '1'}});
  await repair('discard', {seqs: [seq]});
  await fetch(`${node.url}/v1/actions`);
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

// Used when two nodes strike out the same announcement at once, to read what was given up unannounced (e2e.exhaust), to
// trace a record whose row was lost, and to tell a stream that is silent from one that is not there (e2e.silent).
const rare = ['$JS.API.STREAM.MSG.GET.TRANSACTION_EXHAUSTED', '$JS.API.CONSUMER.CREATE.TRANSACTIONS',
  '$JS.API.CONSUMER.DELETE.TRANSACTIONS.x', '$JS.API.STREAM.MSG.GET.TRANSACTION_RESULTS',
  '$JS.API.CONSUMER.NAMES.TRANSACTION_EXHAUSTED', '$JS.API.CONSUMER.NAMES.TRANSACTION_ACTIONS'];

function idleRights() {
  const subjects = [...used(), ...rare];
  for (const user of ['ledger', 'account', 'provisioner', 'observer', 'operator']) {
    const {publish, subscribe} = world.users.rights.get(user);
    for (const right of [...publish, ...subscribe].filter((each) => !subjects.some((subject) => matches(each, subject)))) {
      faults.push(`${user} has a right that nobody uses: ${right}`);
    }
  }
}

// Whoever makes the streams is a node that goes on working.
function provisionerIsEnough() {
  for (const [kind, have] of Object.entries(world.users.rights.get('provisioner'))) {
    const need = world.users.rights.get('ledger+account+making')[kind];
    for (const subject of need.filter((each) => !have.includes(each))) {
      faults.push(`provisioner may not ${kind} ${subject}`);
    }
  }
}

async function run() {
  await (await daemon('provisioner', 'provisioner', 'ledger,account')).stop();
  const ledgers = [];
  for (const name of ['left', 'right']) {
    ledgers.push(await daemon(name, 'ledger', 'ledger', '--provision=false', '--recovery-interval', '500ms'));
  }
  const account = await daemon('account', 'account', 'account', '--provision=false');
  await traffic(account);
  await services(['left', 'right', 'account']);
  await announce();
  await until('the announcement is dealt with', 20, () =>
    [...used()].some((subject) => subject.includes('MSG.DELETE.TRANSACTION_EXHAUSTED')));
  verbs();
  await locks();
  await spoil(30);
  for (const node of [ledgers[0], account]) {
    await repairs(node, 'deposit');
    await repairs(node, 'withdrawal');
  }
  const trace = await ledgers[0].get('/v1/trace/7');
  if (trace.status !== 200 || JSON.parse(trace.body).state !== 'decided') {
    faults.push(`a trace over HTTP: ${trace.status} ${trace.body}`);
  }
  await Promise.all([...ledgers, account].map((each) => each.stop()));
  idleRights();
  provisionerIsEnough();
  return faults;
}

await conclude(run, console.log);
