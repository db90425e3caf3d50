// What several nodes make of a backlog on this machine, beside one: `./dev scale`, or node scale.mjs BINARY [FLAGS].
//
// Each run has servers of its own. The backlog waits while the nodes start and form their cluster: the consumers hand out
// one message each, which this program holds. Then they are opened, and the rate is taken from the tenth part of the
// results to the last, and, as steady, to the seventieth hundredth, while every gate has work. (nats-server 2.9 crawls
// after the change of a consumer while less than 60,000 messages wait.) Rounds are interleaved and the ratios taken
// within a round, since absolute figures move with the machine's mood. The independent checker judges each run.

import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {cpus, tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';

import {Cluster, log, median} from './cluster.mjs';
import {gather, inversions, judge} from './facts.mjs';
import {requests} from './load.mjs';
import {Random} from './random.mjs';
import {until} from './world.mjs';

process.setMaxListeners(0); // each run's servers end with the process

const {values: options, positionals: [binary]} = parseArgs({
  allowPositionals: true,
  options: {
    nodes: {type: 'string', default: ''}, // 1,2,3; with --latency 1,2,5
    loads: {type: 'string', default: ''}, // even,zipf,hot; with --latency even
    requests: {type: 'string', default: '100000'},
    rounds: {type: 'string', default: '3'},
    latency: {type: 'string', default: '0'}, // milliseconds that a proxy holds each COMMIT for
    batch: {type: 'string', default: '100'}, // entries of a transaction at most, with --latency
    flags: {type: 'string', default: ''}, // more of each node, separated by blanks
    knobs: {type: 'string', default: ''}, // flags of each node beside none, in the same rounds, separated by ;
    gates: {type: 'string', default: ''}, // of all nodes together, at least one each; without it, each has its default
    puller: {type: 'string', default: ''}, // the number of the only node that pulls; the others hand their accounts over after seconds, so few requests
    apart: {type: 'boolean', default: false}, // no node hears of another, so that each believes that it owns everything
    replicas: {type: 'string', default: '1'}, // of each stream; 3: on three nats-servers
    json: {type: 'string', default: ''}, // file for all figures
  },
});
const latency = Number(options.latency);
const count = Number(options.requests);
const numbers = (text) => text.split(',').map(Number);
const nodeCounts = numbers(options.nodes || (latency > 0 ? '1,2,5' : '1,2,3'));
// With slow commits the busiest gate of all nodes sets the pace, so that few accounts would measure luck.
const kinds = {even: {accounts: latency > 0 ? 50000 : 10000, exponent: 0}, zipf: {accounts: 10000, exponent: 1.1}, hot: {accounts: 1, exponent: 0}};
const cases = ['', ...options.knobs.split(';').filter(Boolean)].flatMap((knobs) => nodeCounts.map((nodes) => ({knobs: knobs.trim(), nodes})));
const loads = (options.loads || (latency > 0 ? 'even' : 'even,zipf,hot')).split(',');
const durables = ['deposit-consumer', 'withdrawal-consumer'];
const shutdown = ['--shutdown-deadline', '10s'];

// ------------------------------------------------------------------------------------------------- the machine

const ticks = Number(execFileSync('getconf', ['CLK_TCK'], {encoding: 'utf8'}));

// Seconds of processor time of a process and, with `children`, of those that it has waited for.
function cpuOf(pid, children = false) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').map(Number);
  return (fields[11] + fields[12] + (children ? fields[13] + fields[14] : 0)) / ticks;
}

// Bytes that a process caused to be written to disks.
const writtenBy = (pid) => Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))[1]);

// The processes of the database: the first and its children, which all work inside its directory.
function databaseProcesses(world) {
  const data = realpathSync(join(world.servers, 'pg'));
  const first = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  const inside = (pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === data;
    } catch {
      return false;
    }
  };
  return {first, all: readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter(inside)};
}

// A process may end while it is looked at.
const sum = (pids, figure) => pids.reduce((total, pid) => {
  try {
    return total + figure(pid);
  } catch {
    return total;
  }
}, 0);

// Of all that work: processor time in seconds, bytes written.
function measure({world, brokers}, nodes) {
  const servers = [Number(readFileSync(join(world.servers, 'nats.pid'), 'utf8')), ...(brokers?.others ?? []).map(({child}) => child.pid)];
  const database = databaseProcesses(world);
  return {
    nodesCpu: sum(nodes.map((node) => node.child.pid), cpuOf),
    brokerCpu: sum(servers, cpuOf),
    databaseCpu: sum(database.all, (pid) => cpuOf(pid, pid === database.first)),
    brokerBytes: sum(servers, writtenBy),
    databaseBytes: sum(database.all, writtenBy),
  };
}

// ------------------------------------------------------------------------------------------------------ one run

// The consumers hand out one message each, and we hold it.
async function plug({traffic}) {
  const configs = new Map();
  for (const name of durables) {
    const {config} = await traffic.manager.consumers.info('TRANSACTIONS', name);
    configs.set(name, config);
    await traffic.manager.consumers.update('TRANSACTIONS', name, {...config, max_ack_pending: 1});
  }
  const first = [...plugs()];
  await traffic.publish(first);
  const held = await Promise.all(durables.map(async (name) => {
    const consumer = await traffic.stream.consumers.get('TRANSACTIONS', name);
    return consumer.next({expires: 5000});
  }));
  return {first, open: async () => {
    for (const name of durables) {
      await traffic.manager.consumers.update('TRANSACTIONS', name, configs.get(name));
    }
    held.forEach((message) => message.nak());
  }};
}

function* plugs() {
  for (const [i, type] of ['DEPOSIT', 'WITHDRAWAL'].entries()) {
    const request = {id: BigInt(1 + i), user: 'plug', currency: 'KRW', digits: 0, type, minor: 1n};
    const payload = Buffer.from(`{"recordId":${1 + i},"userId":"plug","amount":1,"currency":"KRW"}`);
    yield {subject: `transaction.${type.toLowerCase()}`, payload, request, reason: null, field: '', label: 'valid'};
  }
}

// One connection keeps the order, so the places in the stream are known without an answer for each.
async function publishAll({traffic, load}, kind, seed) {
  const source = requests(new Random(seed), {...kinds[kind], first: 10});
  const before = await traffic.messages('TRANSACTIONS');
  const messages = [];
  for (let i = 0; i < count; ++i) {
    const message = source.next().value;
    message.seq = before + i + 1;
    messages.push(message);
    traffic.connection.publish(message.subject, message.payload);
    if (i % 2000 === 1999) {
      await traffic.connection.flush();
    }
  }
  await until('the backlog is stored', 60, async () => (await traffic.messages('TRANSACTIONS')) === before + count);
  return messages;
}

// A proxy that holds each COMMIT, for all nodes: {url, close}. Compiled, since it shares the processors with what is measured.
async function slowCommits(url) {
  const at = mkdtempSync(join(tmpdir(), 'ledgerd-scale.'));
  const program = join(at, 'slow_commit');
  const source = fileURLToPath(new URL('../support/slow_commit.cpp', import.meta.url));
  execFileSync('c++', ['-std=c++20', '-O2', '-o', program, source]);
  const slow = new URL(url);
  const child = spawn(program, [slow.port, String(latency)], {stdio: ['pipe', 'pipe', 'inherit']});
  rmSync(at, {recursive: true});
  const [line] = await once(child.stdout, 'data');
  slow.hostname = '127.0.0.1';
  slow.port = String(line).trim();
  return {url: slow.href, close: () => child.stdin.end()};
}

// A user who may do everything but what he is named for.
function restricted(world, name) {
  const subjects = {idler: /^\$JS\.API\.CONSUMER\.MSG\.NEXT\.TRANSACTIONS\./, hermit: /^ledgerd\.(node|cluster)\./};
  world.users.restrict(name, 'ledger+making', subjects[name]);
  world.mayBeRefused.push(name);
  world.reloadUsers();
  return name;
}

function userOf(world, node) {
  if (options.apart) {
    return restricted(world, 'hermit');
  }
  return options.puller && node !== `node-${options.puller}` ? restricted(world, 'idler') : undefined;
}

async function startNodes(cluster, nodeCount, slow) {
  const names = Array.from({length: nodeCount}, (_, i) => `node-${i + 1}`);
  for (const name of names) {
    await cluster.start(name, {user: userOf(cluster.world, name), environment: slow ? {LEDGERD_DATABASE_URL: slow.url} : {}});
  }
  for (const name of names) {
    await cluster.nodes.get(name).ready();
  }
  if (!options.apart) {
    await cluster.formed(names);
  }
}

// The results tell: asking for a consumer's state slows nats-server 2.9.
async function timeOfResults(traffic, wanted) {
  await until(`${wanted} results`, 300, async () => {
    await sleep(15); // or the question itself would be a load
    return (await traffic.messages('TRANSACTION_RESULTS')) >= wanted;
  });
  return performance.now();
}

async function run(kind, {nodes: nodeCount, knobs}, seed) {
  const gates = Math.max(1, Math.floor(Number(options.gates) / nodeCount));
  const flags = [
    ...shutdown, ...(latency > 0 ? ['--batch-max', options.batch] : []), ...(options.gates ? ['--gates', String(gates)] : []),
    ...`${options.flags} ${knobs}`.split(' ').filter(Boolean),
  ];
  const cluster = await Cluster.open(binary, {ackWaitSeconds: 30, flags, load: {rate: 0}, threeBrokers: options.replicas === '3'});
  const {world, traffic} = cluster;
  const {first, open} = await plug(cluster);
  const messages = [...first, ...await publishAll(cluster, kind, seed)];
  const records = new Set(messages.map(({request}) => request.id)).size;
  const slow = latency > 0 ? await slowCommits(world.settings.LEDGERD_DATABASE_URL) : null;
  await startNodes(cluster, nodeCount, slow);
  const nodes = [...cluster.nodes.values()];
  await sleep(500);
  const before = measure(cluster, nodes);
  const began = performance.now();
  await open();
  const from = await timeOfResults(traffic, records / 10);
  const middle = await timeOfResults(traffic, 0.7 * records);
  const to = await timeOfResults(traffic, records);
  const after = measure(cluster, nodes);
  const entries = await cluster.sum('ledgerd_entries_total');
  const commits = await cluster.sum('ledgerd_commits_total');
  const forwarded = await cluster.sum('ledgerd_forwarded_entries_total');
  const fenced = await cluster.sum('ledgerd_fence_rejections_total');
  await traffic.drained(60);
  await Promise.all(nodes.map((node) => node.stop()));
  const facts = await gather(world, traffic, messages);
  const faults = judge(world, facts);
  const each = (name, factor) => (after[name] - before[name]) / messages.length * factor;
  const figures = {
    kind, nodes: nodeCount, knobs, rate: 0.9 * records / ((to - from) / 1000), steady: 0.6 * records / ((middle - from) / 1000), overall: records / ((to - began) / 1000),
    nodesCpuUs: each('nodesCpu', 1e6), brokerCpuUs: each('brokerCpu', 1e6), databaseCpuUs: each('databaseCpu', 1e6),
    brokerBytes: each('brokerBytes', 1), databaseBytes: each('databaseBytes', 1), commitSize: records / commits,
    fenced, forwardedShare: forwarded / entries, overtaken: inversions(facts), faults,
  };
  await traffic.close();
  slow?.close();
  world.end();
  return figures;
}

// --------------------------------------------------------------------------------------------------- the figures

function rowsOf(runs) {
  return loads.flatMap((kind) => cases.map(({nodes, knobs}) => {
    const of = (one) => runs.filter((each) => each.kind === kind && each.nodes === one.nodes && each.knobs === one.knobs);
    const mine = of({nodes, knobs});
    const alone = of(cases[0]);
    const ratio = (name) => median(mine.map((each, round) => each[name] / alone[round]?.[name]).filter(Number.isFinite));
    const middle = (name) => median(mine.map((each) => each[name]));
    return {
      kind, nodes, knobs, rate: middle('rate'), ratio: ratio('rate'), steady: middle('steady'), steadyRatio: ratio('steady'), nodesCpuUs: middle('nodesCpuUs'),
      brokerCpuUs: middle('brokerCpuUs'), databaseCpuUs: middle('databaseCpuUs'), brokerBytes: middle('brokerBytes'),
      databaseBytes: middle('databaseBytes'), commitSize: middle('commitSize'), fenced: middle('fenced'),
      forwardedShare: middle('forwardedShare'), overtaken: median(mine.map((each) => each.overtaken.ofSubject)),
    };
  }));
}

function print(rows) {
  const columns = [
    ['load', ({kind}) => kind], ['nodes', ({nodes}) => nodes], ['entries/s', ({rate}) => rate.toFixed(0)],
    [`to ${nodeCounts[0]}`, ({ratio}) => ratio.toFixed(2)], ['steady/s', ({steady}) => steady.toFixed(0)],
    [`to ${nodeCounts[0]}`, ({steadyRatio}) => steadyRatio.toFixed(2)], ['nodes us', ({nodesCpuUs}) => nodesCpuUs.toFixed(1)],
    ['broker us', ({brokerCpuUs}) => brokerCpuUs.toFixed(1)], ['database us', ({databaseCpuUs}) => databaseCpuUs.toFixed(1)],
    ['broker B', ({brokerBytes}) => brokerBytes.toFixed(0)], ['database B', ({databaseBytes}) => databaseBytes.toFixed(0)],
    ['commit', ({commitSize}) => commitSize.toFixed(0)], ['fenced', ({fenced}) => fenced],
    ['forwarded', ({forwardedShare}) => `${(100 * forwardedShare).toFixed(0)} %`], ['overtaken', ({overtaken}) => overtaken],
    ['knobs', ({knobs}) => knobs],
  ];
  const table = [columns.map(([name]) => name), ...rows.map((row) => columns.map(([, text]) => String(text(row))))];
  const widths = columns.map((_, i) => Math.max(...table.map((line) => line[i].length)));
  for (const line of table) {
    console.log(line.map((text, i) => (i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join('  '));
  }
  console.log('us: processor time for an entry; B: bytes written for an entry; commit: rows of a transaction; fenced: groups');
}

async function main() {
  if (!binary || loads.some((kind) => !(kind in kinds)) || nodeCounts.some((nodes) => !(nodes > 0))) {
    console.error('usage: node scale.mjs BINARY [--nodes 1,2,3] [--loads even,zipf,hot] [--requests N] [--rounds N]\n'
      + '         [--latency MS [--batch N]] [--gates N] [--puller N] [--apart] [--replicas 1|3] [--flags="FLAGS OF EACH NODE"]\n'
      + '         [--knobs="FLAGS;FLAGS"] [--json FILE]');
    process.exit(2);
  }
  const runs = [];
  for (let round = 1; round <= Number(options.rounds); ++round) {
    for (const kind of loads) {
      for (const one of cases) {
        const figures = await run(kind, one, round);
        runs.push({round, ...figures});
        log(`round ${round}, ${kind}, ${one.nodes} nodes ${one.knobs}: ${figures.rate.toFixed(0)}/s, ${figures.faults.length} faults`);
        figures.faults.slice(0, 5).forEach((fault) => console.log(`FAULT ${fault}`));
      }
    }
  }
  const rows = rowsOf(runs);
  print(rows);
  if (options.json) {
    const about = {requests: count, latencyMs: latency, processors: cpus().length, flags: options.flags};
    writeFileSync(options.json, `${JSON.stringify({about, medians: rows, runs}, null, 1)}\n`);
  }
  process.exit(runs.some(({faults}) => faults.length > 0) ? 1 : 0);
}

await main();
