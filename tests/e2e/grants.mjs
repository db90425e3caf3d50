// Nodes and verbs as exactly the roles of deploy/roles.sql: node grants.mjs BINARY
//
// Each does its work with its role's rights, on a database where an older roles.sql was run before, and what it does not need
// PostgreSQL refuses it.

import {execFileSync, spawnSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

import {conclude, until, World} from './world.mjs';

const faults = [];
const world = new World(process.argv[2]);
const owner = world.settings.LEDGERD_DATABASE_URL;
const file = fileURLToPath(new URL('../../deploy/roles.sql', import.meta.url));
const logins = {
  posting: 'ledgerd_ledger', recording: 'ledgerd_account', doing_both: 'ledgerd_writer', looking: 'ledgerd_reader',
};

function expect(holds, what) {
  if (!holds) {
    faults.push(what);
  }
}

const as = (login, database = owner) => Object.assign(new URL(database), {username: login, password: 'p'}).href;

// By the owner of the schemas, as the file says; twice, for it is run again after each upgrade.
function giveRoles(database = owner) {
  for (let i = 0; i < 2; ++i) {
    execFileSync('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', database, '-f', file], {stdio: 'pipe'});
  }
}

// What roles.sql was before there were roles for each side.
const before = `CREATE ROLE ledgerd_writer NOLOGIN;
  GRANT USAGE ON SCHEMA ledger, account TO ledgerd_writer;
  GRANT SELECT, INSERT, UPDATE (balance, seq, updated_at) ON ledger.accounts TO ledgerd_writer;
  GRANT SELECT, INSERT ON ledger.transactions, account.currencies TO ledgerd_writer`;

function node(name, login, ...flags) {
  return world.daemonIn({LEDGERD_DATABASE_URL: as(login)}, name, '--migrate=false', ...flags);
}

async function submit(base, type, amount) {
  const answer = await fetch(`${base}/v1/transactions`, {
    method: 'POST', headers: {'Content-Type': 'application/json', Prefer: 'wait=20'},
    body: JSON.stringify({userId: 'anna', type, amount, currency: 'KRW'}),
  });
  return answer.json();
}

async function moneyFlows(base) {
  const records = [await submit(base, 'DEPOSIT', '5'), await submit(base, 'WITHDRAWAL', '900')];
  expect(records.map(({status}) => status).join() === 'SUCCESS,FAILED', `the verdicts: ${JSON.stringify(records)}`);
  for (const path of ['/v1/accounts/anna', '/v1/accounts/anna/transactions?currency=KRW', `/v1/transactions/${records[0].recordId}`]) {
    const answer = await fetch(base + path);
    expect(answer.ok, `${path}: ${answer.status}`);
  }
  return records[0].recordId;
}

// Verbs that only read, with the exit code they have while a daemon is at work.
function verbsThatRead(login, record, daemon) {
  world.environment.LEDGERD_DATABASE_URL = as(login);
  world.environment.LEDGERD_HTTP_LISTEN = new URL(daemon.url).host;
  const wanted = [
    ['status'], ['trace', `${record}`], ['trace', `${record}`, '--all'], ['account', 'anna'], ['audit', '--live'], ['currency', 'list'],
    ['metrics'], ['locks', 'list'], ['dead', 'list'], ['dead', 'groups'], ['dead', 'show', '1'], ['dead', 'actions'],
    ['dead', 'replay', '1', '--set', 'amount=1', '--dry-run'],
  ];
  for (const words of wanted) {
    const {code, output} = world.verb(...words);
    expect(code === 0, `${words.join(' ')} as ${login}: exit ${code}: ${output}`);
    expect(!/permission denied|lacks the privilege/.test(output), `${words.join(' ')} as ${login}: ${output}`);
  }
  const written = world.verb('currency', 'add', 'QQQ', '2');
  expect(written.code !== 0 && /permission denied/.test(written.output), `currency add as ${login}: ${written.code} ${written.output}`);
  const {code, output} = world.verb('import', '--balances', '/dev/null');
  expect(code !== 0, `import as ${login}: ${output}`);
  world.environment.LEDGERD_DATABASE_URL = owner;
}

const changesOf = {
  ledger: ['INSERT INTO ledger.transactions DEFAULT VALUES', 'UPDATE ledger.accounts SET balance = 1 WHERE false',
    "INSERT INTO ledger.accounts (user_id, currency, balance, seq) VALUES ('eve', 'KRW', 1, 1)"],
  account: ['INSERT INTO account.transaction_records DEFAULT VALUES', "UPDATE account.transaction_records SET status = '' WHERE false",
    "INSERT INTO account.currencies VALUES ('QQR', 2)", "SELECT nextval('account.transaction_records_id_seq')",
    "SELECT setval('account.transaction_records_id_seq', 1)"],
  nobody: ['DELETE FROM ledger.transactions', 'TRUNCATE ledger.accounts', 'UPDATE ledger.transactions SET amount = 1 WHERE false',
    "UPDATE ledger.accounts SET user_id = '' WHERE false", "INSERT INTO ledger.currencies VALUES ('QQS', 2)", 'CREATE TABLE ledger.mine (id int)',
    'DELETE FROM account.transaction_records', 'UPDATE account.transaction_records SET amount = 1 WHERE false',
    'DELETE FROM ledger.schema_migrations', 'UPDATE account.schema_migrations SET version = 0 WHERE false', 'CREATE TABLE account.mine (id int)'],
};
const readsOf = {
  ledger: ['SELECT FROM ledger.transactions'],
  account: ['SELECT FROM account.transaction_records', 'SELECT idempotency_key FROM account.transaction_records'],
};

function isRefused(login, statement) {
  const {stderr} = spawnSync('psql', ['-XAtq', '-d', as(login), '-c', statement], {encoding: 'utf8'});
  return /permission denied/.test(stderr);
}

function whatIsRefused() {
  const refused = {
    posting: [...changesOf.account, ...readsOf.account, ...changesOf.nobody],
    recording: [...changesOf.ledger, ...readsOf.ledger, ...changesOf.nobody],
    doing_both: changesOf.nobody,
    looking: [...changesOf.ledger, ...changesOf.account, ...changesOf.nobody, readsOf.account[1]],
  };
  for (const [login, statements] of Object.entries(refused)) {
    for (const statement of statements) {
      expect(isRefused(login, statement), `${login} may: ${statement}`);
    }
  }
}

async function startsThatAreRefused() {
  for (const [login, role, right] of [
    ['looking', 'ledger', /lacks the privilege INSERT on ledger.transactions/], ['looking', 'account', /lacks the privilege INSERT on account/],
    ['recording', 'ledger', /permission denied for schema ledger/], ['posting', 'account', /permission denied for schema account/],
  ]) {
    const daemon = await node(`${login}-${role}`, login, '--roles', role, '--start-timeout', '1s');
    const code = await daemon.exit(30);
    expect(code === 3 && right.test(daemon.log), `a node with the role ${role} as ${login}: ${code}: ${daemon.log}`);
  }
}

// The shadow's database is its own; only its report is read with lesser rights.
async function shadow() {
  world.query('CREATE DATABASE shadow');
  const its = Object.assign(new URL(owner), {pathname: '/shadow'}).href;
  const daemon = await world.daemonIn({LEDGERD_DATABASE_URL: its}, 'shadow', '--shadow');
  await daemon.ready();
  giveRoles(its);
  world.environment.LEDGERD_DATABASE_URL = as('looking', its);
  const {code, stdout, output} = world.verb('shadow', 'report', '--json');
  expect([0, 1].includes(code) && JSON.parse(stdout).rows >= 0, `shadow report: ${code}: ${output}`);
  world.environment.LEDGERD_DATABASE_URL = owner;
  await daemon.stop();
}

async function run() {
  const maker = await world.daemon('owner');
  await maker.ready();
  await maker.stop();
  world.query(before);
  giveRoles();
  for (const [login, role] of Object.entries(logins)) {
    world.query(`CREATE ROLE ${login} LOGIN PASSWORD 'p' IN ROLE ${role}`);
  }
  const ledger = await node('ledger', 'posting', '--roles', 'ledger');
  const account = await node('account', 'recording', '--roles', 'account');
  await Promise.all([ledger.ready(), account.ready()]);
  const record = await moneyFlows(account.url);
  writeFileSync(join(world.directory, 'bad.jsonl'), '{"recordId": 8, "userId": "bob", "type": "DEPOSIT", "amount": "-1", "currency": "KRW"}\n');
  world.verb('submit', '--raw', '--file', join(world.directory, 'bad.jsonl'));
  await until('the bad request is parked', 20, () => JSON.parse(world.verb('dead', 'list', '--json').stdout).items.length > 0);
  verbsThatRead('looking', record, ledger);
  for (const daemon of [ledger, account]) {
    expect(!/permission denied|lacks the privilege/.test(daemon.log), `${daemon.name}'s log: ${daemon.log}`);
    await daemon.stop();
  }
  const whole = await node('whole', 'doing_both');
  await whole.ready();
  await moneyFlows(whole.url);
  await whole.stop();
  whatIsRefused();
  await startsThatAreRefused();
  await shadow();
  return faults;
}

await conclude(run, console.log);
