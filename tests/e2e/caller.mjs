// A caller of the HTTP API that does what callers do: gives up early, repeats itself, and now and then uses a key twice.

import {setTimeout as sleep} from 'node:timers/promises';

const patienceSeconds = 90;

export class Caller {
  constructor(number, target, random, waitPercent = 30) {
    this.waitPercent = waitPercent; // of its calls prefer to wait for the verdict
    this.number = number;
    this.target = target; // the URL of a daemon of the moment, chosen by a number
    this.random = random;
    this.orders = []; // {key, body, recordId}
    this.faults = [];
    this.broken = 0; // calls that got no answer
    this.refused = 0; // calls that were answered with 503
    this.repeats = 0; // calls after the first success
    this.races = 0; // pairs of calls at once
    this.conflicts = 0;
    this.verdicts = 0;
  }

  async work(count) {
    for (let i = 0; i < count; ++i) {
      const key = `caller-${this.number}-${this.orders.length}`;
      const body = {
        userId: `user-${this.random.below(200)}`,
        type: this.random.chance(70) ? 'DEPOSIT' : 'WITHDRAWAL',
        amount: this.random.between(1, 1000),
        currency: 'KRW',
      };
      const record = await this.insist(key, body);
      this.orders.push({key, body, recordId: record.recordId});
      if (this.random.chance(20)) {
        await this.repeat(key, body, record);
      }
      if (this.random.chance(3)) {
        await this.misuse(key, body);
      }
    }
  }

  // Calls until there is an answer.
  async insist(key, body) {
    const deadline = performance.now() + patienceSeconds * 1000;
    while (performance.now() < deadline) {
      const times = this.random.chance(10) ? 2 : 1; // two calls at once race for the key
      const answers = await Promise.all(Array.from({length: times}, () => this.call(key, body)));
      const records = answers.filter(({status}) => status === 200 || status === 202);
      if (records.length === 2) {
        ++this.races;
        if (records[0].document.recordId !== records[1].document.recordId) {
          this.faults.push(`key ${key}: two records, ${records.map(({document}) => document.recordId)}`);
        }
      }
      if (records.length > 0) {
        return records[0].document;
      }
      const [{status, document}] = answers;
      if (status !== undefined && status !== 503) {
        throw new Error(`key ${key}: ${status} ${JSON.stringify(document)}`);
      }
      await sleep(this.random.between(5, 50));
    }
    throw new Error(`key ${key}: no answer in ${patienceSeconds} s`);
  }

  async repeat(key, body, record) {
    ++this.repeats;
    const again = await this.insist(key, body);
    if (again.recordId !== record.recordId) {
      this.faults.push(`key ${key}: first record ${record.recordId}, then ${again.recordId}`);
    }
  }

  async misuse(key, body) {
    const {status, document} = await this.call(key, {...body, amount: body.amount + 1});
    if (status === 409 && document.code === 'IDEMPOTENCY_CONFLICT') {
      ++this.conflicts;
    } else if (status !== undefined && status !== 503) {
      this.faults.push(`key ${key} with another body: ${status} ${JSON.stringify(document)}`);
    }
  }

  // {} when the call broke.
  async call(key, body) {
    const headers = {'Content-Type': 'application/json', 'Idempotency-Key': key};
    if (this.random.chance(this.waitPercent)) {
      headers.Prefer = 'wait=3';
    }
    const impatient = this.random.chance(15);
    const signal = AbortSignal.timeout(impatient ? this.random.between(1, 20) : 10000);
    try {
      const answer = await fetch(`${this.target(this.random.next())}/v1/transactions`, {
        method: 'POST', headers, body: JSON.stringify(body), signal,
      });
      const document = await answer.json();
      this.refused += answer.status === 503 ? 1 : 0;
      this.verdicts += headers.Prefer && document.status !== 'PENDING' && answer.status === 200 ? 1 : 0;
      return {status: answer.status, document};
    } catch {
      this.broken += impatient ? 0 : 1;
      return {};
    }
  }
}
