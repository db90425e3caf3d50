// A producer that keeps each message until its PubAck, publishes it again under the same message id when that does not
// come, and notes its place in the stream: what a careful service does.

import {setTimeout as sleep} from 'node:timers/promises';

const step = 20; // milliseconds between two lots
const underWayMax = 1000;
const patience = 90000; // milliseconds of trying one message
const idPatience = 5000; // milliseconds of trying one under its first id

export class Producer {
  constructor(traffic, messages) {
    this.traffic = traffic;
    this.messages = messages;
    this.next = 0;
    this.underWay = new Set();
    this.failures = [];
    this.again = 0; // publications beyond the first of each message
    this.prefix = 'chaos';
    this.mayGoOn = Promise.resolve();
  }

  // Nothing is published any more until what it returns is called; what is under way is tried on.
  rest() {
    let go;
    this.mayGoOn = new Promise((resolve) => {
      go = resolve;
    });
    return go;
  }

  // Publishes the next `count` within `milliseconds`, evenly; returns when the last has been sent, not stored. Waits while
  // too many are under way.
  async publish(count, milliseconds, room = () => this.#room()) {
    const from = this.next;
    const to = Math.min(this.messages.length, from + count);
    this.next = to;
    const began = performance.now();
    for (let done = from; done < to; await sleep(step)) {
      const share = milliseconds > 0 ? Math.min(1, (performance.now() - began) / milliseconds) : 1;
      const due = from + Math.ceil((to - from) * share);
      for (; done < due; ++done) {
        await room();
        await this.mayGoOn;
        this.#start(done);
      }
    }
  }

  // For a fault that needs load when the round's own may be over already, as on a slow machine. What must come after the
  // last round stays. Waits for nothing: while the fault lasts nothing may be stored, and it may end only after this.
  more(count, milliseconds) {
    const left = Math.floor(this.messages.length * 0.95) - this.next;
    return left > 0 ? this.publish(Math.min(count, left), milliseconds, () => {}) : Promise.resolve();
  }

  // All that was sent is in the stream.
  async stored() {
    await Promise.all(this.underWay);
    if (this.failures.length > 0) {
      throw new Error(`${this.failures.length} messages were never stored, the first for ${this.failures[0]}`);
    }
  }

  // How many messages the broker has confirmed and does not have; a cell in which the stream is emptied cannot ask.
  async lost() {
    const there = new Set((await this.traffic.requests()).map(({messageId}) => messageId));
    return this.messages.slice(0, this.next).filter((_, index) =>
      !there.has(`${this.prefix}-${index}`) && !there.has(`${this.prefix}-${index}.again`)).length;
  }

  async #room() {
    while (this.underWay.size >= underWayMax) {
      await Promise.race(this.underWay);
    }
  }

  #start(index) {
    const publication = this.#keep(index).catch((error) => this.failures.push(error.message))
      .finally(() => this.underWay.delete(publication));
    this.underWay.add(publication);
  }

  async #keep(index) {
    const message = this.messages[index];
    const deadline = performance.now() + patience;
    let msgID = `${this.prefix}-${index}`;
    let mislaid; // since then the stream knows the id and has no message of it
    for (let tries = 0; ; ++tries) {
      try {
        const stored = await this.traffic.stream.publish(message.subject, message.payload, {msgID, timeout: 3000});
        if (stored.seq > 0) {
          message.seq = stored.seq;
          return;
        }
        mislaid ??= performance.now();
        if (performance.now() - mislaid > idPatience) {
          msgID = `${this.prefix}-${index}.again`;
        }
        throw new Error('a duplicate of what the stream does not have');
      } catch (error) {
        this.again += 1;
        if (performance.now() > deadline) {
          throw error;
        }
        await sleep(50 + (index % 50));
      }
    }
  }
}
