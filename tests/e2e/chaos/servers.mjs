// The private servers of a world as things that break: killed, stopped, frozen, started again, without holding up the
// run. `startedAt` is the moment in which a server itself said that it takes clients, in milliseconds since 1970.

import {execFile, spawn} from 'node:child_process';
import {existsSync, readdirSync, readFileSync, realpathSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';

const run = promisify(execFile);
const dev = fileURLToPath(new URL('../../../dev', import.meta.url));
const script = fileURLToPath(new URL('../../support/server_process.sh', import.meta.url));

// The program itself: what Debian has in PATH is a script that looks for it, which costs more than a short question.
function findPsql() {
  const versions = '/usr/lib/postgresql';
  const installed = existsSync(versions) ? readdirSync(versions).map(Number).filter(Boolean).sort((a, b) => b - a) : [];
  const places = [process.env.PG_BIN, ...installed.map((version) => join(versions, String(version), 'bin'))].filter(Boolean);
  return places.map((place) => join(place, 'psql')).find((path) => existsSync(path)) ?? 'psql';
}
const psql = findPsql();

const lastOf = (path, pattern) => [...readFileSync(path, 'utf8').matchAll(pattern)].at(-1);

class Server {
  constructor(world, only) {
    this.world = world;
    this.only = only;
    this.environment = {};
  }

  kill() {
    return this.#verb('kill');
  }

  stop() {
    return this.#verb('stop');
  }

  // Returns the moment from which it takes clients.
  async start() {
    await this.#verb('start');
    return this.startedAt();
  }

  #verb(verb) {
    return run(dev, ['servers', verb, '--at', this.world.servers, '--only', this.only], {
      env: {...process.env, ...this.environment},
    });
  }
}

export class Postgres extends Server {
  constructor(world) {
    super(world, 'postgres');
  }

  get data() {
    return realpathSync(join(this.world.servers, 'pg'));
  }

  async freeze(signal) {
    await run(script, ['freeze', signal, this.data]);
  }

  startedAt() {
    const found = lastOf(join(this.world.servers, 'pg.log'),
      /^(\d+-\d+-\d+) (\d+:\d+:\d+\.\d+) (\w+) \[\d+\] LOG: {2}database system is ready to accept connections/gm);
    return Date.parse(`${found[1]}T${found[2]}${/^(UTC|GMT|Etc)/.test(found[3]) ? 'Z' : ''}`);
  }
}

export class Nats extends Server {
  constructor(world) {
    super(world, 'nats');
  }

  get pid() {
    return Number(readFileSync(join(this.world.servers, 'nats.pid'), 'utf8'));
  }

  async freeze(signal) {
    process.kill(this.pid, `SIG${signal}`);
  }

  startedAt() {
    const found = lastOf(join(this.world.servers, 'nats.log'), /^\[\d+\] (\d+)\/(\d+)\/(\d+) (\S+) \[INF\] Server is ready/gm);
    return Date.parse(`${found[1]}-${found[2]}-${found[3]}T${found[4].slice(0, 12)}`);
  }
}

// One statement, without holding up the run: the rows, each a list of texts.
export async function ask(url, statement) {
  const {username, password, hostname, port, pathname} = new URL(url);
  const {stdout} = await run(psql, ['-XAtq', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-c', statement], {
    maxBuffer: 1 << 28, timeout: 20000,
    env: {
      ...process.env, PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: password, PGDATABASE: pathname.slice(1),
      PGCONNECT_TIMEOUT: '2',
    },
  });
  return stdout.split('\n').filter(Boolean).map((line) => line.split('\t'));
}

// A session of somebody else that runs a script; {done: a promise of its exit code and what it said, end()}.
export function session(url, text) {
  const {username, password, hostname, port, pathname} = new URL(url);
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', psql, '-XAtq', '-f', '-'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {...process.env, PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: password, PGDATABASE: pathname.slice(1)},
  });
  let said = '';
  child.stdout.on('data', (bytes) => { said += bytes; });
  child.stderr.on('data', (bytes) => { said += bytes; });
  child.stdin.on('error', () => {});
  child.stdin.end(text);
  return {
    done: new Promise((resolve) => child.once('close', (code) => resolve({code, said}))),
    end: () => child.kill('SIGKILL'),
  };
}
