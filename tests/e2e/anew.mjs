// Streams and consumers that are deleted and made anew under a running daemon. Usage:
//   node anew.mjs BINARY        (NATS_SERVER=/path/to/nats-server: with that server)

import {readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {AckPolicy} from 'nats';

import {Traffic} from './traffic.mjs';
import {conclude, holdTable, until, World} from './world.mjs';

const [binary] = process.argv.slice(2);
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const requestStream = 'TRANSACTIONS';
const exhaustedStream = 'TRANSACTION_EXHAUSTED';
const perLife = 120;
const poisonEvery = 10;

// Each life has its poison at the same sequences, and in payloads of its own.
function requestsOf(life) {
  return Array.from({length: perLife}, (_, i) => {
    const subject = `transaction.${i % 2 === 0 ? 'deposit' : 'withdrawal'}`;
    const poison = i % poisonEvery < 2;
    const record = life * 1000 + i + 1;
    return {
      subject, poison, record,
      payload: poison ? `{life ${life}, ${i}`
        : JSON.stringify({recordId: record, userId: `user-${i % 7}`, amount: '10', currency: 'KRW'}),
    };
  });
}

// A limit of deliveries, as somebody else may have set it.
async function limitDeliveries(traffic) {
  for (const type of ['deposit', 'withdrawal']) {
    let why;
    await until(`${type}-consumer has a limit`, 20, async () => { // the daemon makes one, too, when it has missed it twice
      await traffic.manager.consumers.delete(requestStream, `${type}-consumer`).catch(() => {});
      return traffic.manager.consumers.add(requestStream, {
        durable_name: `${type}-consumer`, filter_subject: `transaction.${type}`, ack_policy: AckPolicy.Explicit,
        ack_wait: 2e9, max_deliver: 2, max_ack_pending: 1000,
      }).then(() => true, (error) => { why = error; });
    }).catch((error) => { throw new Error(`${error.message}: ${why}`); });
  }
}

// Somebody who takes requests and settles none, so that the broker gives them up.
async function spoil(traffic, stopped) {
  let taken = 0;
  while (!stopped()) {
    for (const type of ['deposit', 'withdrawal']) {
      try {
        const consumer = await traffic.stream.consumers.get(requestStream, `${type}-consumer`);
        for await (const message of await consumer.fetch({max_messages: 20, expires: 1000})) {
          message.nak();
          ++taken;
        }
      } catch {
        // Gone for the moment.
      }
    }
  }
  return taken;
}

async function exists(traffic, stream) {
  return traffic.manager.streams.info(stream).then(() => true, () => false);
}

async function decided(world, traffic, lives) {
  const rows = new Set(world.query('SELECT record_id FROM ledger.transactions').map(([id]) => Number(id)));
  const letters = new Set((await traffic.deadLetters()).map(({payload}) => payload.toString('utf8')));
  return lives.flat().filter(({poison, record, payload}) => (poison ? !letters.has(payload) : !rows.has(record)));
}

async function metric(daemon, name) {
  const text = await (await fetch(`${daemon.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? NaN);
}

async function nothingIsLost(world, traffic) {
  const faults = [];
  const daemon = await world.daemon('anew', '--recovery-interval', '500ms', '--shutdown-deadline', '1s');
  await daemon.ready();
  const lives = [];
  let taken = 0;
  for (let life = 1; life <= 3; ++life) {
    if (life > 1) {
      await traffic.manager.streams.delete(requestStream);
      await traffic.manager.streams.delete(exhaustedStream);
      for (const stream of [requestStream, exhaustedStream]) {
        await until(`${stream} is made again`, 20, () => exists(traffic, stream));
      }
      await daemon.ready(20);
    }
    await limitDeliveries(traffic);
    let stop = false;
    const spoiling = spoil(traffic, () => stop);
    const requests = requestsOf(life);
    lives.push(requests);
    await traffic.publish(requests);
    let left = requests;
    await until(`life ${life} is decided`, 60, async () => {
      left = await decided(world, traffic, lives);
      return left.length === 0;
    }).catch(() => faults.push(`life ${life}: ${left.length} of ${requests.length} have neither row nor letter, `
      + `the first ${JSON.stringify(left[0])}`));
    stop = true;
    taken += await spoiling;
    log(`life ${life} is decided`);
  }
  if (taken === 0) {
    faults.push('nothing was taken away, so nothing was given up');
  }
  await until('the metric counts what was made again', 20, async () =>
    await metric(daemon, 'ledgerd_topology_made_again_total') >= 4).catch((error) => faults.push(error.message));
  await traffic.manager.consumers.delete(requestStream, 'deposit-consumer');
  await until('the consumer is made again', 20, () =>
    traffic.manager.consumers.info(requestStream, 'deposit-consumer').then(() => true, () => false));
  const last = requestsOf(9);
  lives.push(last);
  await traffic.publish(last);
  await until('what came afterwards is decided', 60, async () => (await decided(world, traffic, lives)).length === 0);
  log('a consumer was made again');
  await traffic.drained(60);
  await daemon.stop();
  faults.push(...world.auditFaults());
  const text = readFileSync(daemon.logFile, 'utf8');
  if (!/stream TRANSACTIONS had disappeared while the daemon was running and has been made again/.test(text)) {
    faults.push('the log does not say what was made again');
  }
  return faults;
}

async function whatIsMissingIsNamed(world, traffic) {
  const faults = [];
  // Three requests that somebody deletes before anybody has read them.
  await traffic.manager.streams.delete(requestStream);
  await traffic.provision(30);
  await traffic.publish(requestsOf(20).slice(0, 6));
  for (const seq of [1, 2, 3]) {
    await traffic.manager.streams.deleteMessage(requestStream, seq);
  }
  const daemon = await world.daemon('strict', '--roles', 'ledger', '--provision=false', '--shutdown-deadline', '1s');
  await daemon.ready();
  await until('the deleted requests are named', 20, () =>
    readFileSync(daemon.logFile, 'utf8').includes('the messages 1 to 3 were deleted before they were decided'));
  await until('the metric counts what was deleted unread', 10, async () =>
    await metric(daemon, 'ledgerd_requests_deleted_unread_total') === 3);
  await traffic.manager.streams.delete('TRANSACTION_DEAD_LETTERS');
  await until('the log names the stream', 20, () =>
    readFileSync(daemon.logFile, 'utf8').includes('stream TRANSACTION_DEAD_LETTERS is missing'));
  await until('it is not ready', 10, async () => {
    const answer = await fetch(`${daemon.url}/readyz?verbose`);
    return answer.status === 503 && (await answer.text()).includes('TRANSACTION_DEAD_LETTERS is missing');
  });
  if (await exists(traffic, 'TRANSACTION_DEAD_LETTERS')) {
    faults.push('the stream was made although --provision=false');
  }
  await traffic.manager.streams.add({name: 'TRANSACTION_DEAD_LETTERS', subjects: ['transaction.dead.>']});
  await daemon.ready(20);
  // A setting that would lose requests, set while the daemon runs.
  const {config} = await traffic.manager.streams.info(requestStream);
  await traffic.manager.streams.update(requestStream, {...config, max_age: 600e9, duplicate_window: 100e9});
  await until('the setting is named', 20, async () => {
    const answer = await fetch(`${daemon.url}/readyz?verbose`);
    return answer.status === 503 && (await answer.text()).includes('max_age is 600000ms');
  });
  await traffic.manager.streams.update(requestStream, config);
  await daemon.ready(20);
  faults.push(...await aFullStreamIsNamed(world, traffic, daemon));
  await daemon.stop();
  return faults;
}

async function aFullStreamIsNamed(world, traffic, daemon) {
  const faults = [];
  const {config, state} = await traffic.manager.streams.info(requestStream);
  const percent = () => metric(daemon, `ledgerd_stream_full_percent{stream="${requestStream}"}`);
  await until('the metric says that a stream without a limit is not full', 10, async () => await percent() === 0);
  await traffic.manager.streams.update(requestStream, {...config, discard: 'new', max_msgs: state.messages});
  await until('the metric says that the stream is full', 10, async () => await percent() === 100);
  const sentence = `the stream ${requestStream} is full (${state.messages} of ${state.messages} messages)`;
  await until('the log says that the stream is full', 10, () => readFileSync(daemon.logFile, 'utf8').includes(sentence))
    .catch((error) => faults.push(error.message));
  const {code, output} = world.verb('check');
  if (code !== 1 || !output.includes(`FAULT  ${sentence}`)) {
    faults.push(`ledgerd check does not say that the stream is full: ${code} ${output}`);
  }
  await traffic.manager.streams.update(requestStream, config);
  await until('the metric says that there is room', 10, async () => await percent() === 0);
  return faults;
}

// Requests wait for the database when their stream is deleted: the log and the metric say what went with it.
async function whatWaitedIsCounted(world, traffic) {
  const faults = [];
  await traffic.manager.streams.delete(requestStream);
  await traffic.provision(30);
  const daemon = await world.daemon('waiting', '--roles', 'ledger', '--shutdown-deadline', '1s');
  await daemon.ready();
  const release = await holdTable('ledger.transactions', world.settings.LEDGERD_DATABASE_URL);
  await traffic.publish(requestsOf(30));
  // The watch looks once a second: it has seen them, and has looked once more.
  await until('the watch has seen the requests', 20, async () => {
    const {status, body} = await daemon.get('/v1/overview');
    return status === 200 && JSON.parse(body).streams.published >= perLife;
  });
  await sleep(2000);
  await traffic.manager.streams.delete(requestStream);
  // An old server is not asked what is settled while requests come: it would slow down.
  const [major, minor] = traffic.connection.info.version.split('.').map(Number);
  const told = major > 2 || minor >= 10
    ? /the stream TRANSACTIONS was deleted and made anew; at the last look at most (\d+) requests between \d+ and 120 /
    : /the stream TRANSACTIONS was deleted and made anew; it held (\d+) requests between \d+ and 120, /;
  await until('the log says what went with the stream', 20, () => told.test(readFileSync(daemon.logFile, 'utf8')));
  const [, count] = told.exec(readFileSync(daemon.logFile, 'utf8'));
  const counted = await metric(daemon, 'ledgerd_requests_deleted_unread_total');
  if (Number(count) < 1 || counted !== Number(count)) {
    faults.push(`${count} requests of 120 waited as the log says, ${counted} as the metric does`);
  }
  await release();
  await daemon.ready(30);
  await daemon.stop();
  return faults;
}

async function run() {
  const world = new World(binary);
  const traffic = await Traffic.open(world.natsUrl);
  log(`nats-server ${traffic.connection.info.version}`);
  const faults = [...await nothingIsLost(world, traffic), ...await whatIsMissingIsNamed(world, traffic),
    ...await whatWaitedIsCounted(world, traffic)];
  await traffic.close();
  return faults;
}

await conclude(run, log);
