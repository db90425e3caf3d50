// Stands for the service that ledgerd is to replace: takes requests one by one from the two durables, keeps the balances
// in its own memory, and publishes results in a notation of its own. It makes the mistakes that it is told to make.

import {AckPolicy} from 'nats';

const name = (user, currency) => `${user}/${currency}`;

export class OldService {
  // `mistakes`: by record id, what it does wrong there.
  constructor(traffic, mistakes = new Map()) {
    this.traffic = traffic;
    this.mistakes = mistakes;
    this.balances = new Map(); // in minor units
    this.digits = {KRW: 0, EUR: 2};
    this.published = 0;
    this.decided = 0;
  }

  // Its streams; the durables are those that ledgerd would take over.
  static async provision(traffic) {
    await traffic.provision(30);
    await traffic.manager.streams.add({name: 'TRANSACTION_RESULTS', subjects: ['transaction.result.>']});
    await traffic.manager.consumers.add('TRANSACTION_RESULTS', {durable_name: 'old-reader', ack_policy: AckPolicy.Explicit});
  }

  start() {
    this.running = true;
    this.loops = ['deposit', 'withdrawal'].map(async (type) => {
      const consumer = await this.traffic.stream.consumers.get('TRANSACTIONS', `${type}-consumer`);
      while (this.running) {
        for await (const message of await consumer.fetch({max_messages: 50, expires: 1000})) {
          await this.decide(type, JSON.parse(message.string()));
          await message.ackAck();
          ++this.decided;
        }
      }
    });
  }

  async stop() {
    this.running = false;
    await Promise.all(this.loops);
  }

  minor(amount, currency) {
    return Math.round(Number(amount) * 10 ** this.digits[currency]);
  }

  text(minor, currency) {
    return (minor / 10 ** this.digits[currency]).toFixed(this.digits[currency]);
  }

  async decide(type, request) {
    const {recordId, userId, currency} = request;
    const mistake = this.mistakes.get(recordId);
    const account = name(userId, currency);
    const amount = this.minor(request.amount, currency) + (mistake === 'amount' ? 1 : 0);
    const before = this.balances.get(account) ?? 0;
    const short = type === 'withdrawal' && amount > before && mistake !== 'overdraft';
    let after = short ? before : before + (type === 'deposit' ? amount : -amount);
    if (mistake === 'balance') {
      after += 1;
    }
    this.balances.set(account, mistake === 'parked' || mistake === 'overdraft' ? before : after);
    if (mistake === 'lost') {
      return;
    }
    // Numbers where ledgerd has texts, another order, a time of its own and a field that ledgerd does not know.
    const result = {
      status: short ? 'FAILED' : 'SUCCESS', recordId, balanceAfter: Number(this.text(after, currency)),
      amount: Number(this.text(amount, currency)), currency, type: type.toUpperCase(), userId, processedAt: Date.now(), node: 'old',
    };
    if (short) {
      result.reason = mistake === 'reason' ? 'NOT_ENOUGH' : 'INSUFFICIENT_FUNDS';
    }
    await this.traffic.stream.publish(`transaction.result.${type}`, JSON.stringify(result));
    ++this.published;
  }

  // Its table of balances, as it would be exported.
  csv() {
    const rows = [...this.balances].map(([account, minor]) => {
      const [user, currency] = account.split('/');
      return `${user},${currency},${this.text(minor, currency)}`;
    });
    return ['user,currency,balance', ...rows, ''].join('\n');
  }
}
