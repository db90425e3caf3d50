// A steady load of valid requests on accounts of which some are much in use, and when each of them had its verdict.

import {setTimeout as sleep} from 'node:timers/promises';

const step = 20; // milliseconds between two publications
const unconfirmedSeconds = 2; // of the load at most: beyond that the broker takes less, and what is due is left out

// Ranks from 0 with probabilities that fall with (rank + 1) ** -exponent; an exponent of 0: all alike.
export function zipf(random, count, exponent) {
  const sums = [];
  let sum = 0;
  for (let rank = 0; rank < count; ++rank) {
    sum += (rank + 1) ** -exponent;
    sums.push(sum);
  }
  return () => {
    const wanted = (random.next() / 2 ** 32) * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      [low, high] = sums[middle] > wanted ? [low, middle] : [middle + 1, high];
    }
    return low;
  };
}

// Messages as of requests.mjs, from record id `first` on. One of fifty is published twice.
export function* requests(random, {accounts, exponent, first = 1}) {
  const rank = zipf(random, accounts, exponent);
  for (let id = BigInt(first); ; ++id) {
    const request = {
      id, user: `user-${rank()}`, currency: 'KRW', digits: 0, type: random.chance(65) ? 'DEPOSIT' : 'WITHDRAWAL',
      minor: BigInt(random.between(1, 100000)),
    };
    const payload = Buffer.from(`{"recordId":${id},"userId":"${request.user}","amount":${request.minor},"currency":"KRW"}`);
    const copies = random.below(50) === 0 ? 2 : 1;
    for (let copy = 0; copy < copies; ++copy) {
      yield {
        subject: `transaction.${request.type.toLowerCase()}`, payload, request, reason: null, field: '', label: 'valid',
      };
    }
  }
}

export class Load {
  // `rate`: messages a second, as long as the broker confirms them.
  constructor(traffic, random, {rate, accounts = 2000, exponent = 1.1}) {
    this.traffic = traffic;
    this.rate = rate;
    this.source = requests(random, {accounts, exponent});
    this.messages = [];
    this.waiting = new Map(); // record ids, to their messages
    this.stored = [];
    this.unconfirmed = 0;
  }

  begin() {
    this.traffic.connection.subscribe('transaction.result.>', {callback: (_, result) => this.#decided(result)});
    this.on = true;
    this.began = performance.now();
    this.running = this.#run();
  }

  // Milliseconds from its begin to now, or to its end.
  duration() {
    return (this.ended ?? performance.now()) - this.began;
  }

  // All that were published are in the stream.
  async end() {
    this.on = false;
    this.ended ??= performance.now();
    await this.running;
    await Promise.all(this.stored);
  }

  // The messages that were published in this time and satisfy `wanted`.
  sentBetween(from, to, wanted = () => true) {
    return this.messages.filter((message) => message.sent >= from && message.sent < to && wanted(message));
  }

  // Verdicts a second in each `width` milliseconds from `from` on, up to `to`.
  rates(from, to, width) {
    const rates = Array.from({length: Math.floor((to - from) / width)}, () => 0);
    for (const {decided} of this.messages) {
      const bin = Math.floor((decided - from) / width);
      if (bin >= 0 && bin < rates.length) {
        rates[bin] += 1000 / width;
      }
    }
    return rates;
  }

  // The longest that a request which satisfies `wanted` has waited for its verdict, in milliseconds.
  longestWait(wanted = () => true) {
    const now = performance.now();
    return this.messages.filter(wanted).reduce((most, {sent, decided}) => Math.max(most, (decided ?? now) - sent), 0);
  }

  // The longest that the broker has taken to confirm a request that was published in this time, in milliseconds.
  longestConfirmation(from, to) {
    const now = performance.now();
    return this.sentBetween(from, to).reduce((most, {sent, confirmed}) => Math.max(most, (confirmed ?? now) - sent), 0);
  }

  async #run() {
    for (let done = 0; this.on; await sleep(step)) {
      const due = Math.floor((performance.now() - this.began) / 1000 * this.rate);
      for (; done < due; ++done) {
        if (this.unconfirmed < this.rate * unconfirmedSeconds) {
          this.#publish(this.source.next().value);
        }
      }
    }
  }

  #publish(message) {
    this.messages.push(message);
    message.sent = performance.now();
    if (!this.waiting.has(message.request.id)) {
      this.waiting.set(message.request.id, message);
    } else {
      message.decided = message.sent; // a copy
    }
    this.unconfirmed += 1;
    this.stored.push(this.traffic.publish([message]).then(() => {
      this.unconfirmed -= 1;
      message.confirmed = performance.now();
    }));
  }

  #decided(result) {
    const id = BigInt(result.headers.get('Nats-Msg-Id').slice('result-'.length));
    const message = this.waiting.get(id);
    if (message && message.decided === undefined) {
      message.decided = performance.now();
    }
  }
}
