// docs/asyncapi.json against what really goes over NATS: node asyncapi.mjs BINARY
//
// Everything that is published while requests of all kinds go through is held against the channel of its subject, and
// every question is answered as its operation says. Each channel and each kind of answer must have been seen.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';

import Ajv from 'ajv';
import {connect, headers as natsHeaders} from 'nats';

import {conclude, until, World} from './world.mjs';

const description = JSON.parse(readFileSync(new URL('../../docs/asyncapi.json', import.meta.url), 'utf8'));
const ajv = new Ajv({strict: false, validateFormats: false});
ajv.addSchema(description, 'asyncapi');

const pointed = (reference) => reference.split('/').slice(1).reduce((at, key) => at[key], description);
const resolve = (value) => value?.$ref ? resolve(pointed(value.$ref)) : value;

const patterns = Object.entries(description.channels).filter(([, {address}]) => address).map(([key, {address}]) =>
  [key, new RegExp(`^${address.replace(/[.$]/g, '\\$&').replace(/\{\w+\}/g, '[^.]+')}$`)]);

const seen = new Set();

function fits(schema, value) {
  const validate = ajv.getSchema(`asyncapi${schema.$ref}`);
  return validate(value) ? '' : ajv.errorsText(validate.errors);
}

const headersOf = (message) =>
  Object.fromEntries([...(message.headers ?? [])].map(([name, [value]]) => [name, value]));

// Why a message is not of this kind; empty: it is.
function misfit(kind, message) {
  if (kind.headers) {
    const why = fits(kind.headers, headersOf(message));
    if (why) {
      return `headers: ${why}`;
    }
  }
  if (!kind.payload || !/json/.test(kind.contentType)) {
    return '';
  }
  try {
    return fits(kind.payload, JSON.parse(message.string()));
  } catch (error) {
    return error.message;
  }
}

// The message must be one of these kinds.
function judge(what, references, message, faults) {
  const whys = [];
  for (const reference of references) {
    const kind = resolve(reference);
    const why = misfit(kind, message);
    if (!why) {
      return seen.add(kind.name);
    }
    whys.push(`${kind.name}: ${why}`);
  }
  faults.push(`${what}: ${whys.join('; ')}: ${message.string().slice(0, 200)} ${JSON.stringify(headersOf(message))}`);
}

function judgePublished(message, faults) {
  const channel = patterns.find(([, pattern]) => pattern.test(message.subject))?.[0];
  if (!channel) {
    return faults.push(`nobody describes the subject ${message.subject}`);
  }
  seen.add(channel);
  const deliberate = message.headers?.get('X-Wrong'); // what the test itself sends wrong is judged by what becomes of it
  if (!deliberate) {
    judge(message.subject, Object.values(description.channels[channel].messages), message, faults);
  }
}

// Asks, and holds the answer against the operation that takes the question.
async function ask(nats, subject, question, faults, given = {}) {
  const channel = patterns.find(([, pattern]) => pattern.test(subject))[0];
  const operation = Object.values(description.operations).find((each) =>
    each.reply && each.channel.$ref === `#/channels/${channel}`);
  const headers = natsHeaders();
  Object.entries(given).forEach(([name, value]) => headers.set(name, value));
  const answer = await nats.request(subject, question === undefined ? '' : JSON.stringify(question), {timeout: 15000, headers});
  judge(`the answer of ${subject}`, operation.reply.messages, answer, faults);
  return answer.string() && JSON.parse(answer.string());
}

async function traffic(nats, faults) {
  const js = nats.jetstream();
  const wrong = natsHeaders();
  wrong.set('X-Wrong', 'yes');
  await js.publish('transaction.deposit', JSON.stringify({recordId: 1, userId: 'bob', amount: '7', currency: 'KRW'}));
  await js.publish('transaction.withdrawal', JSON.stringify({recordId: '2', userId: 'bob', amount: 99, currency: 'KRW', type: 'WITHDRAWAL'}));
  await js.publish('transaction.deposit', 'no json', {headers: wrong});
  await js.publish('transaction.withdrawal', JSON.stringify({recordId: 1, userId: 'eve', amount: '7', currency: 'KRW'}));
  const one = {userId: 'anna', type: 'DEPOSIT', amount: '5', currency: 'KRW'};
  const record = await ask(nats, 'ledgerd.api.submit', one, faults, {Prefer: 'wait=10', 'Idempotency-Key': 'a',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00', tracestate: 'a=b'});
  assert.equal(record.status, 'SUCCESS');
  await ask(nats, 'ledgerd.api.submit', {...one, amount: '6'}, faults, {'Idempotency-Key': 'a'});
  await ask(nats, 'ledgerd.api.record', {recordId: record.recordId}, faults);
  await ask(nats, 'ledgerd.api.account', {userId: 'anna'}, faults);
  await ask(nats, 'ledgerd.api.history', {userId: 'anna', limit: 1}, faults);
  await ask(nats, 'ledgerd.api.verdicts', {recordIds: [1, 2, 3]}, faults);
  await ask(nats, 'ledgerd.api.currencies', {recordIdsFrom: 1}, faults);
  await ask(nats, 'ledgerd.cluster.ask', undefined, faults);
  for (const what of ['PING', 'INFO', 'STATS']) {
    const {id} = await ask(nats, `$SRV.${what}`, undefined, faults);
    await ask(nats, `$SRV.${what}.ledgerd`, undefined, faults);
    await ask(nats, `$SRV.${what}.ledgerd.${id}`, undefined, faults);
  }
  const given = {stream: 'TRANSACTIONS', consumer: 'deposit-consumer', stream_seq: 1, deliveries: 3};
  nats.publish('$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.TRANSACTIONS.deposit-consumer', JSON.stringify(given));
}

await conclude(async () => {
  const world = new World(process.argv[2]);
  const faults = [];
  const nats = await connect({servers: world.natsUrl});
  for (const subject of ['transaction.>', 'ledgerd.>', '$SRV.>', '$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>']) {
    nats.subscribe(subject, {callback: (error, message) => error ? faults.push(error.message) : judgePublished(message, faults)});
  }
  const daemons = [await world.daemon('one', '--roles', 'ledger,account'), await world.daemon('two', '--roles', 'ledger')];
  for (const daemon of daemons) {
    await daemon.ready();
  }
  await traffic(nats, faults);
  await until('two are parked', 30, () => world.query('SELECT 1 FROM ledger.transactions').length >= 3
    && JSON.parse(world.verb('dead', 'list', '--json').stdout).items.length >= 2);
  world.verb('dead', 'discard', '1', '--yes', '--why', 'seen');
  // Entries for the other node: those of many users.
  for (let i = 0; i < 64 && !seen.has('nodeEntries'); ++i) {
    await nats.jetstream().publish('transaction.deposit', JSON.stringify({recordId: 100 + i, userId: `user ${i}`, amount: '1', currency: 'KRW'}));
  }
  await until('a node has entries for the other', 20, () => seen.has('nodeEntries'));
  const inMessages = Object.values(description.components.messages).map(({name}) => name);
  const wanted = [...patterns.map(([key]) => key), ...inMessages];
  await until('an action is seen', 10, () => seen.has('action'));
  for (const each of wanted.filter((one) => !seen.has(one))) {
    faults.push(`never seen: ${each}`);
  }
  await nats.close();
  for (const daemon of daemons) {
    await daemon.stop();
  }
  return faults;
}, console.log);
