// The run's own NATS client: publishes the requests and reads the streams, with the official JavaScript client.

import {AckPolicy, connect, DeliverPolicy} from 'nats';

import {until} from './world.mjs';

const requestStream = 'TRANSACTIONS';
const durables = ['deposit-consumer', 'withdrawal-consumer'];
const resultDurable = 'account-result-consumer';

// Several brokers may have no leader for a moment; what is asked for twice is the same.
const made = (call) => until('JetStream has made it', 30, () => call().catch((error) => {
  if (error.code !== 'TIMEOUT' && error.code !== '503') {
    throw error;
  }
}));

export class Traffic {
  static async open(url) {
    const traffic = new Traffic();
    traffic.connection = await connect({servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100});
    traffic.stream = traffic.connection.jetstream();
    traffic.manager = await traffic.connection.jetstreamManager();
    return traffic;
  }

  // The daemon's own durables, made beforehand with a short acknowledgement wait, so that what a killed daemon held
  // comes back soon.
  async provision(ackWaitSeconds) {
    await made(() => this.manager.streams.add({name: requestStream, subjects: ['transaction.deposit', 'transaction.withdrawal']}));
    for (const type of ['deposit', 'withdrawal']) {
      await made(() => this.manager.consumers.add(requestStream, {
        durable_name: `${type}-consumer`,
        filter_subject: `transaction.${type}`,
        ack_policy: AckPolicy.Explicit,
        ack_wait: ackWaitSeconds * 1e9,
        max_ack_pending: 100000,
      }));
    }
  }

  // The durables anew, with a limit of deliveries as somebody else may have set it.
  async limitDeliveries(limit) {
    for (const name of durables) {
      const {config} = await this.manager.consumers.info(requestStream, name);
      await this.manager.consumers.delete(requestStream, name);
      await this.manager.consumers.add(requestStream, {...config, ack_wait: 1.5e9, max_deliver: limit});
    }
  }

  // Takes what the durables deliver and settles none of it, until there were so many deliveries and nothing has come for three
  // seconds, or for a minute. Returns how many there were by the server's count: one that comes when a pull is just over is
  // nobody's here.
  async exhaust(wanted) {
    const delivered = async () => (await this.consumers()).reduce((sum, each) => sum + each.delivered.consumer_seq, 0);
    await Promise.all(durables.map(async (name) => {
      const consumer = await this.stream.consumers.get(requestStream, name);
      let count = 0;
      for (let silent = 0; silent < 3 || (silent < 60 && await delivered() < wanted);) {
        const before = count;
        for await (const _ of await consumer.fetch({max_messages: 1000, expires: 1000})) {
          ++count;
        }
        silent = count === before ? silent + 1 : 0;
      }
    }));
    return delivered();
  }

  // The account side's durable likewise.
  async provisionResults(ackWaitSeconds) {
    await this.manager.streams.add({name: 'TRANSACTION_RESULTS', subjects: ['transaction.result.>']});
    await this.manager.consumers.add('TRANSACTION_RESULTS', {
      durable_name: resultDurable,
      filter_subject: 'transaction.result.>',
      ack_policy: AckPolicy.Explicit,
      ack_wait: ackWaitSeconds * 1e9,
      max_ack_pending: 100000,
    });
  }

  async messages(stream) {
    return (await this.manager.streams.info(stream)).state.messages;
  }

  // The place of the last request.
  async lastRequest() {
    return (await this.manager.streams.info(requestStream)).state.last_seq;
  }

  async purge(stream) {
    await this.manager.streams.purge(stream);
  }

  // Publishes in order, without a message id, and notes each message's place in the stream.
  async publish(messages) {
    const window = 500;
    for (let start = 0; start < messages.length; start += window) {
      await Promise.all(messages.slice(start, start + window).map(async (message) => {
        const stored = await this.stream.publish(message.subject, message.payload, {timeout: 20000});
        message.seq = stored.seq;
      }));
    }
  }

  async consumers() {
    return Promise.all(durables.map((name) => this.manager.consumers.info(requestStream, name)));
  }

  // How many messages the daemons have settled so far.
  async settled() {
    const sum = (items) => items.reduce((a, b) => a + b, 0);
    const {state} = await this.manager.streams.info(requestStream);
    return state.messages - sum((await this.consumers()).map((info) => info.num_pending + info.num_ack_pending));
  }

  // When the stream of requests was made, in nanoseconds since 1970, as dead letters name it.
  async incarnation() {
    const {created} = await this.manager.streams.info(requestStream);
    const [seconds, fraction = ''] = created.replace('Z', '').split('.');
    return String(Date.parse(`${seconds}Z`) / 1000) + fraction.padEnd(9, '0');
  }

  // How many deliveries the broker has made beyond the first of each message.
  async redeliveries() {
    const {state} = await this.manager.streams.info(requestStream);
    const deliveries = (await this.consumers()).reduce((sum, info) => sum + info.delivered.consumer_seq, 0);
    return deliveries - state.messages;
  }

  // What the broker says of every stream and consumer, in words for whoever has to find out why a run stands still.
  async standing() {
    const lines = [];
    const leader = (cluster) => (cluster ? `, leader ${cluster.leader ?? 'none'}, ${(cluster.replicas ?? [])
      .map(({name, current, offline, lag}) => `${name} ${offline ? 'offline' : current ? 'current' : 'behind'} by ${lag ?? 0}`).join(', ')}` : '');
    for await (const {config, state, cluster} of this.manager.streams.list()) {
      lines.push(`${config.name}: ${state.messages} messages to ${state.last_seq}${leader(cluster)}`);
      for await (const info of this.manager.consumers.list(config.name)) {
        lines.push(`  ${info.name}: delivered ${info.delivered.stream_seq}, acknowledged to ${info.ack_floor.stream_seq}, `
          + `${info.num_pending} wait, ${info.num_ack_pending} held, ${info.num_waiting} pulls${leader(info.cluster)}`);
      }
    }
    return lines.join('\n');
  }

  // Waits until every request is settled and, where an account side has ever run, every result.
  async drained(seconds) {
    const all = async () => [...await this.consumers(), ...await this.resultConsumers()];
    await until('the consumers are drained', seconds, async () =>
      (await all()).every((info) => info.num_pending === 0 && info.num_ack_pending === 0));
  }

  async resultConsumers() {
    try {
      return [await this.manager.consumers.info('TRANSACTION_RESULTS', resultDurable)];
    } catch (error) {
      if (error.api_error?.code === 404) {
        return [];
      }
      throw error;
    }
  }

  // Everything a stream holds, read through a consumer of our own: `convert` makes what is kept of each message.
  async readAll(stream, subject, convert) {
    const name = await this.#consumerWhereLed(stream, {
      name: `e2e-${stream}`,
      filter_subject: subject,
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.All,
      inactive_threshold: 60e9,
    });
    const consumer = await this.stream.consumers.get(stream, name);
    const result = [];
    let pending = (await consumer.info()).num_pending;
    while (pending > 0) {
      const before = result.length;
      const batch = await consumer.fetch({max_messages: Math.min(1000, pending), expires: 5000});
      for await (const message of batch) {
        result.push(convert(message));
        pending = message.info.pending;
      }
      if (result.length === before) {
        pending = (await consumer.info()).num_pending; // what was missing may be deleted
      }
    }
    await this.manager.consumers.delete(stream, name);
    return result;
  }

  // Its name. With replicas it is put on any of their servers, and a follower's copy may end before the leader's does.
  async #consumerWhereLed(stream, config) {
    for (let tries = 0; tries < 50; ++tries) {
      const leader = (await this.manager.streams.info(stream)).cluster?.leader;
      const {name, cluster} = await this.manager.consumers.add(stream, config);
      if (!cluster?.leader || cluster.leader === leader) { // a server without a cluster does not say
        return name;
      }
      await this.manager.consumers.delete(stream, name);
    }
    throw new Error(`no consumer is to be had where ${stream} is led`);
  }

  // The place of each request, and when it was stored, in milliseconds since 1970.
  async requests() {
    return this.readAll(requestStream, 'transaction.*', (message) => ({
      seq: message.seq, at: message.info.timestampNanos / 1e6, messageId: message.headers?.get('Nats-Msg-Id') ?? '',
    }));
  }

  // `at` as above.
  async results() {
    return this.readAll('TRANSACTION_RESULTS', 'transaction.result.>', (message) => ({
      at: message.info.timestampNanos / 1e6,
      subject: message.subject,
      messageId: message.headers?.get('Nats-Msg-Id') ?? '',
      payload: Buffer.from(message.data).toString('utf8'),
    }));
  }

  // For how many milliseconds the stream of dead letters knows a letter again.
  async letterWindow() {
    return (await this.manager.streams.info('TRANSACTION_DEAD_LETTERS')).config.duplicate_window / 1e6;
  }

  // `at` as above.
  async deadLetters() {
    return this.readAll('TRANSACTION_DEAD_LETTERS', 'transaction.dead.>', (message) => ({
      at: message.info.timestampNanos / 1e6,
      subject: message.subject,
      headers: Object.fromEntries([...message.headers].map(([key, values]) => [key, values[0]])),
      payload: Buffer.from(message.data),
    }));
  }

  async close() {
    await this.connection.close();
  }
}
