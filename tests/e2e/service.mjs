// What a service manager and a container see of the daemon. Usage:
//   node service.mjs manager|stalled|first BINARY

import {spawn} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {argv} from 'node:process';
import {createInterface} from 'node:readline';
import {setTimeout as sleep} from 'node:timers/promises';

import {Proxy} from './proxy.mjs';
import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const [, , scenario, binary] = argv;
const roles = ['--roles', 'ledger,account'];

const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

function expect(condition, what, daemon) {
  if (!condition) {
    throw new Error(`${what}${daemon ? `:\n${daemon.log.slice(-2000)}` : ''}`);
  }
}

// Node.js has no datagram sockets with a path, so Python listens and prints each datagram as a line of JSON.
const listenerProgram = `
import json, socket, sys
here = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
here.bind(sys.argv[1])
print('"listening"', flush=True)
while True:
    print(json.dumps(here.recv(4096).decode()), flush=True)
`;

// In the place of systemd.
class Manager {
  static async start(world) {
    const manager = new Manager();
    manager.path = join(world.directory, 'notify');
    manager.heard = []; // {at: seconds, lines}
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'python3', '-c', listenerProgram, manager.path],
      {stdio: ['ignore', 'pipe', 'inherit']});
    createInterface({input: child.stdout}).on('line', (line) => {
      manager.heard.push({at: performance.now() / 1000, lines: JSON.parse(line).split('\n').filter(Boolean)});
    });
    await until('the manager listens', 20, () => manager.heard.length > 0);
    return manager;
  }

  // The environment of a service with a watchdog.
  environment(watchdogSeconds) {
    return {NOTIFY_SOCKET: this.path, WATCHDOG_USEC: String(watchdogSeconds * 1e6)};
  }

  // All lines since a moment that match.
  said(pattern, since = 0) {
    return this.heard.filter(({at}) => at >= since).flatMap(({lines}) => lines).filter((line) => pattern.test(line));
  }

  async says(pattern, seconds, since = 0) {
    await until(`the manager hears ${pattern}; it heard ${this.heard.map(({lines}) => lines.join('|')).join(' / ')}`, seconds,
      () => this.said(pattern, since).length > 0);
  }
}

const now = () => performance.now() / 1000;

const deposits = (count) => Array.from({length: count}, (_, i) => ({
  subject: 'transaction.deposit',
  payload: new TextEncoder().encode(JSON.stringify({recordId: 10 ** 12 + i, userId: `user-${i}`, amount: 1, currency: 'KRW'})),
}));

// From the start, which waits for the database, to the end.
async function manager(world) {
  const heard = await Manager.start(world);
  const url = world.settings.LEDGERD_DATABASE_URL;
  const proxy = await Proxy.open(Number(new URL(url).port));
  proxy.close();
  const daemon = await world.daemonIn({...heard.environment(2), LEDGERD_DATABASE_URL: proxy.through(url)}, 'managed', ...roles);
  await heard.says(/^EXTEND_TIMEOUT_USEC=60000000$/, 20);
  await heard.says(/^STATUS=starting, waits for: database/, 20);
  await sleep(1500);
  expect(heard.said(/^READY|^WATCHDOG/).length === 0, 'ready before it was', daemon);

  proxy.server.listen(proxy.port, '127.0.0.1');
  await heard.says(/^READY=1$/, 30);
  const {status, body} = await daemon.get('/readyz?verbose');
  const failing = JSON.parse(body).checks.filter(({ok}) => !ok).map(({name}) => name);
  // A stall of the machine right after it is an actor's that does not answer, and no step of the start.
  expect(status === 200 || String(failing) === 'progress', `ready before ${failing} was`, daemon);
  log('ready');
  const ready = now();
  await until('the watchdog is fed', 15, () => heard.said(/^WATCHDOG=1$/, ready).length >= 3);

  const reloading = now();
  daemon.child.kill('SIGHUP');
  await heard.says(/^READY=1$/, 15, reloading);
  const [word, time] = heard.said(/^(RELOADING|MONOTONIC_USEC)=/, reloading);
  expect(word === 'RELOADING=1' && /^MONOTONIC_USEC=\d+$/.test(time), 'a reload without its beginning', daemon);

  proxy.blackhole();
  await heard.says(/^STATUS=not ready: .*database/, 20);
  await sleep(5000);
  const away = now();
  await until('the watchdog is fed while the database is away', 15, () => heard.said(/^WATCHDOG=1$/, away).length >= 2);
  proxy.restore();
  await daemon.ready(20);
  log('survived an outage');

  const stopping = now();
  await daemon.stop();
  await heard.says(/^STOPPING=1$/, 10, stopping);
  await heard.says(/^EXTEND_TIMEOUT_USEC=15000000$/, 10, stopping);
  proxy.close();
}

// A gate hangs although all servers answer: the watchdog gets nothing from then on.
async function stalled(world, traffic) {
  const heard = await Manager.start(world);
  const daemon = await world.daemonIn({...heard.environment(2), LEDGERD_FAILPOINTS: 'gate=hang', LEDGERD_SCHEDULER_THREADS: '4'},
    'stalled', ...roles);
  await heard.says(/^READY=1$/, 30);
  await traffic.publish(deposits(50));
  await heard.says(/^STATUS=not ready: progress/, 20);
  await sleep(1000);
  const silent = now();
  await sleep(4000);
  expect(!daemon.gone, 'it is still there', daemon);
  const fed = heard.said(/^WATCHDOG=1$/, silent).length;
  expect(fed === 0, `a node that stands still fed its watchdog ${fed} times`, daemon);
  expect(heard.said(/^WATCHDOG=1$/).length > 0, 'the watchdog was never fed', daemon);
  expect(/no progress: /.test(daemon.log), 'the log says nothing', daemon);
  log('a node that stands still does not feed its watchdog');
  await daemon.kill();
}

// The daemon behind `unshare`.
const firstProcess = ({child: {pid}}) => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);

// As the first process of a container, on which the kernel carries out no default action of a signal.
async function first(world, traffic) {
  world.wrapper = ['unshare', '--pid', '--fork', '--kill-child', '--'];
  const url = world.settings.LEDGERD_DATABASE_URL;
  const proxy = await Proxy.open(Number(new URL(url).port));
  const drained = await world.daemon('drained', ...roles);
  await drained.ready();
  const asked = () => {
    const {code, stdout} = world.verb('status', '--alive', '--json', '--http-listen', new URL(drained.url).host);
    return {code, ...JSON.parse(stdout)};
  };
  expect(asked().code === 0 && asked().alive === true, 'status --alive of a daemon that lives', drained);
  expect(/^NSpid:\s+\d+\s+1$/m.test(readFileSync(`/proc/${firstProcess(drained)}/status`, 'utf8')), 'it is the first process');
  process.kill(firstProcess(drained), 'SIGTERM');
  expect(await drained.exit(30) === 0 && /drained in/.test(drained.log), 'SIGTERM drains', drained);
  expect(asked().code === 1 && asked().alive === null, 'status --alive of a daemon that is gone');

  const hurried = await world.daemonIn({LEDGERD_DATABASE_URL: proxy.through(url)}, 'hurried', ...roles,
    '--shutdown-deadline', '20s');
  await hurried.ready();
  proxy.blackhole();
  await traffic.publish(deposits(50));
  await hurried.holds(50);
  const pid = firstProcess(hurried);
  process.kill(pid, 'SIGTERM');
  await until('it drains', 15, () => /told to stop/.test(hurried.log));
  await sleep(300);
  process.kill(pid, 'SIGTERM');
  const code = await hurried.exit(10);
  expect(code === 143, `the second SIGTERM ended it with ${code}`, hurried);
  log('SIGTERM drains the first process, a second one ends it');
  proxy.close();
}

async function run() {
  const play = {manager, stalled, first}[scenario];
  if (!play || !binary) {
    throw new Error('usage: node service.mjs manager|stalled|first BINARY');
  }
  const world = new World(binary);
  const traffic = await Traffic.open(world.natsUrl);
  await play(world, traffic);
  await traffic.close();
  return [];
}

await conclude(run, log);
