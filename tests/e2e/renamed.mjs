// The main road with every name changed that can be: node renamed.mjs BINARY
//
// Requests by HTTP, by NATS and by a producer on two nodes, a dead letter and its replay, every verb that looks, the audit
// and a shadow, under streams, subjects, consumers and schemas of other names; the users of deploy/nats-permissions.conf
// are renamed alike. Nothing is found under the old names afterwards.

import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';

import {connect} from 'nats';

import {conclude, until, World} from './world.mjs';

const binary = process.argv[2];
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const json = (value) => JSON.stringify(value);

// What the program says can be called otherwise: {key: the name in the contract}.
function contractNames() {
  const {stdout} = spawnSync(binary, ['check', '--json'], {encoding: 'utf8', env: {PATH: process.env.PATH}});
  return JSON.parse(stdout).names;
}

// A name for every key: of the same kind, and in no part the old one.
function otherName(key) {
  if (key.endsWith('-schema')) {
    return key === 'ledger-schema' ? 'user' : 'bank_desk'; // a word that SQL keeps for itself
  }
  if (key.endsWith('-stream') || key.endsWith('-consumer')) {
    return `BANK-${key}`;
  }
  return key.endsWith('-subject') ? `bank.in.${key.slice(0, -'-subject'.length)}_please` : `bank.${key.slice(0, -'-prefix'.length)}.of`;
}

const tokenOf = (subject) => subject.split('.').at(-1);

// A subject of the contract, as it is with these names.
function renaming(contract, names) {
  const keys = Object.keys(contract);
  const heads = keys.filter((key) => /-(subject|prefix)$/.test(key));
  const words = new Map(keys.filter((key) => /-(stream|consumer)$/.test(key)).map((key) => [contract[key], names[key]]));
  const ends = new Map(keys.filter((key) => key.endsWith('-subject')).map((key) => [tokenOf(contract[key]), tokenOf(names[key])]));
  return (subject) => {
    const head = heads.find((key) => subject === contract[key] || subject.startsWith(`${contract[key]}.`));
    if (!head) {
      return subject.split('.').map((token) => words.get(token) ?? token).join('.');
    }
    const rest = subject.slice(contract[head].length).split('.');
    return names[head] + rest.map((token) => ends.get(token) ?? token).join('.');
  };
}

const section = (names) => ['[names]', ...Object.entries(names).map(([key, name]) => `${key} = ${json(name)}`), ''].join('\n');

function faultyNames(world, names) {
  const file = join(world.directory, 'faulty.toml');
  const says = (text) => {
    writeFileSync(file, text);
    const {code, output} = world.verb('status', '--config', file);
    assert.equal(code, 2, output);
    return output;
  };
  assert.match(says(section({...names, 'request-stream': 'BANK.IN'})), /\[names\] request-stream must be printable .*, not `BANK\.IN`/);
  assert.match(says(section({...names, 'result-prefix': 'bank.*'})), /\[names\] result-prefix must be a subject .*, not `bank\.\*`/);
  assert.match(says(section({...names, 'action-stream': names['result-stream']})), /must not be the name of result-stream, too/);
  assert.match(says(section({...names, 'dead-letter-prefix': names['result-prefix']})), /dead-letter-prefix .* must not be result-prefix/);
  assert.match(says(section({...names, 'ledger-schema': 'Bank'})), /\[names\] ledger-schema must be a plain identifier/);
  assert.match(says('[names]\nrequest-strem = "A"\n'), /`request-strem` is not known in \[names\]; did you mean `request-stream`\?/);
}

async function move(world, nats, daemon, renamed) {
  const post = async (body, headers = {}) => {
    const answer = await fetch(`${daemon.url}/v1/transactions`, {
      method: 'POST', headers: {'Content-Type': 'application/json', Prefer: 'wait=20', ...headers}, body: json(body),
    });
    return answer.json();
  };
  const order = {userId: 'anna', type: 'DEPOSIT', amount: '500', currency: 'KRW'};
  const first = await post(order, {'Idempotency-Key': 'one'});
  const refused = await post({...order, type: 'WITHDRAWAL', amount: '501'});
  assert.deepEqual([first.status, refused.status, refused.reason], ['SUCCESS', 'FAILED', 'INSUFFICIENT_FUNDS']);
  const ask = async (subject, body) => JSON.parse((await nats.request(renamed(subject), json(body), {timeout: 10000})).string());
  const asked = await ask('ledgerd.api.submit', {...order, amount: '20'});
  await until('the one over NATS is decided', 20, async () => (await ask('ledgerd.api.record', {recordId: asked.recordId})).status === 'SUCCESS');
  const stream = nats.jetstream();
  for (let i = 1; i <= 200; ++i) { // no account has both, whose order the shadow might see otherwise
    const [subject, user] = i % 4 === 0 ? ['transaction.withdrawal', 'poor'] : ['transaction.deposit', 'user'];
    await stream.publish(renamed(subject), json({recordId: i, userId: `${user}-${i % 9}`, amount: '4', currency: 'KRW'}));
  }
  await stream.publish(renamed('transaction.deposit'), json({recordId: 201, userId: 'bert', amount: '-1', currency: 'KRW'}));
  await until('all is decided', 30, () => Number(world.query('SELECT count(*) FROM "user".transactions')[0][0]) === 203);
  const account = await ask('ledgerd.api.account', {userId: 'anna'});
  assert.equal(account.accounts[0].balance, '520');
  return first.recordId;
}

// Every verb that looks, and the repair of a letter.
async function look(world, names, daemon, recordId) {
  const verb = (expected, ...words) => {
    const {code, stdout, output} = world.verb(...words);
    assert.equal(code, expected, `${words.join(' ')}: exit ${code}: ${output.slice(0, 3000)}`);
    return words.includes('--json') ? stdout : output;
  };
  const checked = JSON.parse(verb(0, 'check', '--json'));
  assert.deepEqual(checked.names, names);
  assert.match(verb(0, 'check'), new RegExp(`request-stream +${names['request-stream']}`));
  assert.match(verb(0, 'run', '--print-config'), new RegExp(`\\[names\\][^]*result-prefix = "${names['result-prefix']}"`));
  assert.match(verb(0, 'status', '--http-listen', new URL(daemon.url).host), new RegExp(names['result-stream']));
  const story = JSON.parse(verb(0, 'trace', String(recordId), '--json'));
  assert.equal(story.state, 'decided', json(story));
  assert.deepEqual(story.events.slice(0, 4).map(({what}) => what), ['recorded', 'received', 'decided', 'published']);
  assert.match(verb(0, 'account', 'anna'), /520/);
  verb(0, 'metrics');
  const [letter] = JSON.parse(verb(0, 'dead', 'list', '--json')).items;
  assert.deepEqual([letter.reason, letter.source, letter.subject], ['INVALID_FIELD', {...letter.source, stream: names['request-stream'], subject: names['deposit-subject']},
    `${names['dead-letter-prefix']}.${tokenOf(names['deposit-subject'])}`], json(letter));
  verb(0, 'dead', 'replay', String(letter.seq), '--set', 'amount=1', '--why', 'the sign was wrong');
  await until('the mended one is applied', 20, () =>
    world.query('SELECT status FROM "user".transactions WHERE record_id = 201')[0]?.[0] === 'SUCCESS');
  assert.match(verb(0, 'dead', 'actions'), /the sign was wrong/);
  assert.match(verb(0, 'locks', 'list'), /no other session holds a lock/);
  assert.match(verb(0, 'submit', '--user', 'cleo', '--type', 'DEPOSIT', '--amount', '3', '--record-id', '300', '--wait'), /SUCCESS|applied/i);
  return verb;
}

async function found(world, nats, names) {
  const manager = await nats.jetstreamManager();
  const streams = new Map();
  for await (const {config} of manager.streams.list()) {
    const consumers = [];
    for await (const one of manager.consumers.list(config.name)) {
      if (one.config.durable_name) {
        consumers.push(one.name);
      }
    }
    streams.set(config.name, {subjects: config.subjects, consumers});
  }
  const of = (kind) => Object.keys(names).filter((key) => key.endsWith(kind)).map((key) => names[key]).sort();
  assert.deepEqual([...streams.keys()].sort(), of('-stream'));
  assert.deepEqual([...streams.values()].flatMap(({consumers}) => consumers).sort(), of('-consumer'));
  assert.deepEqual(streams.get(names['exhausted-stream']).subjects,
    [`$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${names['request-stream']}.>`]);
  const schemas = () => world.query('SELECT nspname FROM pg_namespace WHERE nspname !~ \'^pg_\' AND nspname <> \'information_schema\'')
    .map(([name]) => name).filter((name) => name !== 'public').sort();
  assert.deepEqual(schemas(), of('-schema'));
}

async function run() {
  const contract = contractNames();
  const names = Object.fromEntries(Object.keys(contract).map((key) => [key, otherName(key)]));
  assert.ok(Object.keys(names).length >= 19 && Object.keys(names).every((key) => names[key] !== contract[key]));
  const renamed = renaming(contract, names);
  const world = new World(binary, {rename: renamed});
  const file = join(world.directory, 'renamed.toml');
  writeFileSync(file, section(names));
  faultyNames(world, names);
  world.environment.LEDGERD_CONFIG = file;

  // Whoever hears everything hears nothing of the old names.
  const nats = await connect({servers: world.natsUrl});
  const heard = new Set();
  const everything = nats.subscribe('>', {callback: (_, message) => heard.add(message.subject)});
  const one = await world.daemon('one', '--shutdown-deadline', '1s', '--audit-interval', '1s');
  await one.ready();
  const two = await world.daemon('two', '--roles', 'ledger', '--shutdown-deadline', '1s');
  await two.ready();
  await until('the nodes know each other', 20, async () => JSON.parse((await one.get('/v1/cluster')).body).nodes?.length === 2);
  const recordId = await move(world, nats, one, renamed);
  log('requests by HTTP, by NATS and by a producer are decided');
  const verb = await look(world, names, one, recordId);
  log('the verbs find all of it');

  // A shadow of it, in a database of its own.
  world.query('CREATE DATABASE shadow');
  const url = new URL(world.settings.LEDGERD_DATABASE_URL);
  url.pathname = '/shadow';
  const shadow = await world.daemonIn({LEDGERD_DATABASE_URL: url.href}, 'shadow', '--shadow', '--shutdown-deadline', '1s');
  await shadow.ready();
  const rows = () => Number(world.query('SELECT count(*) FROM "user".transactions')[0][0]);
  await until('the shadow has decided the same', 30, () =>
    Number(world.query('SELECT count(*) FROM "user".transactions', url.href)[0][0]) === rows());
  await shadow.stop();
  world.environment.LEDGERD_DATABASE_URL = url.href;
  const report = JSON.parse(world.verb('shadow', 'report', '--older-than', '1h', '--json').stdout);
  assert.equal(report.results, rows(), json(report));
  assert.equal(report.unreadable, 0);
  assert.deepEqual([report.withoutRow, report.withoutResult], [0, 0]);
  // Two nodes may decide two requests of an account in the other order.
  for (const {fields} of report.differences) {
    assert.deepEqual(fields.map(({field}) => field), ['balanceAfter'], json(report));
  }
  world.environment.LEDGERD_DATABASE_URL = world.settings.LEDGERD_DATABASE_URL;

  const manager = await nats.jetstreamManager();
  const settled = async (stream, consumer) => {
    const {num_pending: pending, num_ack_pending: open} = await manager.consumers.info(names[stream], names[consumer]);
    return pending + open === 0;
  };
  await until('all is settled', 20, async () => await settled('request-stream', 'deposit-consumer')
    && await settled('request-stream', 'withdrawal-consumer') && await settled('result-stream', 'account-result-consumer'));
  const audit = JSON.parse(verb(0, 'audit', '--json'));
  assert.ok(audit.records >= 3, json(audit)); // those of the account side, too
  await one.stop();
  await two.stop();
  await found(world, nats, names);
  everything.unsubscribe();
  const old = Object.keys(contract).filter((key) => /-(subject|prefix)$/.test(key)).map((key) => contract[key]);
  const ours = [...heard].filter((subject) => old.some((name) => subject === name || subject.startsWith(`${name}.`)));
  assert.deepEqual(ours, []);
  assert.ok([...heard].filter((subject) => subject.startsWith('bank.')).length > 8, [...heard].join());
  log(`${heard.size} subjects heard, none of them an old one`);
  await nats.close();
  return [];
}

await conclude(run, log);
