// Headers and statuses as no library sends them: no money moves twice for them, and whatever reads streams goes on
// reading: node headers.mjs BINARY

import assert from 'node:assert/strict';

import {RawNats} from './raw_nats.mjs';
import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const world = new World(process.argv[2]);
const body = '{"userId": "anna", "type": "DEPOSIT", "amount": "5"}';
const statuses = [100, 404, 408, 409, 503];
const many = (count) => Array.from({length: count}, (_, i) => `X-${i}: x\r\n`).join('');

function verb(expected, ...words) {
  const {code, stdout, output} = world.verb(...words);
  assert.equal(code, expected, `${words.join(' ')}: exit ${code}: ${output.slice(0, 2000)}`);
  return words.includes('--json') ? stdout : output;
}
const items = (...words) => JSON.parse(verb(0, ...words, '--json')).items;

// A submission that is sent twice is one record, or none.
async function submissions(raw) {
  const submit = (lines) => raw.ask('ledgerd.api.submit', lines, body);
  const records = () => Number(world.query('SELECT count(*) FROM account.transaction_records')[0][0]);
  let expected = 0;
  for (const lines of [
    (key) => `\r\ntracestate:\r\nIdempotency-Key: ${key}\r\n\r\n`,
    (key) => `\r\nIdempotency-Key: ${key}\r\ntracestate: \r\n\r\n`,
    (key) => `\r\nA:\r\nB: \r\nidempotency-key:${key}\r\nC:\t\r\n\r\n`,
    (key) => ` 503\r\nIdempotency-Key: ${key}\r\n\r\n`,
    (key) => `\r\n${many(63)}Idempotency-Key: ${key}\r\n\r\n`,
  ]) {
    const key = `key-${++expected}`;
    const [first, second] = [await submit(lines(key)), await submit(lines(key))];
    assert.ok(first.recordId > 0, JSON.stringify(first));
    assert.equal(second.recordId, first.recordId);
  }
  assert.equal(records(), expected);
  for (const [code, lines] of [
    ['INVALID_FIELD', '\r\nIdempotency-Key:\r\n\r\n'],
    ['INVALID_FIELD', '\r\nIdempotency-Key: \t\r\nA: b\r\n\r\n'],
    ['MALFORMED_REQUEST', '\r\nIdempotency-Key k\r\n\r\n'],
    ['MALFORMED_REQUEST', '\r\nA: b\nIdempotency-Key: k\r\n\r\n'],
    ['MALFORMED_REQUEST', '\r\nA: b\r\n Idempotency-Key: k\r\n\r\n'],
    ['MALFORMED_REQUEST', '\r\nA: b\r\n\r\nIdempotency-Key: k\r\n\r\n'],
    ['MALFORMED_REQUEST', '\r\nIdempotency-Key : k\r\n\r\n'],
    ['TOO_LARGE', `\r\n${many(64)}Idempotency-Key: k\r\n\r\n`],
    ['TOO_LARGE', `\r\nIdempotency-Key: k\r\n${many(600)}\r\n`],
    ['TOO_LARGE', `\r\nA: ${'x'.repeat(8192)}\r\nIdempotency-Key: k\r\n\r\n`],
  ]) {
    assert.equal((await submit(lines)).code, code, lines.slice(0, 80));
  }
  assert.equal(records(), expected);
}

// Requests that are parked, with every header that makes a reader stumble.
async function poison(raw) {
  const lines = ['\r\nA: 1\r\nB:\r\nLast: \r\n\r\n', '\r\nA: \0z\r\nB: 2\r\n\r\n', `\r\n${many(6000)}Empty:\r\n\r\n`,
    ...statuses.map((status) => ` ${status} So\r\nA: 1\r\n\r\n`), ...statuses.map((status) => ` ${status}\r\n\r\n`)];
  for (const each of lines) {
    await raw.publish('transaction.deposit', each);
    await raw.publish('transaction.deposit', each, '{');
  }
  return 2 * lines.length;
}

await conclude(async () => {
  const daemon = await world.daemon('headers', '--audit-interval', '1s', '--recovery-interval', '200ms');
  await daemon.ready();
  const traffic = await Traffic.open(world.natsUrl);
  const raw = await RawNats.open(world.natsUrl);
  await submissions(raw);
  const count = await poison(raw);
  for (const status of statuses) {
    await raw.publish('$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.TRANSACTIONS.deposit-consumer', ` ${status}\r\n\r\n`);
  }
  await traffic.drained(60);
  await until('the announcements are read', 20, async () => await traffic.messages('TRANSACTION_EXHAUSTED') === 0);
  const letters = items('dead', 'list', '--limit', '100');
  assert.equal(letters.length, count);
  assert.deepEqual([...new Set(letters.map(({reason}) => reason))], ['MALFORMED_JSON']);
  assert.deepEqual(letters.filter(({truncated}) => truncated), []);
  assert.equal(items('dead', 'groups').reduce((sum, group) => sum + group.count, 0), count);
  const called = await (await fetch(`${daemon.url}/v1/dead-letters?limit=100`)).json();
  assert.equal(called.items.length, count);
  const shown = verb(0, 'dead', 'show', '1');
  assert.match(shown, /\bA: 1$/m);
  assert.doesNotMatch(shown, /^\s*(B|Last|Status|Description):/m);
  verb(0, 'trace', String(world.query('SELECT min(id) FROM account.transaction_records')[0][0]));
  verb(0, 'audit');
  await daemon.ready(20);
  raw.close();
  await traffic.close();
  await daemon.stop();
  return [];
}, console.log);
