// What crowds and silent databases do to the doors of a real daemon: node doors.mjs crowd|questions BINARY
//
// crowd      10,000 idle and 2,000 slow connections under `ulimit -n 1024` while the account's database is held up:
//            health answers, the ledger posts, reads are refused in time, and what was refused is not recorded later.
// questions  a flood of questions over NATS while the ledger's database is held up: memory stays, and afterwards the
//            newest are answered although the flood goes on.

import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {connect as dial} from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';
import {Worker} from 'node:worker_threads';

import {connect, headers as natsHeaders} from 'nats';

import {slackOfShort} from './slack.mjs';
import {conclude, holdTable, until, World} from './world.mjs';

const [scenario, binary] = process.argv.slice(2);
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

function memory(daemon) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${daemon.child.pid}/status`, 'utf8'))[1]) / 1024;
}

// One HTTP exchange on a connection of its own: {status, body, ms}; status 0: closed without an answer.
function exchange(daemon, text, limit = 40000) {
  return new Promise((resolve) => {
    const began = performance.now();
    const socket = dial(Number(new URL(daemon.url).port), '127.0.0.1');
    let got = '';
    const end = () => {
      socket.destroy();
      const [head, body = ''] = got.split('\r\n\r\n');
      resolve({status: Number(head.split(' ')[1] ?? 0), body, ms: performance.now() - began});
    };
    socket.setTimeout(limit, end);
    socket.on('data', (part) => { got += part; });
    socket.on('error', end);
    socket.on('close', end);
    socket.write(text);
  });
}

const head = (line, lines = '') => `${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines}`;
const get = (daemon, path) => exchange(daemon, `${head(`GET ${path}`)}\r\n`);
const submission = (lines = '') => {
  const body = JSON.stringify({userId: 'door', type: 'DEPOSIT', amount: '1', currency: 'KRW'});
  return `${head('POST /v1/transactions', `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n${lines}`)}\r\n${body}`;
};

// Opens connections that say `text`, a few thousand a second, and keeps them until the far end closes them.
async function open(daemon, count, text) {
  const sockets = [];
  for (let i = 0; i < count; ++i) {
    const socket = dial(Number(new URL(daemon.url).port), '127.0.0.1');
    socket.on('error', () => {});
    if (text) {
      socket.write(text);
    }
    sockets.push(socket);
    if (i % 50 === 49) {
      await sleep(5);
    }
  }
  return sockets;
}

const lateFrom = 100; // milliseconds more than the server of one word takes
const lateShare = 0.02; // of the probes may be late

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

// A server of one word, in a process of its own: {port, end}.
async function wordServer() {
  const child = spawn(process.execPath, ['-e', `const server = require('net').createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\nword'));
  }).listen(0, '127.0.0.1', () => console.log(server.address().port));
  process.stdin.on('close', () => process.exit()).resume();`], {stdio: ['pipe', 'pipe', 'inherit']});
  const [port] = await once(child.stdout, 'data');
  return {port: Number(port), end: () => child.stdin.end()};
}

// A stall of the machine meets the server of one word as often as the daemon, so as many late ones, twice, are excused.
function judgeHealth(probes) {
  const times = probes.map(({ms}) => ms).sort((a, b) => a - b);
  const late = probes.filter(({ms, least}) => ms - least >= lateFrom).length;
  const stalls = probes.filter(({wordMs, ms}, i) => wordMs - Math.max(ms, probes[i - 1]?.ms ?? 0) >= lateFrom).length;
  log(`/livez: ${median(times).toFixed(0)} ms in the middle, ${times.at(-1).toFixed(0)} ms at most, ${late} of ${times.length} took `
    + `${lateFrom} ms or more beyond a word, which took ${median(probes.map(({wordMs}) => wordMs)).toFixed(0)} ms in the middle and was late ${stalls} times`);
  assert.deepEqual([...new Set(probes.map(({status}) => status))], [200]);
  assert.ok(late <= times.length * lateShare + 2 * stalls, 'health takes long');
  assert.ok(probes.length > 40);
}

async function crowd(world) {
  world.query('CREATE DATABASE records');
  const records = new URL(world.settings.LEDGERD_DATABASE_URL);
  records.pathname = '/records';
  world.environment.LEDGERD_ACCOUNT_DATABASE_URL = records.href;
  world.wrapper = ['prlimit', '--nofile=1024:1024', '--'];
  const daemon = await world.daemon('crowded', '--roles', 'ledger,account', '--shutdown-deadline', '2s');
  await daemon.ready();
  assert.match(readFileSync(`/proc/${daemon.child.pid}/limits`, 'utf8'), /Max open files +1024 +1024/);
  const nats = await connect({servers: world.natsUrl});
  const stream = nats.jetstream();
  const count = () => Number(world.query('SELECT count(*) FROM ledger.transactions')[0][0]);
  assert.equal((await exchange(daemon, submission('Prefer: wait=10\r\n'))).status, 200);
  const recorded = () => Number(world.query('SELECT count(*) FROM account.transaction_records', records.href)[0][0]);
  const before = recorded();

  const release = await holdTable('account.transaction_records', records.href);
  log('the account database is held up');
  const reads = await Promise.all(Array.from({length: 60}, () => get(daemon, '/v1/transactions/1')));
  const slowest = Math.max(...reads.map(({ms}) => ms));
  log(`60 reads were refused within ${(slowest / 1000).toFixed(1)} s`);
  assert.deepEqual([...new Set(reads.map(({status}) => status))], [503]);
  assert.ok(slowest < 5000 * slackOfShort, `a read of a held up database took ${slowest} ms`); // 5 s are promised

  const posts = Array.from({length: 700}, () => exchange(daemon, submission()));
  const word = await wordServer();
  const prober = new Worker(new URL('probe.mjs', import.meta.url), {workerData: {port: Number(new URL(daemon.url).port), word: word.port}});
  const requests = 3000;
  for (let id = 1; id <= requests; ++id) {
    nats.publish('transaction.deposit', JSON.stringify({recordId: 1e12 + id, userId: `u${id % 50}`, amount: '1', currency: 'KRW'}));
  }
  const idle = await open(daemon, 10000);
  const slow = await open(daemon, 2000, submission().slice(0, -5));
  log(`${idle.length + slow.length} connections were opened`);
  await until('the ledger has posted beside the crowd', 30, () => count() >= requests);
  log('the ledger has posted');
  const answers = await Promise.all(posts);
  await sleep(1000);
  prober.postMessage('over');
  const [probes] = await once(prober, 'message');
  word.end();
  judgeHealth(probes);

  // Whoever was told that nothing was recorded finds nothing recorded.
  const kinds = new Map();
  for (const {status, body} of answers) {
    const detail = status === 503 ? JSON.parse(body).detail : '';
    const kind = `${status} ${detail}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  log(`700 submissions: ${JSON.stringify([...kinds])}`);
  // A connection may also have made room for another before its request was read: `0`.
  assert.ok([...kinds.keys()].every((kind) => /^(503|0) /.test(kind)), 'a submission was taken by a database that is held up');
  assert.ok([...kinds].some(([kind, times]) => kind.includes('nothing was recorded') && times > 50), 'hardly a submission waited');
  await release();
  const doubtful = [...kinds].filter(([kind]) => kind.includes('may')).reduce((sum, [, times]) => sum + times, 0);
  let more = 0; // whoever tries again until it is so may be told the same
  await until('the account side records again', 20, async () => {
    const {status, body} = await exchange(daemon, submission());
    more += status === 202 || body.includes('may') ? 1 : 0;
    return status === 202;
  });
  await sleep(1000);
  const later = recorded() - before - more;
  log(`${later} of the refused submissions were recorded, ${doubtful} were told that they may be`);
  assert.ok(later <= doubtful, `${later} were recorded after a refusal`);
  for (const socket of [...idle, ...slow]) {
    socket.destroy();
  }
  await nats.close();
  await daemon.stop();
  return [];
}

async function questions(world) {
  const daemon = await world.daemon('asked', '--roles', 'ledger,account', '--shutdown-deadline', '2s');
  await daemon.ready();
  const nats = await connect({servers: world.natsUrl});
  assert.equal((await exchange(daemon, submission('Prefer: wait=10\r\n'))).status, 200);
  const ask = (question = {userId: 'door'}) => nats.request('ledgerd.api.history', JSON.stringify(question), {timeout: 2000})
    .then((answer) => answer.json().items?.length ?? 0, () => -1);
  assert.equal(await ask(), 1);

  // An answer goes to an inbox, or nowhere.
  const jetstream = await nats.jetstreamManager();
  const messages = async () => (await jetstream.streams.info('TRANSACTIONS')).state.messages;
  const stored = await messages();
  for (const reply of ['transaction.deposit', 'transaction.result.deposit', 'anything.else', 'ledgerd.api.submit']) {
    for (const subject of ['account', 'record', 'submit']) {
      nats.publish(`ledgerd.api.${subject}`, '{"userId":"door","recordId":1}', {reply});
    }
  }
  const keys = natsHeaders();
  keys.append('Idempotency-Key', 'twice');
  keys.append('Idempotency-Key', 'twice');
  const body = JSON.stringify({userId: 'door', type: 'DEPOSIT', amount: '1', currency: 'KRW'});
  assert.equal((await nats.request('ledgerd.api.submit', body, {headers: keys, timeout: 5000})).json().code, 'INVALID_FIELD');
  assert.equal((await nats.request('ledgerd.api.submit', 'x'.repeat(70000), {timeout: 5000})).json().code, 'TOO_LARGE');
  assert.equal(await messages(), stored, 'an answer came into the stream of requests');

  const release = await holdTable('ledger.accounts, ledger.transactions, account.transaction_records',
    world.settings.LEDGERD_DATABASE_URL);
  const before = memory(daemon);
  let most = before;
  const large = Buffer.alloc(1000 * 1024, 'x');
  const small = JSON.stringify({userId: 'door'});
  for (let round = 0; round < 60; ++round) {
    for (let i = 0; i < 20; ++i) {
      nats.publish('ledgerd.api.history', large, {reply: '_INBOX.nobody'});
    }
    for (let i = 0; i < 500; ++i) {
      for (const subject of ['account', 'history', 'record', 'submit']) {
        nats.publish(`ledgerd.api.${subject}`, subject === 'submit' ? body : subject === 'record' ? '{"recordId":1}' : small,
          {reply: '_INBOX.nobody'});
      }
    }
    await nats.flush();
    most = Math.max(most, memory(daemon));
    await sleep(50);
  }
  log(`memory: ${before.toFixed(0)} MiB before 1,200 questions of 1 MB and 120,000 small ones, ${most.toFixed(0)} MiB at most`);
  assert.ok(most - before < 64, `memory grew by ${most - before} MiB`);
  await release();

  // Eight hundred at a time, more than can be answered in their two seconds: some are, again and again, fewer on a slow
  // machine.
  await until('questions are answered again', 20, async () => await ask() >= 1);
  let [asked, answered] = [0, 0];
  for (let round = 0; round < 3 || (round < 10 && answered <= 100); ++round) {
    const got = await Promise.all(Array.from({length: 800}, () => ask({userId: 'door', limit: 1000})));
    asked += got.length;
    answered += got.filter((items) => items >= 1).length;
  }
  log(`${answered} of ${asked} questions were answered, 800 at once`);
  assert.ok(answered > 100);
  await nats.close();
  await daemon.stop();
  return [];
}

const world = new World(binary);
await conclude(() => ({crowd, questions})[scenario](world), log);
