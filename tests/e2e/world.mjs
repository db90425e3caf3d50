// The outside world of a run: private servers, daemons, the database, all gone when the run ends, however it ends.

import {execFileSync, spawn, spawnSync} from 'node:child_process';
import {closeSync, fstatSync, mkdtempSync, openSync, readFileSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';

import {freePort} from './ports.mjs';
import {stopsMin} from './slack.mjs';
import {Users} from './users.mjs';

const dev = fileURLToPath(new URL('../../dev', import.meta.url));

// Waits until `condition` returns something true, and returns that.
export async function until(what, seconds, condition) {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const result = await condition();
    if (result) {
      return result;
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${seconds} s in vain: ${what}`);
    }
    await sleep(10);
  }
}

const worlds = [];

// Runs a scenario, which returns its faults, and ends the program with what it found.
export async function conclude(run, log) {
  const faults = await run().catch((error) => [error.stack]);
  faults.push(...worlds.flatMap((world) => world.refusals().map((line) => `a right is missing: ${line}`)));
  const stops = worlds.flatMap((world) => world.daemons).filter(({stopped}) => stopped);
  const forced = stops.filter((daemon) => daemon.wasForced);
  forced.forEach(({name}) => log(`${name} was ended by its short deadline`));
  if (stops.length >= stopsMin && forced.length === stops.length) {
    faults.push(`all of the ${stops.length} daemons that were told to stop had to be forced`);
  }
  for (const fault of faults.slice(0, 20)) {
    console.log(`FAULT ${fault}`);
  }
  log(faults.length === 0 ? 'all checks hold' : `${faults.length} faults`);
  process.exit(faults.length === 0 ? 0 : 1);
}

// Holds the locks of a statement, which must answer something, in a database until `release`.
export async function holdLocks(statement, database) {
  const url = new URL(database);
  const session = spawn('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env, PGHOST: url.hostname, PGPORT: url.port, PGUSER: url.username, PGPASSWORD: url.password,
      PGDATABASE: url.pathname.slice(1),
    },
  });
  const held = new Promise((resolve) => session.stdout.once('data', resolve));
  session.stdin.write(`BEGIN; ${statement};\n`);
  await held;
  return async () => {
    const over = new Promise((resolve) => session.once('close', resolve));
    session.stdin.end('ROLLBACK;\n');
    await over;
  };
}

export const holdTable = (table, database) => holdLocks(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE; SELECT 'held'`, database);

// One process of the daemon. It dies with this process. On the broker it is `user`, or whom its flags make it.
class Daemon {
  static async start(world, name, flags, environment, user = world.users.ofDaemon(flags)) {
    const daemon = new Daemon();
    const port = await freePort();
    daemon.name = name;
    daemon.url = `http://127.0.0.1:${port}`;
    daemon.logFile = join(world.logs ?? world.directory, `${name}.log`);
    const log = openSync(daemon.logFile, 'a');
    daemon.logFrom = fstatSync(log).size; // in bytes: what earlier lives under the same name have said
    const listen = flags.includes('--http-listen') ? [] : ['--http-listen', `127.0.0.1:${port}`];
    daemon.isPressed = /^[12]s$/.test(flags[flags.indexOf('--shutdown-deadline') + 1]);
    const called = flags.includes('--node-name') ? [] : ['--node-name', name];
    const command = [
      '--pdeathsig', 'KILL', '--', ...(world.wrapper ?? []), world.binary, 'run', ...called, ...listen, ...flags,
    ];
    const env = {...world.environment, ...environment};
    env.LEDGERD_NATS_URL = world.users.as(user, env.LEDGERD_NATS_URL);
    daemon.child = spawn('setpriv', command, {env, stdio: ['ignore', log, log]});
    closeSync(log);
    daemon.ended = new Promise((resolve) => daemon.child.once('close', (code, signal) => resolve({code, signal})));
    daemon.ended.then(() => { daemon.gone = true; });
    daemon.counted = new Map();
    return daemon;
  }

  async ready(seconds = 60) {
    await until(`${this.name} is ready`, seconds, async () => {
      if (this.gone) {
        throw new Error(`${this.name} ended at once:\n${readFileSync(this.logFile, 'utf8').slice(-2000)}`);
      }
      return fetch(`${this.url}/readyz`).then((answer) => answer.ok, () => false);
    });
  }

  // Its answer to a GET: {status, body}, or status 0 when there is none. A node itself takes up to 3.5 s where one of its
  // actors is busy.
  async get(path, seconds = 12) {
    try {
      const answer = await fetch(this.url + path, {signal: AbortSignal.timeout(1000 * seconds)});
      return {status: answer.status, body: await answer.text()};
    } catch {
      return {status: 0, body: ''};
    }
  }

  get log() {
    return readFileSync(this.logFile, 'utf8');
  }

  // In this life its shutdown has taken longer than its deadline.
  get wasForced() {
    return readFileSync(this.logFile).subarray(this.logFrom).includes('the shutdown took longer than');
  }

  // The exit code, when it ends by itself in time.
  async exit(seconds) {
    const ended = await Promise.race([this.ended, sleep(seconds * 1000, null)]);
    if (!ended) {
      throw new Error(`${this.name} has not ended in ${seconds} s:\n${this.log.slice(-2000)}`);
    }
    return ended.code ?? ended.signal;
  }

  // A counter of its metrics, all series together. An actor that is busy has none for a moment; where it stays so, what it
  // had counted last.
  async counter(name) {
    const pattern = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm');
    for (const end = performance.now() + 10000; performance.now() < end; await sleep(100)) {
      const counts = [...(await this.get('/metrics')).body.matchAll(pattern)].map(([, count]) => Number(count));
      if (counts.length > 0) {
        this.counted.set(name, counts.reduce((a, b) => a + b, 0));
        break;
      }
    }
    return this.counted.get(name) ?? 0;
  }

  // How many entries it has dealt with.
  entries() {
    return this.counter('ledgerd_entries_total');
  }

  // Until it holds so many deliveries.
  async holds(count) {
    await until(`${this.name} holds ${count} deliveries`, 20, async () => {
      const {body} = await this.get('/metrics');
      const held = [...body.matchAll(/^ledgerd_in_flight(?:\{[^}]*\})? (\d+)$/gm)].map(([, each]) => Number(each));
      return held.reduce((a, b) => a + b, 0) >= count;
    });
  }

  // SIGTERM; must end by itself with exit code 0, or by a short deadline with 70 (slack.mjs).
  async stop() {
    this.child.kill('SIGTERM');
    const {code, signal} = await Promise.race([this.ended, sleep(30000, {code: 'none in 30 s'})]);
    this.stopped = true;
    if (code !== 0 && !(code === 70 && this.isPressed && this.wasForced)) {
      throw new Error(`${this.name} ended with ${signal ?? code}:\n${readFileSync(this.logFile, 'utf8').slice(-2000)}`);
    }
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

// The broker's clients are the users of users.mjs, so that a daemon or verb that needs a right which its user in
// deploy/ lacks fails the run.
export class World {
  // `nats`: more lines for the broker's configuration; `domain`: that of its JetStream. The rights of
  // the users are checked after the server has taken the domain out of a subject. `rename`: what a subject of the
  // contract is called here.
  constructor(binary, {nats = '', domain = '', rename} = {}) {
    this.binary = binary;
    this.directory = mkdtempSync(join(tmpdir(), 'ledgerd-e2e.'));
    this.servers = join(this.directory, 'servers');
    this.daemons = [];
    this.users = new Users();
    if (rename) {
      this.users.rename(rename);
    }
    this.mayBeRefused = []; // users that lack a right on purpose
    worlds.push(this);
    process.once('exit', () => this.end());
    const more = join(this.directory, 'more.conf');
    const jetstream = domain ? `jetstream { store_dir: "${join(this.servers, 'nats')}", domain: ${domain} }\n` : '';
    writeFileSync(more, `${jetstream}${nats}\n${this.users.configuration}`);
    const start = ['servers', 'start', '--at', this.servers, '--owner', process.pid];
    const lines = execFileSync(dev, start, {
      encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], env: {...process.env, NATS_CONFIG: more},
    });
    this.settings = Object.fromEntries(lines.trim().split('\n').map((line) => /^(\w+)=(.*)$/.exec(line).slice(1)));
    this.natsUrl = this.settings.LEDGERD_NATS_URL;
    this.environment = {...process.env, ...this.settings, LEDGERD_DEFAULT_CURRENCY: 'KRW'};
  }

  async daemon(name, ...flags) {
    return this.daemonIn({}, name, ...flags);
  }

  // The same with more variables in its environment.
  async daemonIn(environment, name, ...flags) {
    const daemon = await Daemon.start(this, name, flags, environment);
    this.daemons.push(daemon);
    return daemon;
  }

  // One that is another user on the broker.
  async daemonAs(user, name, ...flags) {
    const daemon = await Daemon.start(this, name, flags, {}, user);
    this.daemons.push(daemon);
    return daemon;
  }

  // Runs a verb of the program; {code, output}.
  verb(...words) {
    const env = {...this.environment, LEDGERD_NATS_URL: this.users.as(this.users.ofVerb(words), this.natsUrl)};
    const {status, stdout, stderr} = spawnSync(this.binary, words, {
      env, encoding: 'utf8', timeout: 1000 * (this.verbSeconds ?? 60), killSignal: 'SIGKILL', maxBuffer: 1 << 28,
    });
    return {code: status ?? `nothing in ${this.verbSeconds ?? 60} s`, stdout, output: stdout + stderr};
  }

  // What `ledgerd audit` finds once all is done: no fault, or one.
  auditFaults() {
    const {code, output} = this.verb('audit');
    return code === 0 ? [] : [`ledgerd audit exits with ${code}: ${output}`];
  }

  // The broker takes the present rights of all users, those of connected clients too.
  reloadUsers() {
    const file = join(this.servers, 'nats.conf');
    const [ours] = readFileSync(file, 'utf8').split('\naccounts {');
    writeFileSync(file, `${ours}\n${this.users.configuration}`);
    process.kill(Number(readFileSync(join(this.servers, 'nats.pid'), 'utf8')), 'SIGHUP');
  }

  // Where the broker refused a client a subject.
  refusals() {
    const lines = readFileSync(join(this.servers, 'nats.log'), 'utf8').match(/^.*violation.*$/gim) ?? [];
    const bare = lines.map((line) => line.replace(/^.*?cid:\d+ - /, ''));
    return [...new Set(bare)].filter((line) => !this.mayBeRefused.some((user) => line.includes(`"${user}"`)));
  }

  // The rows of a query, each a list of texts. No value may hold a tab or a line break.
  query(statement, database = this.settings.LEDGERD_DATABASE_URL) {
    const url = new URL(database);
    const output = execFileSync('psql', ['-XAtq', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-c', statement], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      env: {
        ...process.env, PGHOST: url.hostname, PGPORT: url.port, PGUSER: url.username, PGPASSWORD: url.password,
        PGDATABASE: url.pathname.slice(1), PGCLIENTENCODING: 'UTF8',
      },
    });
    return output.split('\n').filter(Boolean).map((line) => line.split('\t'));
  }

  end() {
    for (const daemon of this.daemons) {
      daemon.child.kill('SIGKILL');
    }
    spawnSync(dev, ['servers', 'remove', '--at', this.servers], {stdio: 'ignore'});
    spawnSync('rm', ['-rf', this.directory]);
  }
}
