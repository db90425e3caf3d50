// The start, the signals and the end of one daemon. Usage:
//   node start.mjs refused|waits|signals|ends BINARY

import {execFileSync, spawn} from 'node:child_process';
import {closeSync, constants, openSync, readFileSync, writeFileSync, writeSync} from 'node:fs';
import {createServer} from 'node:net';
import {join} from 'node:path';
import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';

import {freePort} from './ports.mjs';
import {Proxy} from './proxy.mjs';
import {slackOfShort} from './slack.mjs';
import {Traffic} from './traffic.mjs';
import {conclude, holdLocks, until, World} from './world.mjs';

const [, , scenario, binary] = argv;
const startTimeoutSeconds = 2;
const token = 'x'.repeat(40);
const terminate = 15; // SIGTERM

const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const port = (url) => Number(new URL(url).port);

function expect(condition, what, daemon) {
  if (!condition) {
    throw new Error(`${what}${daemon ? `:\n${daemon.log.slice(-2000)}` : ''}`);
  }
}

function listener() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
  });
}

// A nats-server that asks for a password; it dies with this process.
async function lockedBroker(world) {
  const number = await freePort();
  const options = ['-a', '127.0.0.1', '-p', number, '-js', '-sd', join(world.directory, 'locked')];
  spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'nats-server', ...options, '--user', 'app', '--pass', 'right'],
    {stdio: 'ignore'});
  await until('the locked broker listens', 10, () => execFileSync('bash',
    ['-c', `exec 3<>/dev/tcp/127.0.0.1/${number} && head -c 4 <&3 || true`], {encoding: 'utf8', stdio: 'pipe'})
    === 'INFO');
  return `nats://app:wrong@127.0.0.1:${number}`;
}

function changed(url, parts) {
  return Object.assign(new URL(url), parts).href;
}

async function refusals(world) {
  const taken = await listener();
  const database = world.settings.LEDGERD_DATABASE_URL;
  world.query(`DROP ROLE IF EXISTS e2e_reader; CREATE ROLE e2e_reader LOGIN PASSWORD 'e2e';
    GRANT USAGE ON SCHEMA ledger TO e2e_reader; GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO e2e_reader`);
  const open = join(world.directory, 'open-tokens');
  writeFileSync(open, `app read ${token}\n`, {mode: 0o644});
  return {
    'a port that is taken': {
      flags: ['--http-listen', `127.0.0.1:${taken.address().port}`], says: /cannot listen on 127\.0\.0\.1:\d+/,
    },
    'an address that is not ours': {
      flags: ['--http-listen', '192.0.2.1:8080', '--http-token-file', world.tokens], says: /cannot listen on 192\.0\.2\.1/,
    },
    'a token file that is not there': {
      flags: ['--http-token-file', join(world.directory, 'none')], says: /none/, code: 2,
    },
    'a token file that others may read': {flags: ['--http-token-file', open], says: /open-tokens/, code: 2},
    'a missing right': {
      flags: ['--migrate=false', '--roles', 'ledger'],
      variables: {LEDGERD_DATABASE_URL: changed(database, {username: 'e2e_reader', password: 'e2e'})},
      says: /lacks the privilege INSERT on ledger.transactions/,
      lines: 3, // one for each right
    },
    'a wrong password': {
      variables: {LEDGERD_DATABASE_URL: changed(database, {password: 'wrong'})}, says: /password authentication failed/,
      waits: true,
    },
    'no such database': {
      variables: {LEDGERD_DATABASE_URL: changed(database, {pathname: '/nowhere'})}, says: /"nowhere" does not exist/,
      waits: true,
    },
    'a wrong broker password': {
      variables: {LEDGERD_NATS_URL: await lockedBroker(world)}, says: /broker: .*authorization violation/i, waits: true,
    },
    'an unknown default currency': {flags: ['--default-currency', 'XXQ'], says: /XXQ.*no such currency/},
    'an acknowledgement wait that is too short': {
      flags: ['--ack-wait', '3s', '--shutdown-deadline', '3s'], says: /ack-wait/, code: 2,
    },
  };
}

// Whatever refuses the start: one clean sentence, 3 or 2, in time, no process left, no request touched.
async function refused(world, traffic) {
  const first = await world.daemon('first');
  await first.ready();
  await first.stop();
  await traffic.publish([{subject: 'transaction.deposit', payload: new TextEncoder().encode('{}')}]);
  for (const [name, fault] of Object.entries(await refusals(world))) {
    const began = performance.now();
    const daemon = await world.daemonIn(fault.variables ?? {}, name.replace(/\W+/g, '-'),
      '--start-timeout', `${startTimeoutSeconds}s`, ...(fault.flags ?? []));
    const code = await daemon.exit(startTimeoutSeconds + 4 * slackOfShort);
    const seconds = (performance.now() - began) / 1000;
    const lines = daemon.log.trim().split('\n').filter((line) => /^\S+ error |^ledgerd: /.test(line));
    expect(code === (fault.code ?? 3), `${name}: exit code ${code}`, daemon);
    expect(fault.says.test(daemon.log), `${name}: says something else`, daemon);
    expect(lines.length === (fault.lines ?? 1), `${name}: ${lines.length} lines of errors`, daemon);
    expect(!/wrong|right@|[^ -~\n]/.test(lines[0].replace('wrong usage', '')), `${name}: not clean: ${lines[0]}`);
    expect(!fault.waits || seconds >= startTimeoutSeconds - 1.5, `${name}: gave up after ${seconds} s`, daemon);
    log(`${name}: ${code} after ${seconds.toFixed(1)} s: ${lines[0].slice(0, 160)}`);
  }
  for (const {delivered, num_ack_pending: pending} of await traffic.consumers()) {
    expect(delivered.consumer_seq === 0 && pending === 0, 'a start that was refused has touched a request');
  }
}

// A server that is away at start: the node lives, is not ready, says why, and starts when the server is there.
async function waits(world) {
  for (const [variable, step] of [['LEDGERD_DATABASE_URL', 'database'], ['LEDGERD_NATS_URL', 'broker']]) {
    const url = world.settings[variable];
    const proxy = await Proxy.open(port(url));
    proxy.close();
    const daemon = await world.daemonIn({[variable]: proxy.through(url)}, `waits-for-the-${step}`, '--start-timeout', '1s',
      '--roles', 'ledger,account');
    await until('it says what it waits for', 20, async () => {
      const {status, body} = await daemon.get('/readyz?verbose');
      return status === 503 && JSON.parse(body).checks.some((check) => check.name === step && /refused|no server/i.test(check.detail));
    });
    await sleep(1500);
    expect((await daemon.get('/livez', 3)).status === 200, 'a node that waits for a server is alive', daemon);
    for (const path of ['/v1/actors', '/metrics', '/v1/transactions/1']) {
      expect((await daemon.get(path)).status === 503, `${path} before the start is complete`, daemon);
    }
    const stopped = await world.daemonIn({[variable]: proxy.through(url)}, `stopped-before-the-${step}`);
    await until('it waits', 20, async () => (await stopped.get('/livez')).status === 200);
    await stopped.stop();
    proxy.server.listen(proxy.port, '127.0.0.1');
    await daemon.ready(20);
    expect((await daemon.get('/metrics')).status === 200, 'the metrics', daemon);
    await daemon.stop();
    proxy.close();
    log(`waited for the ${step}`);
  }
  await stopsWhileItWaits(world);
}

// Whether a SIGTERM that was sent to the process waits to be taken; two that wait become one.
function waitsToBeTaken({pid}) {
  const [, waiting] = /^ShdPnd:\s+(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return (BigInt(`0x${waiting}`) >> BigInt(terminate - 1) & 1n) === 1n;
}

// A start that is told to stop ends, whatever it waits for; a second signal ends the process at once.
async function stopsWhileItWaits(world) {
  const newest = 'version = (SELECT max(version) FROM ledger.schema_migrations)';
  const [[version, name, checksum]] = world.query(`DELETE FROM ledger.schema_migrations WHERE ${newest} RETURNING version, name, checksum`);
  const others = await holdLocks('SELECT pg_advisory_xact_lock(5432188007261113)', world.settings.LEDGERD_DATABASE_URL);
  const migrating = await world.daemon('told-while-it-migrates');
  await until('it waits for its turn', 20, async () => /"migration"/.test((await migrating.get('/readyz?verbose')).body ?? ''));
  await sleep(500);
  migrating.child.kill('SIGTERM');
  const code = await migrating.exit(5 * slackOfShort);
  expect(code === 0 && /told to stop before/.test(migrating.log), `a start that waits for its migration ends with ${code}`, migrating);
  await others();
  world.query(`INSERT INTO ledger.schema_migrations (version, name, checksum) VALUES (${version}, '${name}', '${checksum}')`);
  const broker = await Proxy.open(port(world.settings.LEDGERD_NATS_URL));
  broker.blackhole();
  const deaf = await world.daemonIn({LEDGERD_NATS_URL: broker.through(world.settings.LEDGERD_NATS_URL)}, 'told-twice');
  await until('it waits for the broker', 20, async () => /"broker"/.test((await deaf.get('/readyz?verbose')).body ?? ''));
  deaf.child.kill('SIGTERM');
  await until('the first signal is taken', 20, () => deaf.gone || !waitsToBeTaken(deaf.child));
  const again = performance.now();
  deaf.child.kill('SIGTERM');
  const ended = await deaf.exit(20);
  const byItself = ended === 0 && performance.now() - again < 1000; // it had just come to its end
  expect(ended === 'SIGTERM' || byItself, `told twice it ends with ${ended}`, deaf);
  broker.close();
  log(`a start was told to stop: ${code}; and twice: ${ended}`);
}

async function signals(world) {
  const config = join(world.directory, 'ledgerd.toml');
  writeFileSync(config, 'log-level = "info"\n', {mode: 0o600});
  const daemon = await world.daemon('signals', '--http-token-file', world.tokens, '--config', config);
  await daemon.ready();
  const status = async (secret) => (await fetch(`${daemon.url}/v1/actors`, {headers: {Authorization: `Bearer ${secret}`}})).status;
  expect(await status(token) === 200, 'the token is known', daemon);
  const other = 'y'.repeat(40);
  const hangUp = async (tokens, level, says) => {
    const before = daemon.log.length;
    writeFileSync(world.tokens, tokens, {mode: 0o600});
    writeFileSync(config, `log-level = "${level}"\n`, {mode: 0o600});
    daemon.child.kill('SIGHUP');
    await until(`the log says ${says}`, 15, () => says.test(daemon.log.slice(before)));
  };
  await hangUp(`ops operate ${other}\n`, 'debug', /reloaded: log level debug, tokens/);
  expect(await status(token) === 401 && await status(other) === 200, 'the tokens have changed', daemon);
  await hangUp('ops operate short\n', 'info', /the tokens stay as they were/);
  expect(await status(other) === 200, 'the old tokens stay when the new file is faulty', daemon);
  const beforeLoud = daemon.log.length;
  await hangUp(`ops operate ${other}\n`, 'loud', /log level stays/);
  await until('the log says what was taken', 15, () => /reloaded: tokens/.test(daemon.log.slice(beforeLoud)));
  expect(!/reloaded: log level/.test(daemon.log.slice(beforeLoud)), 'a level that is not taken is not told as reloaded', daemon);
  expect(!daemon.log.includes(other), 'no token in the log');
  daemon.child.kill('SIGUSR1');
  await until('the dump is in the log', 15, () => /dump: .*"actor":"gate"/.test(daemon.log));
  for (const name of ['SIGUSR2', 'SIGALRM', 'SIGPIPE', 'SIGVTALRM', 'SIGPROF', 'SIGIO', 'SIGPWR']) {
    daemon.child.kill(name);
  }
  await sleep(300);
  expect(!daemon.gone, 'signals without a meaning are ignored', daemon);
  await daemon.ready(15);
  daemon.child.kill('SIGQUIT');
  expect(await daemon.exit(30) === 0 && /drained in/.test(daemon.log), 'SIGQUIT drains', daemon);
}

// A full pipe that nobody reads; the daemon's log goes into it.
function fullPipe(world) {
  const path = join(world.directory, 'stalled');
  execFileSync('mkfifo', [path]);
  const end = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    for (;;) {
      writeSync(end, 'x'.repeat(4096));
    }
  } catch {
    return {path, close: () => closeSync(end)};
  }
}

const deadlineSeconds = 3;
const longDeadlineSeconds = 20;

// SIGTERM with a silent database: the end comes by the one deadline of both roles, and what is forced is not 0.
async function silentDatabase(world, traffic) {
  const url = world.settings.LEDGERD_DATABASE_URL;
  const proxy = await Proxy.open(port(url));
  const daemon = await world.daemonIn({LEDGERD_DATABASE_URL: proxy.through(url)}, 'silent', '--roles', 'ledger,account',
    '--shutdown-deadline', `${deadlineSeconds}s`);
  await daemon.ready();
  proxy.blackhole();
  await traffic.publish(Array.from({length: 50}, (_, i) => ({
    subject: 'transaction.deposit',
    payload: new TextEncoder().encode(JSON.stringify({recordId: 9000 + i, userId: 'ann', amount: 1, currency: 'KRW'})),
  })));
  await daemon.holds(50);
  const began = performance.now();
  daemon.child.kill('SIGTERM');
  const code = await daemon.exit(deadlineSeconds + 20);
  const seconds = (performance.now() - began) / 1000;
  const forced = /the shutdown took longer than \d+ ms: ending at once; left was: /.test(daemon.log);
  expect(code === (forced ? 70 : 0), `exit code ${code}`, daemon);
  // The deadline is promised; a slow machine takes longer.
  expect(seconds <= deadlineSeconds + 10, `the end took ${seconds} s`, daemon);
  expect(/50 handed back/.test(daemon.log), 'what is held is handed back', daemon);
  log(`a silent database: ${code} after ${seconds.toFixed(1)} s`);
  proxy.close();
}

async function stalledLog(world) {
  const pipe = fullPipe(world);
  const number = await freePort();
  // A log that holds the end up would do so until the deadline, which ends it with 70: a long one, for a slow machine.
  const command = 'exec setpriv --pdeathsig KILL -- "$0" run --log-level trace --shutdown-deadline '
    + `${longDeadlineSeconds}s --http-listen 127.0.0.1:${number} 2>"${pipe.path}"`;
  const child = spawn('bash', ['-c', command, binary], {env: world.environment, stdio: 'ignore'});
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  await until('it is ready', 30, () => fetch(`http://127.0.0.1:${number}/readyz`).then((got) => got.ok, () => false));
  const began = performance.now();
  child.kill('SIGTERM');
  const code = await Promise.race([ended, sleep(1000 * (longDeadlineSeconds + 10), 'too late')]);
  child.kill('SIGKILL');
  expect(code === 0, `a stalled log: ${code} after ${(performance.now() - began) / 1000} s`);
  log(`a stalled log: ${code} after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  pipe.close();
}

async function ends(world, traffic) {
  await stalledLog(world);
  await silentDatabase(world, traffic);
}

async function run() {
  const play = {refused, waits, signals, ends}[scenario];
  if (!play || !binary) {
    throw new Error('usage: node start.mjs refused|waits|signals|ends BINARY');
  }
  const world = new World(binary);
  world.tokens = join(world.directory, 'tokens');
  writeFileSync(world.tokens, `app read,submit,operate ${token}\n`, {mode: 0o600});
  const traffic = await Traffic.open(world.natsUrl);
  await play(world, traffic);
  await traffic.close();
  return [];
}

await conclude(run, log);
