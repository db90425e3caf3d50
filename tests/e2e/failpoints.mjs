// One life of the daemon after the other, each with a fault at one step of the road from a delivery to its
// acknowledgement or from a submission to its verdict, while requests, poison and calls come in. At the end a sound life
// finishes everything, and the independent checker judges what is there. Fails when a step was never reached. Usage:
//   node failpoints.mjs few|all BINARY [--only PATTERN] [--seed N]
// BINARY is the daemon with failpoints (ledgerd_failpoints). few: each step kills and throws once, waits and is dropped
// once where it may be, and a few allocations fail. all: the first and the third time, and many allocations.

import {readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {parseArgs} from 'node:util';

import {Caller} from './caller.mjs';
import {gather, judge, summary} from './facts.mjs';
import {Random} from './random.mjs';
import {idsEach, makeMessages} from './requests.mjs';
import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const {values: options, positionals: [mode, binary]} = parseArgs({
  allowPositionals: true,
  options: {
    only: {type: 'string', default: ''},
    seed: {type: 'string', default: String(1 + Math.floor(Math.random() * 0x7fffffff))},
  },
});

const ackWaitSeconds = 2;
const hitSeconds = 30;
const lot = 40000; // messages that are made at a time: the slower the machine, the more are published until its steps are reached
const atOnce = 80; // two of them are poison on average
const flags = ['--roles', 'ledger,account', '--shutdown-deadline', '1s', '--redrive-after', '1s'];
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

// The table of the steps, out of the header that the daemon is built from.
function readTable() {
  const text = readFileSync(new URL('../../domain/failpoint.hpp', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^ +\{"(\w+)"(, true)?\},/gm)];
  return rows.map(([, name, drops]) => ({name, drops: drops !== undefined}));
}

// What beside the usual work takes the daemon to a step.
const betweenNodes = new Set(['peer', 'frame', 'reply', 'receiver']);
// A store makes a failure of what is thrown there, and the batch goes again.
const inStore = new Set(['write', 'commit', 'committed', 'record', 'recorded', 'settle', 'settled']);
const needed = {
  renew: {rules: ['write=delay(1500)@1']}, // held longer than a third of the wait
  hand_back: {rules: ['write=delay(4000)@2'], terminate: true}, // some is still held when the deadline comes
  postpone: {refuseLetters: true},
};

const endings = {
  kill: ['SIGKILL'],
  throw: [70], // on whatever thread
};

function lifeOf(point, deed, when) {
  const {rules = [], ...rest} = needed[point] ?? {};
  return {
    ...rest,
    name: `${point}-${deed}${when}`.replace(/\W+/g, '-'),
    rules: [...rules, `${point}=${deed}${when}`],
    hits: [point],
    ends: deed === 'throw' && inStore.has(point) ? undefined : endings[deed],
    companion: betweenNodes.has(point),
  };
}

// All that do not end the process, in one life.
function mildLife(name, points, rule) {
  return {
    name,
    rules: [...needed.renew.rules, ...points.map(rule)],
    hits: points,
    companion: points.some((each) => betweenNodes.has(each)),
  };
}

function livesOf(table) {
  const whens = mode === 'all' ? ['@1', '@3'] : ['@1'];
  const special = (name) => name === 'postpone' || name === 'hand_back';
  const result = [];
  for (const {name, drops} of table) {
    for (const when of whens) {
      result.push(lifeOf(name, 'kill', when), lifeOf(name, 'throw', when));
      if (special(name) || mode === 'all') {
        result.push(lifeOf(name, 'delay(50)', when));
        if (drops) {
          result.push(lifeOf(name, 'drop', when));
        }
      }
    }
  }
  const ordinary = table.filter(({name}) => !special(name));
  const [apart, alone] = [true, false].map((wanted) => ordinary.filter(({name}) => betweenNodes.has(name) === wanted));
  const names = (some) => some.map(({name}) => name);
  const dropped = (some) => names(some.filter(({drops}) => drops));
  for (const some of [alone, apart]) {
    result.push(mildLife(`delays-${some[0].name}`, names(some), (each) => `${each}=delay(20)@1..20`));
    result.push(mildLife(`drops-${some[0].name}`, dropped(some), (each) => `${each}=drop@2..4`));
  }
  const allocations = mode === 'all'
    ? Array.from({length: 60}, (_, i) => Math.round(200 * 1.17 ** i))
    : [500, 5000, 20000, 60000, 150000, 400000];
  allocations.forEach((number) => result.push({
    name: `allocation-${number}`, rules: [`allocation=throw@${number}`], hits: ['allocation'], mayEnd: [3, 70, 'SIGABRT'],
  }));
  // What was postponed comes again in half a minute: first.
  const rank = ({refuseLetters}) => (refuseLetters ? 0 : 1);
  return result.filter(({name}) => new RegExp(options.only).test(name)).sort((one, other) => rank(one) - rank(other));
}

// What is published and ordered, whoever is there to take it.
class Work {
  constructor(traffic, random) {
    this.traffic = traffic;
    this.random = new Random(random.next());
    this.lots = 0;
    this.source = [];
    this.messages = [];
    this.caller = new Caller(0, () => this.door, new Random(random.next()));
    this.door = 'http://127.0.0.1:9'; // nobody yet
    this.ordering = true;
    this.orders = this.#order();
  }

  async #order() {
    while (this.ordering) {
      await this.caller.work(1);
      await sleep(20);
    }
  }

  async publish() {
    if (this.source.length === 0) {
      this.source = makeMessages(this.random, lot, 1n + BigInt(this.lots++ * lot * idsEach));
    }
    const next = this.source.splice(0, atOnce);
    this.messages.push(...next);
    await this.traffic.publish(next);
  }

  async ask(daemon) {
    await Promise.all([
      daemon.get('/v1/accounts/user-1'),
      this.traffic.connection.request('ledgerd.api.record', '{"recordId": 1}', {timeout: 500}).catch(() => {}),
    ]);
  }

  // The orders as messages for the checker.
  ordered() {
    return this.caller.orders.map(({body, recordId}) => ({
      request: {id: BigInt(recordId), user: body.userId, currency: body.currency, type: body.type, minor: BigInt(body.amount)},
      reason: null, label: 'order',
    }));
  }
}

async function refuseLetters(traffic, refused) {
  const {config} = await traffic.manager.streams.info('TRANSACTION_DEAD_LETTERS');
  await traffic.manager.streams.update(config.name, {...config, max_msg_size: refused ? 1 : -1});
}

const missing = (life, daemon) => life.hits.filter((hit) => !daemon.log.includes(`failpoint ${hit}: `));

// Drives the daemon until it has been at every step of its life's faults, or has ended.
async function drive(life, daemon, work) {
  await until(`${life.name}: the steps ${missing(life, daemon)} are reached`, hitSeconds, async () => {
    if (daemon.gone || missing(life, daemon).length === 0) {
      return true;
    }
    await Promise.all([work.publish(), work.ask(daemon), sleep(100)]);
    return false;
  });
}

async function finish(life, daemon) {
  if (life.mayEnd) {
    await Promise.race([daemon.ended, sleep(1500)]);
    await until('it has ended, or survived', 30, async () => daemon.gone || (await daemon.get('/readyz')).status === 200);
  }
  if (life.ends || (life.mayEnd && daemon.gone)) {
    const code = await daemon.exit(20);
    if (!(life.ends ?? life.mayEnd).includes(code)) {
      throw new Error(`it ended with ${code}`);
    }
    return code;
  }
  if (life.terminate) { // it was told to already, and a second signal would end it at once
    return daemon.exit(20);
  }
  return endInTime(daemon, life.mayEnd);
}

// The deadline of the shutdown is short: what is held up by a fault or a slow disk, or lost and sent again after 3 s, may take longer.
async function endInTime(daemon, mayEnd = []) {
  daemon.child.kill('SIGTERM');
  const code = await daemon.exit(20);
  const late = mayEnd.includes(code) && /bad_alloc|(out of|no) memory/i.test(daemon.log);
  if (code !== 0 && !late && !(code === 70 && daemon.log.includes('the shutdown took longer than'))) {
    throw new Error(`${daemon.name} ended with ${code}`);
  }
  return code;
}

async function live(world, traffic, work, life) {
  const companion = life.companion ? await world.daemon(`beside-${life.name}`, ...flags) : null;
  const daemon = await world.daemonIn({LEDGERD_FAILPOINTS: life.rules.join(';')}, life.name, ...flags);
  work.door = daemon.url;
  try {
    if (life.refuseLetters) {
      await daemon.ready(20);
      await refuseLetters(traffic, true);
    }
    if (life.terminate) {
      await daemon.ready(20);
      await work.publish();
      await until('it holds some', 20, async () => (await work.publish(), daemon.log.includes('failpoint write: ')));
      daemon.child.kill('SIGTERM');
    }
    await drive(life, daemon, work);
    const code = await finish(life, daemon);
    const left = missing(life, daemon);
    if (left.length > 0) {
      throw new Error(`it ended with ${code} before it was at ${left}`);
    }
    log(`${life.name}: ended with ${code}`);
  } catch (error) {
    throw new Error(`${life.name}: ${error.message}\n${daemon.log.slice(-3000)}`);
  } finally {
    if (life.refuseLetters) {
      await refuseLetters(traffic, false);
    }
  }
  if (companion) {
    await endInTime(companion);
  }
}

// The records of the account side agree with the ledger, and there is one for each order.
function checkRecords(world, orders) {
  const differ = world.query(`SELECT r.id, r.status, t.status FROM account.transaction_records r
    LEFT JOIN ledger.transactions t ON t.record_id = r.id
    WHERE (r.status, r.transaction_id, r.balance_after) IS DISTINCT FROM (t.status, t.id, t.balance_after)
      OR (r.user_id, r.currency, r.type, r.amount) IS DISTINCT FROM (t.user_id, t.currency, t.type, t.amount)`);
  const faults = differ.map(([id, record, row]) => `record ${id} is ${record}, its row ${row || 'is not there'}`);
  const [[records]] = world.query('SELECT count(*) FROM account.transaction_records');
  if (Number(records) !== orders.length) {
    faults.push(`${orders.length} orders have ${records} records`);
  }
  return faults;
}

async function run() {
  if (!['few', 'all'].includes(mode) || !binary) {
    throw new Error('usage: node failpoints.mjs few|all BINARY [--only PATTERN] [--seed N]');
  }
  log(`seed ${options.seed}`);
  const random = new Random(Number(options.seed));
  const world = new World(binary);
  const traffic = await Traffic.open(world.natsUrl);
  await traffic.provision(ackWaitSeconds);
  await traffic.provisionResults(ackWaitSeconds);
  const first = await world.daemon('first', ...flags); // makes what is not there
  await first.ready();
  await first.stop();
  const table = readTable();
  const lives = livesOf(table);
  const work = new Work(traffic, random);
  for (const life of lives) {
    await live(world, traffic, work, life);
  }
  const reached = new Set(lives.flatMap(({hits}) => hits));
  const last = await world.daemon('last', ...flags);
  work.door = last.url;
  await last.ready();
  work.ordering = false;
  await work.orders;
  await traffic.drained(120);
  await until('every record has its verdict', 60, async () => {
    await sleep(200);
    return world.query("SELECT 1 FROM account.transaction_records WHERE status = 'PENDING' LIMIT 1").length === 0;
  });
  await traffic.drained(60);
  const redeliveries = await traffic.redeliveries();
  await last.stop();
  const facts = await gather(world, traffic, [...work.messages, ...work.ordered()]);
  log(`${lives.length} lives at ${reached.size} steps; ${summary(facts)}; ${work.caller.orders.length} orders, ${redeliveries} redeliveries`);
  const faults = [...judge(world, facts), ...checkRecords(world, work.caller.orders), ...work.caller.faults];
  if (!options.only) {
    table.filter(({name}) => !reached.has(name)).forEach(({name}) => faults.push(`no life was at ${name}`));
    if (redeliveries === 0) {
      faults.push('nothing was delivered again, so the faults tested nothing');
    }
  }
  await traffic.close();
  return faults;
}

await conclude(run, log);
