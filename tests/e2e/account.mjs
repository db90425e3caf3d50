// Runs one scenario of the account side end to end and checks it. Usage:
//   node account.mjs calls|twins|purge BINARY [--requests N] [--clients N] [--kills N] [--seed N]

import {setTimeout as sleep} from 'node:timers/promises';
import {parseArgs} from 'node:util';

import {Caller} from './caller.mjs';
import {Random} from './random.mjs';
import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const {values: options, positionals: [scenario, binary]} = parseArgs({
  allowPositionals: true,
  options: {
    requests: {type: 'string', default: '5000'},
    clients: {type: 'string', default: '100'},
    kills: {type: 'string', default: '10'},
    seed: {type: 'string', default: String(1 + Math.floor(Math.random() * 0x7fffffff))},
  },
});
const requests = Number(options.requests);
const clients = Number(options.clients);
const kills = Number(options.kills);
const ackWaitSeconds = 2;
const flags = ['--shutdown-deadline', '1s', '--redrive-after', '2s'];

const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

// Many callers at once, each repeating itself at random, while the daemon is killed again and again.
async function calls(world, traffic, random) {
  return callAndKill(world, traffic, random, ['both']);
}

// The same with two daemons: each call goes to one of them, so that keys meet on both, and one of them is killed.
async function twins(world, traffic, random) {
  return callAndKill(world, traffic, random, ['left', 'right']);
}

async function callAndKill(world, traffic, random, names) {
  await traffic.provision(ackWaitSeconds);
  await traffic.provisionResults(ackWaitSeconds);
  const start = async (name) => {
    const daemon = await world.daemon(name, '--roles', 'ledger,account', ...flags);
    await daemon.ready();
    return daemon;
  };
  const daemons = await Promise.all(names.map(start));
  const target = (number) => daemons[number % daemons.length].url;
  const callers = Array.from({length: clients}, (_, i) => new Caller(i, target, new Random(random.next())));
  const done = () => callers.reduce((sum, caller) => sum + caller.orders.length, 0);
  const working = Promise.all(callers.map((caller) => caller.work(Math.ceil(requests / clients))));
  for (let round = 1; round <= kills; ++round) {
    const goal = Math.floor((requests * round) / (kills + 1));
    await until(`kill ${round} has its moment`, 120, () => done() >= goal);
    const which = round % daemons.length;
    await daemons[which].kill();
    daemons[which] = await start(names[which]);
  }
  await working;
  const sum = (name) => callers.reduce((total, caller) => total + caller[name], 0);
  log(`${done()} orders, ${sum('repeats')} repeated calls, ${sum('races')} pairs at once, ${sum('broken')} broken, ${sum('refused')} refused for now, `
    + `${sum('conflicts')} conflicts, ${sum('verdicts')} with their verdict at once; ${kills} kills`);
  const faults = callers.flatMap((caller) => caller.faults);
  if (kills > 0 && sum('broken') + sum('refused') === 0) {
    faults.push('no call was broken by a kill, so the kills tested nothing');
  }
  return {daemons, orders: callers.flatMap((caller) => caller.orders), faults};
}

// The ledger is down and the whole request stream is purged; then results are lost as well. The account side has a
// database of its own.
async function purge(world, traffic, random) {
  world.query('CREATE DATABASE records');
  const records = new URL(world.settings.LEDGERD_DATABASE_URL);
  records.pathname = '/records';
  world.recordsUrl = records.href;
  world.environment.LEDGERD_ACCOUNT_DATABASE_URL = records.href;
  const account = ['--roles', 'account', ...flags];
  const ledger = ['--roles', 'ledger', ...flags];
  let ledgerNode = await world.daemon('ledger', ...ledger);
  await ledgerNode.ready();
  let accountNode = await world.daemon('account', ...account);
  await accountNode.ready();
  await ledgerNode.kill();
  const caller = new Caller(0, () => accountNode.url, random, 0);
  await caller.work(300);
  await until('all requests are in the stream', 30, async () => (await traffic.messages('TRANSACTIONS')) >= 300);
  await traffic.purge('TRANSACTIONS');
  log('300 orders recorded, the request stream purged while the ledger is down');
  ledgerNode = await world.daemon('ledger', ...ledger);
  await ledgerNode.ready();
  await allDecided(world);
  log('all have their verdict');
  // Decided, but the results are lost before the account side has seen them.
  await ledgerNode.kill();
  await caller.work(300);
  // Some of the first ones may have been published more than once, so they are not counted but looked for.
  const last = caller.orders.slice(300).map(({recordId}) => recordId);
  const allIn = (stream, subject) => async () => {
    const there = new Set(await traffic.readAll(stream, subject, (message) => Number(JSON.parse(message.string()).recordId)));
    return last.every((recordId) => there.has(recordId));
  };
  await until('all requests are in the stream', 30, allIn('TRANSACTIONS', 'transaction.*'));
  await accountNode.kill();
  ledgerNode = await world.daemon('ledger', ...ledger);
  await until('all have results', 60, allIn('TRANSACTION_RESULTS', '>'));
  await traffic.purge('TRANSACTION_RESULTS');
  log('300 more decided, and the result stream purged while the account side is down');
  accountNode = await world.daemon('account', ...account);
  await accountNode.ready();
  return {daemons: [accountNode, ledgerNode], orders: caller.orders, faults: caller.faults};
}

function allDecided(world) {
  return until('every record has its verdict', 120, async () => {
    await sleep(200);
    return Number(readRecords(world, "SELECT count(*) FROM account.transaction_records WHERE status = 'PENDING'")[0][0]) === 0;
  });
}

function readRecords(world, statement) {
  return world.query(statement, world.recordsUrl);
}

// Every key one record, every record its verdict, and the verdict is the ledger's.
function check(world, orders) {
  const faults = [];
  const records = new Map(readRecords(world, `SELECT idempotency_key, id, user_id, type, amount, status,
      coalesce(reason, ''), coalesce(transaction_id::text, ''), coalesce(balance_after::text, '')
    FROM account.transaction_records`).map(([key, ...rest]) => [key, rest]));
  const rows = new Map(world.query(`SELECT record_id, user_id, type, amount, status, coalesce(reason, ''), id, balance_after
    FROM ledger.transactions`).map(([record, ...rest]) => [record, rest]));
  if (records.size !== orders.length) {
    faults.push(`${orders.length} orders have ${records.size} records`);
  }
  if (rows.size !== orders.length) {
    faults.push(`${orders.length} orders have ${rows.size} rows in the ledger`);
  }
  for (const order of orders) {
    const [id, ...record] = records.get(order.key) ?? [];
    const row = rows.get(id);
    if (id !== String(order.recordId)) {
      faults.push(`key ${order.key}: answered with record ${order.recordId}, recorded as ${id}`);
    } else if (!row) {
      faults.push(`record ${id} has no row in the ledger`);
    } else if (record.join() !== row.join()) {
      faults.push(`record ${id} says ${record}, the ledger ${row}`);
    } else if (record[0] !== order.body.userId || record[1] !== order.body.type || record[2] !== String(order.body.amount)) {
      faults.push(`record ${id} is not what was ordered`);
    }
  }
  return faults;
}

async function run() {
  const play = {calls, twins, purge}[scenario];
  if (!play || !binary) {
    throw new Error('usage: node account.mjs calls|twins|purge BINARY [--requests N] [--clients N] [--kills N] [--seed N]');
  }
  console.log(`seed ${options.seed}, repeat with --seed ${options.seed}`);
  const world = new World(binary);
  const traffic = await Traffic.open(world.natsUrl);
  const {daemons, orders, faults} = await play(world, traffic, new Random(options.seed));
  await allDecided(world);
  await traffic.drained(90);
  for (const daemon of daemons) {
    await daemon.stop();
  }
  faults.push(...check(world, orders));
  faults.push(...world.auditFaults());
  await traffic.close();
  return faults;
}

await conclude(run, log);
