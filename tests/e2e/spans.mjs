// A trace from a call over HTTP to the result, and its spans in the log: node spans.mjs BINARY

import assert from 'node:assert/strict';

import {connect, headers as natsHeaders} from 'nats';

import {conclude, until, World} from './world.mjs';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const caller = '00f067aa0ba902b7';

// The last may be half written.
const lines = (daemon) => daemon.log.split('\n').slice(0, -1).map((line) => JSON.parse(line));
const spans = (daemon) => lines(daemon).filter((line) => line.event === 'span');

async function submit(daemon, headers) {
  const answer = await fetch(`${daemon.url}/v1/transactions`, {
    method: 'POST', headers: {'Content-Type': 'application/json', Prefer: 'wait=10', ...headers},
    body: JSON.stringify({userId: 'anna', type: 'DEPOSIT', amount: '5', currency: 'KRW'}),
  });
  assert.equal(answer.status, 200);
  return (await answer.json()).recordId;
}

// The headers of the last message of a stream's subject.
async function last(nats, stream, subject) {
  const message = await (await nats.jetstreamManager()).streams.getMessage(stream, {last_by_subj: subject});
  return message.header;
}

// A request that was lost before a ledger node had it is published again in its caller's trace.
async function redriven(world, nats, daemon) {
  const door = await world.daemon('door', '--roles', 'account', '--redrive-after', '2s', '--log-format', 'json');
  await door.ready();
  const own = '0af7651916cd43dd8448eb211c80319c';
  const manager = await nats.jetstreamManager();
  await daemon.stop(); // nobody decides
  const answer = await fetch(`${door.url}/v1/transactions`, {
    method: 'POST', headers: {'Content-Type': 'application/json', traceparent: `00-${own}-${caller}-01`},
    body: JSON.stringify({userId: 'anna', type: 'WITHDRAWAL', amount: '1', currency: 'KRW'}),
  });
  assert.equal(answer.status, 202);
  await until('the request is in the stream', 10, async () => (await last(nats, 'TRANSACTIONS', 'transaction.withdrawal')).get('traceparent').includes(own));
  await manager.streams.purge('TRANSACTIONS', {filter: 'transaction.withdrawal'});
  const ledger = await world.daemon('ledger', '--roles', 'ledger', '--log-format', 'json');
  await ledger.ready();
  await until('the lost request is decided in its trace', 30, () => spans(door).some((span) => span.traceId === own
    && span.name === 'process transaction.result.withdrawal'));
  for (const [stream, subject] of [['TRANSACTIONS', 'transaction.withdrawal'], ['TRANSACTION_RESULTS', 'transaction.result.withdrawal']]) {
    assert.equal((await last(nats, stream, subject)).get('traceparent'), `00-${own}-${caller}-01`);
  }
  // The other node writes its own line, when its result is confirmed.
  const decided = await until('its decision is in the log', 20, () => spans(ledger).find((span) => span.name === 'process transaction.withdrawal'));
  assert.equal(`${decided.traceId} ${decided.parentSpanId}`, `${own} ${caller}`);
  await door.stop();
  await ledger.stop();
}

await conclude(async () => {
  const world = new World(process.argv[2]);
  const daemon = await world.daemon('traced', '--roles', 'ledger,account', '--log-format', 'json');
  await daemon.ready();
  const nats = await connect({servers: world.natsUrl});

  await submit(daemon, {traceparent: `00-${trace}-${caller}-01`, tracestate: 'a=b'});
  await until('three spans are in the log', 10, () => spans(daemon).length >= 3);
  const [published, decided, settled] = ['publish transaction.deposit', 'process transaction.deposit',
    'process transaction.result.deposit'].map((name) => spans(daemon).find((span) => span.name === name));
  for (const span of [published, decided, settled]) {
    assert.equal(span.traceId, trace);
    assert(span.startTimeUnixNano <= span.endTimeUnixNano && span.endTimeUnixNano / 1e6 <= Date.now());
    assert.equal(span['messaging.system'], 'nats');
  }
  assert.equal(published.parentSpanId, caller);
  assert.equal(published.kind, 'PRODUCER');
  assert.equal(decided.parentSpanId, published.spanId);
  assert.equal(decided['ledgerd.outcome'], 'decided');
  assert.equal(decided['messaging.consumer.group.name'], 'deposit-consumer'); // whichever of its fetchers it was
  assert.equal(settled.parentSpanId, published.spanId);
  for (const [stream, subject] of [['TRANSACTIONS', 'transaction.deposit'], ['TRANSACTION_RESULTS', 'transaction.result.deposit']]) {
    const header = await last(nats, stream, subject);
    assert.equal(header.get('traceparent'), `00-${trace}-${published.spanId}-01`);
    assert.equal(header.get('tracestate'), 'a=b');
  }

  // A direct producer's request that is parked; what is not sampled or no trace is passed on or left out, and not logged.
  const given = natsHeaders();
  given.set('traceparent', `00-${trace}-${caller}-01`);
  await nats.jetstream().publish('transaction.withdrawal', '{}', {headers: given});
  await until('the parked one is in the log', 10, () => spans(daemon).length >= 4);
  assert.equal(spans(daemon)[3]['ledgerd.outcome'], 'INVALID_FIELD');
  await submit(daemon, {traceparent: `00-${trace}-${caller}-00`});
  assert.equal((await last(nats, 'TRANSACTION_RESULTS', 'transaction.result.deposit')).get('traceparent'), `00-${trace}-${caller}-00`);
  await submit(daemon, {traceparent: '00-1-2-01', tracestate: 'a=b'});
  await submit(daemon, {});
  const bare = await last(nats, 'TRANSACTION_RESULTS', 'transaction.result.deposit');
  assert(!bare.has('traceparent') && !bare.has('tracestate'));
  assert.equal(spans(daemon).length, 4);

  await redriven(world, nats, daemon);

  // Every line of the log is an object with a code.
  await nats.close();
  for (const line of lines(daemon)) {
    assert.match(line.event, /^[a-z_]+$/);
    assert.equal(line.node, 'traced');
    assert(Date.parse(line.time) > 0 && line.message.length > 0 && ['info', 'warn', 'error'].includes(line.level));
  }
  const codes = lines(daemon).map((line) => line.event);
  for (const code of ['node_starting', 'node_running', 'message_parked', 'node_draining', 'node_drained', 'node_stopped']) {
    assert(codes.includes(code), `the log has no ${code}`);
  }
  return [];
}, console.log);
