// `ledgerd status` tells whoever is on call in its last line how things stand: all is well, a node is silent, or nothing is
// decided, and why; and in JSON the same. Usage: node status.mjs BINARY

import {execFile, execFileSync} from 'node:child_process';
import {argv} from 'node:process';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';

import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const [, , binary] = argv;
const dev = fileURLToPath(new URL('../../dev', import.meta.url));
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const faults = [];

const deposit = (recordId) => ({
  subject: 'transaction.deposit',
  payload: new TextEncoder().encode(JSON.stringify({recordId, userId: `user-${recordId % 7}`, type: 'DEPOSIT', amount: '1', currency: 'KRW'})),
});
const deposits = (from, count) => Array.from({length: count}, (_, i) => deposit(from + i));

// Until the last line and the exit code are these; returns what the JSON says then.
async function concludes(world, wanted, code, ...flags) {
  let said;
  await until(`status says ${wanted}`, 40, () => {
    said = world.verb('status', ...flags);
    return said.code === code && wanted.test(said.output.trimEnd().split('\n').at(-1));
  }).catch((error) => faults.push(`${error.message}; it ended with ${said.code}:\n${said.output}`));
  log(said.output.trimEnd().split('\n').at(-1));
  return said.output;
}

function json(world, ...flags) {
  return JSON.parse(world.verb('status', '--json', ...flags).stdout);
}

function holds(what, condition) {
  if (!condition) {
    faults.push(what);
  }
}

async function healthy(world, listen) {
  await concludes(world, /^all is well: no request waits, 0 a second are decided$/, 0, ...listen);
  const shown = world.verb('status', ...listen).output;
  holds(`what waits is said once:\n${shown}`, shown.split('no request waits').length === 2);
  let said;
  await until('each node answers', 20, () => (said = json(world, ...listen)).cluster.nodes.filter(({answers}) => answers).length === 2).catch(() => {});
  const {conclusion, requestsWaiting, oldestUndecidedSeconds, decidedPerSecond, cluster} = said;
  holds(`it says in JSON: ${conclusion}`, conclusion.startsWith('all is well'));
  holds(`nothing waits: ${requestsWaiting} ${oldestUndecidedSeconds} ${decidedPerSecond}`,
    requestsWaiting === 0 && oldestUndecidedSeconds === 0 && decidedPerSecond === 0);
  holds(`each node says its numbers: ${JSON.stringify(cluster)}`,
    cluster.nodes.length === 2 && cluster.nodes.every(({answers, decidedPerSecond: pace}) => answers && pace === 0));
}

// While something goes through, a pace is seen: more is published until it is.
async function flows(world, traffic, listen) {
  const env = {...world.environment, LEDGERD_NATS_URL: world.users.as('observer', world.natsUrl)};
  let record = 1000;
  await until('a pace is seen', 40, async () => {
    const asked = promisify(execFile)(binary, ['status', '--json', ...listen], {env}).catch((error) => error);
    let over = false;
    asked.then(() => { over = true; });
    for (; !over; record += 100) {
      await traffic.publish(deposits(record, 100));
    }
    return JSON.parse((await asked).stdout).decidedPerSecond > 0;
  }).catch((error) => faults.push(error.message));
  await concludes(world, /^all is well/, 0, ...listen);
}

async function withoutDatabase(world, traffic, listen) {
  const postgres = (verb) => execFileSync(dev, ['servers', verb, '--at', world.servers, '--only', 'postgres'], {stdio: 'ignore'});
  postgres('stop');
  await traffic.publish(deposits(1, 3));
  const begin = /^nothing is being decided although 3 requests wait, the oldest for \S+ s: /;
  const here = await concludes(world, new RegExp(`${begin.source}the daemon is not ready: \\S+: `), 1, ...listen);
  holds(`the table says so, too:\n${here}`, /^requests: 3 requests wait, the oldest for \S+ s; 0 a second are decided$/m.test(here));
  await concludes(world, new RegExp(`${begin.source}node left is paused, since its database is away \\(PostgreSQL `), 1, '--http-listen', 'off');
  const {conclusion, requestsWaiting, oldestUndecidedSeconds, decidedPerSecond} = json(world, ...listen);
  holds(`the same in JSON: ${conclusion}`, begin.test(conclusion));
  holds(`what waits: ${requestsWaiting} ${oldestUndecidedSeconds} ${decidedPerSecond}`,
    requestsWaiting === 3 && oldestUndecidedSeconds > 2 && decidedPerSecond === 0);
  postgres('start');
  await concludes(world, /^all is well: no request waits/, 0, ...listen);
}

async function run() {
  const world = new World(binary);
  const left = await world.daemon('left');
  const right = await world.daemon('right');
  await left.ready();
  await right.ready();
  const traffic = await Traffic.open(world.natsUrl);
  const listen = ['--http-listen', new URL(left.url).host];
  await healthy(world, listen);
  await flows(world, traffic, listen);
  right.child.kill('SIGSTOP');
  await concludes(world, /^node right is silent$/, 1, ...listen);
  const {cluster} = json(world, ...listen);
  holds('what nobody can know of it is null', cluster.nodes.some(({name, silent, decidedPerSecond}) =>
    name === 'right' && silent && decidedPerSecond === null));
  right.child.kill('SIGCONT');
  await concludes(world, /^all is well/, 0, ...listen);
  await withoutDatabase(world, traffic, listen);
  await left.stop();
  await right.stop();
  return faults;
}

await conclude(run, log);
