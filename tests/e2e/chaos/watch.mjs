// What is seen while a cell runs: the numbers of all nodes in all their lives, their memory, and the sums of the books.

import {readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';

const lookEvery = 300; // milliseconds
const readEvery = 1000;

const counters = {
  inDoubt: 'ledgerd_in_doubt_total',
  unconfirmed: 'ledgerd_unconfirmed_total',
  fencedOff: 'ledgerd_fence_rejections_total',
  madeAgain: 'ledgerd_topology_made_again_total',
};

// In one statement, hence of one moment: the currencies whose balances are not what was put in less what was taken out.
const booksThatDiffer = `
  SELECT currency FROM (SELECT currency, sum(balance) AS held FROM ledger.accounts GROUP BY currency) AS a
  FULL JOIN (
    SELECT currency, sum(CASE WHEN status <> 'SUCCESS' THEN 0 WHEN type = 'DEPOSIT' THEN amount ELSE -amount END) AS flow
    FROM ledger.transactions GROUP BY currency) AS t USING (currency)
  WHERE coalesce(held, 0) <> coalesce(flow, 0)`;

export function sumOf(text, name) {
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].map(([, value]) => Number(value));
  return values.reduce((a, b) => a + b, 0);
}

// How many lines of a log are of each event (docs/log-events.md).
export function eventsIn(text) {
  const counts = new Map();
  for (const [, event] of text.matchAll(/ \[([a-z_]+)\]$/gm)) {
    counts.set(event, (counts.get(event) ?? 0) + 1);
  }
  return counts;
}

export function residentBytes(pid) {
  try {
    return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

export class Watch {
  constructor(stage) {
    this.stage = stage;
    this.lives = []; // {daemon, seen: {counter: value}}
    this.memory = []; // {at, name, bytes}
    this.faults = [];
    this.reads = 0;
    this.on = false;
  }

  follow(daemon) {
    this.lives.push({daemon, seen: {}});
  }

  begin() {
    this.on = true;
    this.running = [this.#lookAlways(), this.#readAlways()];
  }

  async end() {
    this.on = false;
    await Promise.all(this.running ?? []);
    await Promise.all(this.lives.map(({daemon}) => this.look(daemon)));
  }

  // The last numbers of a life, as far as it answers.
  async look(daemon) {
    const life = this.lives.find((each) => each.daemon === daemon);
    if (daemon.gone || !life) {
      return;
    }
    const {status, body} = await daemon.get('/metrics', 3); // or a frozen one would hold the others' looks up
    if (status === 200) {
      for (const [name, series] of Object.entries(counters)) {
        // An actor that does not answer leaves its series out; what was seen stays.
        life.seen[name] = Math.max(life.seen[name] ?? 0, sumOf(body, series));
      }
      if (sumOf(body, 'ledgerd_heads_lost_total') > 0 && !life.falseLoss) {
        life.falseLoss = true;
        this.faults.push(`${daemon.name} says that the database has lost commits, and it has not: ${daemon.log.slice(-1500)}`);
      }
    }
  }

  total(name) {
    return this.lives.reduce((sum, {seen}) => sum + (seen[name] ?? 0), 0);
  }

  async #lookAlways() {
    for (; this.on; await sleep(lookEvery)) {
      const alive = this.lives.filter(({daemon}) => !daemon.gone);
      await Promise.all(alive.map(async ({daemon}) => {
        await this.look(daemon);
        this.memory.push({at: Date.now(), name: daemon.name, life: this.lives.length, pid: daemon.child.pid, bytes: residentBytes(daemon.child.pid)});
      }));
    }
  }

  async #readAlways() {
    // A long run has many rows: reading takes a tenth of the time at most.
    for (let took = 0; this.on; await sleep(Math.max(readEvery, 9 * took))) {
      const began = performance.now();
      const rows = await this.stage.ask(booksThatDiffer).catch(() => null);
      if (rows) {
        this.reads += 1;
        rows.forEach(([currency]) => this.faults.push(`during the run the balances in ${currency} were not the sum of the rows`));
      }
      took = performance.now() - began;
    }
  }
}
