// Streams and consumers that somebody deletes, fills, seals; brokers in a cluster that die in turn; a database that fails
// over. Same shape as in faults.mjs.

import {execFile} from 'node:child_process';
import {mkdtempSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';

import {freePort} from '../ports.mjs';
import {until} from '../world.mjs';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../../support/server_process.sh', import.meta.url));
const requests = 'TRANSACTIONS';
const durables = ['deposit-consumer', 'withdrawal-consumer'];

const exists = (promise) => promise.then(() => true, () => false);

async function madeAgain(stage, stream, created) {
  await until(`${stream} is made again`, 30, async () => {
    await sleep(50);
    return stage.traffic.manager.streams.info(stream).then((info) => info.created !== created, () => false);
  });
  return Date.now();
}

// The stream takes nothing more and is read to its end, so that its contents are known when it goes.
async function setAside(stage, stream) {
  const {traffic} = stage;
  stage.witnessed ??= {results: [], dead: []};
  if (stream === 'TRANSACTION_RESULTS') {
    stage.witnessed.results = stage.witnessed.results.concat(await traffic.results());
  } else {
    stage.witnessed.dead = stage.witnessed.dead.concat(await traffic.deadLetters());
  }
}

const change = async (stage, stream, changes) => {
  const {config} = await stage.traffic.manager.streams.info(stream);
  await stage.traffic.manager.streams.update(stream, {...config, ...changes});
  stage.counts.changes += 1;
};

// A few more messages, and what comes then is refused. nats-server 2.9 refuses late, and then trims the oldest: what the
// stream holds is read before, while the producer rests and nothing comes, and the limit leaves room for what comes until
// it holds.
async function makeFull(stage, stream) {
  const state = async () => (await stage.traffic.manager.streams.info(stream)).state;
  const goOn = stage.producer.rest();
  try {
    let {last_seq: last} = await state();
    await until(`nothing comes into ${stream}`, 20, async () => {
      await sleep(300);
      const before = last;
      last = (await state()).last_seq;
      return last === before;
    });
    if (stream !== requests) {
      await setAside(stage, stream);
    }
    const most = (await state()).messages + (stream === 'TRANSACTION_DEAD_LETTERS' ? 20 : 300);
    await change(stage, stream, {discard: 'new', max_msgs: most});
    // Of requests the oldest are decided.
    if (stream !== requests && (await state()).first_seq > last + 1) {
      stage.faults.push(`the limit of ${stream} has deleted what nobody has read: it says nothing of the nodes, the machine was too slow`);
    }
    return most;
  } finally {
    goOn();
  }
}

export const streamFaults = {
  consumerDeleted: () => ({
    round: async (stage, n) => {
      const {manager} = stage.traffic;
      const durable = durables[n % 2];
      const {delivered} = await manager.consumers.info(requests, durable);
      stage.deliveriesBefore += delivered.consumer_seq;
      await manager.consumers.delete(requests, durable);
      stage.counts.changes += 1;
      await until('the consumer is made again', 30, async () => {
        await sleep(50);
        return exists(manager.consumers.info(requests, durable));
      });
      return [Date.now()];
    },
  }),

  // What lies in it unread goes with it, so it is deleted when all is decided; publishing goes on at once.
  requestsDeleted: () => ({
    round: async (stage) => {
      await stage.producer.stored();
      await until('all is settled', 60, async () => {
        await sleep(200);
        return exists(stage.traffic.drained(0));
      });
      const incarnation = await stage.traffic.incarnation();
      for (const message of stage.messages.slice(0, stage.producer.next)) {
        message.incarnation ??= incarnation;
      }
      const {created} = await stage.traffic.manager.streams.info(requests);
      await stage.traffic.manager.streams.delete(requests);
      stage.counts.changes += 1;
      return [await madeAgain(stage, requests, created)];
    },
    quiet: true, // no load while it strikes
  }),

  deleted: (stream) => ({
    round: async (stage) => {
      const {created} = await stage.traffic.manager.streams.info(stream);
      await change(stage, stream, {sealed: true});
      await setAside(stage, stream);
      await stage.traffic.manager.streams.delete(stream);
      return [await madeAgain(stage, stream, created)];
    },
  }),

  sealed: (stream) => ({
    round: async (stage) => {
      const {created} = await stage.traffic.manager.streams.info(stream);
      await change(stage, stream, {sealed: true});
      await sleep(2500);
      await setAside(stage, stream);
      await stage.traffic.manager.streams.delete(stream);
      return [await madeAgain(stage, stream, created)];
    },
  }),

  full: (stream) => ({
    round: async (stage) => {
      const most = await makeFull(stage, stream);
      let full = false;
      for (let looks = 0; looks < 12 || (!full && looks < 60); ++looks) { // 3 s, and until it is full
        await sleep(250);
        if (looks >= 8 && !full) {
          await stage.producer.more(200, 100);
        }
        full ||= (await stage.traffic.manager.streams.info(stream)).state.messages >= most;
      }
      stage.counts.full += full ? 1 : 0;
      // With a limit the audit knows that the server may have trimmed letters.
      await change(stage, stream, {max_msgs: stream === 'TRANSACTION_DEAD_LETTERS' ? 10 ** 7 : -1, discard: 'old'});
      return [Date.now()];
    },
  }),
};

// One of three brokers is killed or frozen, in turn, every few seconds.
export const brokerFaults = {
  oneOfThree: () => ({
    round: async (stage, n) => {
      const broker = n % 3 === 0 ? stage.nats : stage.brokers.others[n % 3 - 1];
      if (n % 2 === 0) {
        await broker.kill();
        stage.counts.kills += 1;
        await sleep(stage.random.between(0, 2000));
        await broker.start();
      } else {
        await broker.freeze('STOP');
        stage.counts.freezes += 1;
        await sleep(stage.random.between(1000, 3000));
        await broker.freeze('CONT');
      }
      const ended = Date.now();
      await sleep(stage.random.between(1000, 3000));
      return [ended];
    },
  }),
};

export const failovers = {
  synchronous: () => ({
    prepare: async (stage) => {
      const primary = new URL(stage.database);
      const at = mkdtempSync('/var/tmp/ledgerd-standby.');
      stage.closing.push(() => run(script, ['remove', at]));
      const port = await freePort();
      await run(script, ['standby', at, String(port), stage.postgres.data, primary.port, primary.password]);
      stage.standby = {at, url: Object.assign(new URL(stage.database), {port: String(port)}).href};
      const {username, password, pathname} = primary;
      for (const node of stage.nodes) {
        node.environment.LEDGERD_DATABASE_URL =
          `postgresql://${username}:${password}@127.0.0.1:${primary.port},127.0.0.1:${port}${pathname}`;
      }
    },
    // Once: the old primary stays frozen for good.
    round: async (stage) => {
      await stage.postgres.freeze('STOP');
      stage.counts.freezes += 1;
      await sleep(1000);
      await run(script, ['promote', stage.standby.at]);
      const ended = Date.now();
      stage.counts.changes += 1;
      stage.database = stage.standby.url;
      stage.world.settings.LEDGERD_DATABASE_URL = stage.standby.url;
      stage.world.environment.LEDGERD_DATABASE_URL = stage.standby.url;
      return [ended];
    },
  }),
};
