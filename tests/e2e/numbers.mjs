// /metrics, /v1/actors, the dump in the log, `ledgerd metrics` over NATS and the database say the same numbers at the same
// moment; a node that does not answer is said to, and is no 0. Usage: node numbers.mjs BINARY

import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';

import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const [, , binary] = argv;

const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

const looksMax = 4; // where something has moved between two of the ways, or an actor was too busy to answer

let faults = [];

function same(what, ...values) {
  if (new Set(values.map((value) => JSON.stringify(value))).size !== 1) {
    faults.push(`${what}: ${values.map((value) => JSON.stringify(value)).join(' and ')}`);
  }
}

function holds(what, condition) {
  if (!condition) {
    faults.push(what);
  }
}

const movement = (recordId, userId, type, amount) => ({
  subject: `transaction.${type.toLowerCase()}`,
  payload: new TextEncoder().encode(JSON.stringify({recordId, userId, type, amount, currency: 'KRW'})),
});

// 1000 for one account, 500 for others, 60 that are refused, 40 that come twice, 20 that are none.
function requests() {
  const all = [];
  for (let id = 1; id <= 1500; ++id) {
    all.push(movement(id, id <= 1000 ? 'hot' : `user-${id % 50}`, 'DEPOSIT', '10'));
  }
  for (let id = 1501; id <= 1560; ++id) {
    all.push(movement(id, `user-${id % 50}`, 'WITHDRAWAL', '1000000'));
  }
  all.push(...all.slice(0, 40));
  for (let id = 1; id <= 20; ++id) {
    all.push({subject: 'transaction.deposit', payload: new TextEncoder().encode(`{"recordId": ${id}`)});
  }
  return all;
}

const expected = {applied: 1500, refused: 60, duplicate: 40, parked: 20};

// What moves though no request does: what the actors' questions to each other count.
const moving = new Set(['actors', 'mailbox', 'messages_total', 'busy_ms', 'idle_ms', 'mailbox_time', 'processing_time']);

// The numbers of an actor that stand still.
function still({actor, instance, answered, values, histograms}) {
  const without = (object) => Object.fromEntries(Object.entries(object).filter(([name]) => !moving.has(name)));
  return {actor, instance, answered, values: without(values), histograms: without(histograms)};
}

const compared = new Set(['fetcher', 'gate', 'region', 'intake', 'reconciler', 'redriver']);
const standing = (actors) => actors.filter(({actor}) => compared.has(actor)).map(still)
  .sort((a, b) => `${a.actor} ${a.instance}`.localeCompare(`${b.actor} ${b.instance}`));

const sum = (actors, kind, name) => actors.filter(({actor}) => actor === kind)
  .reduce((all, {values, histograms}) => all + (values[name] ?? histograms[name]?.count ?? 0), 0);

function series(text) {
  const found = [...text.matchAll(/^(\w+(?:\{[^}]*\})?) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]);
  return Object.fromEntries(found);
}

async function actorsOf(daemon) {
  return JSON.parse((await daemon.get('/v1/actors')).body);
}

// The dump of one moment, out of the log.
async function dump(daemon) {
  const before = daemon.log.length;
  daemon.child.kill('SIGUSR1');
  const lines = () => [...daemon.log.slice(before).matchAll(/dump: (\{.*\}) \[actor_dump\]$/gm)].map(([, line]) => JSON.parse(line));
  await until('the dump is in the log', 15, () => lines().some((line) => line.hotAccounts));
  return lines().filter((line) => line.actor);
}

function everyFamilyHasHelp(text) {
  const named = (word) => [...text.matchAll(new RegExp(`^# ${word} (\\S+) \\S`, 'gm'))].map(([, name]) => name).sort();
  same('families with a kind and with a help text', named('TYPE'), named('HELP'));
}

// Looks again where numbers differ: those of one look are of moments that a slow machine sets far apart.
async function settled(look) {
  const before = faults;
  for (let looks = 1; looks === 1 || (faults.length > 0 && looks <= looksMax); ++looks) {
    faults = [];
    await look();
  }
  faults = [...before, ...faults];
}

// At rest, one after the other: nothing that stands still may differ.
async function fourWays(world, node) {
  await sleep(300); // who asks over NATS gets an answer that is at most 250 ms old
  const first = await actorsOf(node);
  const text = (await node.get('/metrics')).body;
  const asked = world.verb('metrics', '--json', '--node', node.name);
  const dumped = await dump(node);
  const last = await actorsOf(node);
  const overNats = JSON.parse(asked.stdout).nodes;
  same('nodes of that name', overNats.map((each) => each.node), [node.name]);
  same('the numbers of the actors', standing(first.actors), standing(overNats[0].actors), standing(dumped),
    standing(last.actors));
  const exported = series(text);
  for (const outcome of Object.keys(expected)) {
    same(`entries ${outcome}`, exported[`ledgerd_entries_total{outcome="${outcome}"}`],
      sum(first.actors, 'fetcher', `${outcome}_total`));
  }
  const refused = (reason) => exported[`ledgerd_refused_total{reason="${reason}"}`];
  same('refusals for want of funds', refused('INSUFFICIENT_FUNDS'), sum(first.actors, 'fetcher', 'insufficient_funds_total'));
  same('refusals of every reason', refused('INSUFFICIENT_FUNDS') + refused('BALANCE_OVERFLOW'), sum(first.actors, 'fetcher', 'refused_total'));
  for (const [stage, kind, name] of [['pull', 'fetcher', 'pull'], ['decode', 'fetcher', 'decode'],
    ['decide', 'fetcher', 'decide'], ['gate', 'gate', 'gate_wait'], ['publish', 'fetcher', 'publish'], ['ack', 'fetcher', 'ack']]) {
    same(`stage ${stage}`, exported[`ledgerd_stage_seconds_count{stage="${stage}"}`], sum(first.actors, kind, name));
  }
  same('commits', exported.ledgerd_commit_seconds_count, sum(first.actors, 'gate', 'commit'));
  same('credit', exported.ledgerd_credit, sum(first.actors, 'fetcher', 'credit'));
  same('credit for results', exported.ledgerd_results_credit ?? 0, sum(first.actors, 'reconciler', 'credit'));
  same('batches of results', exported['ledgerd_account_batch_entries_count{batch="results"}'] ?? 0, sum(first.actors, 'reconciler', 'results_settled'));
  // What moves may only grow from look to look.
  for (const kind of ['fetcher', 'gate', 'poster', 'region', 'ledger', 'node']) {
    const counts = [sum(first.actors, kind, 'messages_total'), exported[`caf_system_processed_messages_total{name="${kind}"}`],
      sum(overNats[0].actors, kind, 'messages_total'), sum(dumped, kind, 'messages_total')];
    holds(`messages of ${kind} grow: ${counts}`, counts[0] > 0 && counts.every((count, i) => i === 0 || count >= counts[i - 1]));
  }
  holds('each actor has its time in the mailbox and in the handler',
    first.actors.filter(({actor}) => actor === 'gate').every(({histograms}) =>
      histograms.mailbox_time.count > 0 && histograms.processing_time.count > 0));
  // A node that did not take the last one does not know.
  for (const consumer of ['deposit-consumer', 'withdrawal-consumer']) {
    same(`nothing is undecided at ${consumer}`, exported[`ledgerd_oldest_undecided_seconds{consumer="${consumer}"}`] ?? 0, 0);
    same(`nothing waits at ${consumer}`, exported[`ledgerd_pending{consumer="${consumer}"}`] ?? 0, 0);
  }
  holds('no account is a label', !/user-|"hot"/.test(text));
  everyFamilyHasHelp(text);
}

// What both nodes count, and what the database has.
function agreesWithDatabase(world, nodes) {
  const counted = (name) => nodes.reduce((all, {actors}) => all + sum(actors, 'fetcher', `${name}_total`), 0);
  for (const [outcome, count] of Object.entries(expected)) {
    same(`${outcome} on all nodes`, counted(outcome), count);
  }
  const [[success, failed]] = world.query(
    "SELECT count(*) FILTER (WHERE status = 'SUCCESS'), count(*) FILTER (WHERE status = 'FAILED') FROM ledger.transactions");
  same('rows applied', Number(success), counted('applied'));
  same('rows refused', Number(failed), counted('refused'));
  same('rows written', nodes.reduce((all, {actors}) => all + sum(actors, 'gate', 'rows_total'), 0), Number(success) + Number(failed));
}

function silence(world, node) {
  node.child.kill('SIGSTOP');
  const json = world.verb('metrics', '--json');
  const table = world.verb('metrics');
  node.child.kill('SIGCONT');
  same('exit codes while a node is silent', json.code, table.code, 1);
  const {answered, actors} = JSON.parse(json.stdout).nodes.find((each) => each.node === node.name) ?? {};
  same('what a silent node says', [answered, actors], [false, undefined]);
  holds('the table says who does not answer', new RegExp(`node ${node.name} .*: no answer`).test(table.output));
}

function withoutNats(world, node) {
  const away = world.verb('metrics', '--nats-url', 'nats://127.0.0.1:9');
  holds(`without NATS it says so: ${away.output}`, away.code !== 0 && away.output.includes('--local'));
  const local = world.verb('metrics', '--local', '--nats-url', 'nats://127.0.0.1:9', '--http-listen', node.url.replace('http://', ''));
  holds(`one node over HTTP: ${local.output.slice(0, 300)}`, local.code === 0 && /^gate +rows_total +\d+$/m.test(local.output));
}

async function run() {
  if (!binary) {
    throw new Error('usage: node numbers.mjs BINARY');
  }
  const world = new World(binary);
  const left = await world.daemon('left', '--roles', 'ledger,account');
  const right = await world.daemon('right', '--roles', 'ledger');
  await left.ready();
  await right.ready();
  const traffic = await Traffic.open(world.natsUrl);
  const both = async () => Promise.all([left, right].map(actorsOf));
  // Or the first of them would decide everything.
  await until('the accounts are divided', 20, async () => {
    const shards = (await both()).map(({actors}) => sum(actors, 'region', 'shards'));
    return shards.every((each) => each > 0) && shards[0] + shards[1] === 16384;
  });
  await traffic.publish(requests());
  await until('one account is hot', 20, async () => (await both()).some(({hotAccounts}) =>
    hotAccounts[0]?.userId === 'hot' && hotAccounts[0].entries >= 100));
  const total = Object.values(expected).reduce((a, b) => a + b);
  await until('all is dealt with', 30, async () => {
    const nodes = await both();
    const done = (actors) => Object.keys(expected).reduce((all, name) => all + sum(actors, 'fetcher', `${name}_total`), 0);
    return nodes.reduce((all, {actors}) => all + done(actors), 0) === total
      && nodes.every(({actors}) => sum(actors, 'fetcher', 'held') === 0 && sum(actors, 'fetcher', 'pending') === 0);
  });
  log('all is dealt with');
  await settled(async () => agreesWithDatabase(world, await both()));
  await settled(() => {
    const overNats = world.verb('metrics', '--json');
    same('exit code', overNats.code, 0);
    agreesWithDatabase(world, JSON.parse(overNats.stdout).nodes);
  });
  await settled(() => fourWays(world, left));
  await settled(() => fourWays(world, right));
  log('four ways compared');
  silence(world, right);
  await until('the silent one is back', 20, () => world.verb('metrics', '--json').code === 0);
  withoutNats(world, left);
  await left.stop();
  await right.stop();
  await traffic.close();
  return faults;
}

await conclude(run, log);
