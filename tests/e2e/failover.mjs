// The primary falls silent without a word, its synchronous standby is promoted: both daemons go on without a restart, within
// ten seconds, three times as long on a slow machine, and nothing is lost. Usage: node failover.mjs BINARY

import {execFileSync} from 'node:child_process';
import {mkdtempSync, realpathSync} from 'node:fs';
import {join} from 'node:path';
import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';

import {Traffic} from './traffic.mjs';
import {freePort} from './ports.mjs';
import {conclude, until, World} from './world.mjs';

const [, , binary] = argv;
const script = fileURLToPath(new URL('../support/server_process.sh', import.meta.url));
const resumeSeconds = 30;

const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

let published = 0;

function deposits(count) {
  return Array.from({length: count}, () => {
    const recordId = ++published;
    const body = {recordId, userId: `user-${recordId % 50}`, type: 'DEPOSIT', amount: '10', currency: 'KRW'};
    return {subject: 'transaction.deposit', payload: new TextEncoder().encode(JSON.stringify(body))};
  });
}

async function run() {
  if (!binary) {
    throw new Error('usage: node failover.mjs BINARY');
  }
  const world = new World(binary);
  const primary = new URL(world.settings.LEDGERD_DATABASE_URL);
  const data = realpathSync(join(world.servers, 'pg'));
  const at = mkdtempSync('/var/tmp/ledgerd-standby.');
  process.once('exit', () => execFileSync(script, ['remove', at]));
  const port = await freePort();
  const standby = Object.assign(new URL(primary), {port: String(port)}).href;
  execFileSync(script, ['standby', at, String(port), data, primary.port, primary.password], {stdio: 'inherit'});
  const {username, password, pathname} = primary;
  const both = `postgresql://${username}:${password}@127.0.0.1:${primary.port},127.0.0.1:${port}${pathname}`;

  const daemons = [];
  for (const name of ['left', 'right']) {
    daemons.push(await world.daemonIn({LEDGERD_DATABASE_URL: both}, name));
    await daemons.at(-1).ready();
  }
  const traffic = await Traffic.open(world.natsUrl);
  await traffic.publish(deposits(1000));
  await until('all is decided', 20, () => world.query('SELECT count(*) FROM ledger.transactions')[0][0] === '1000');
  const before = await Promise.all(daemons.map((daemon) => daemon.entries()));
  execFileSync(script, ['freeze', 'STOP', data]);
  await traffic.publish(deposits(2000));
  await sleep(1000);
  execFileSync(script, ['promote', at]);
  const promoted = performance.now();
  log('promoted');
  await until('both work again', resumeSeconds, async () => {
    await traffic.publish(deposits(100));
    const now = await Promise.all(daemons.map((daemon) => daemon.entries().catch(() => 0)));
    return now.every((count, i) => count > before[i]);
  });
  log(`both work again ${((performance.now() - promoted) / 1000).toFixed(1)} s after the promotion`);
  await traffic.drained(60);
  for (const daemon of daemons) {
    await daemon.ready(20);
    await daemon.stop();
  }
  const faults = [];
  const rows = world.query('SELECT count(*) FROM ledger.transactions', standby)[0][0];
  if (rows !== String(published)) {
    faults.push(`${rows} rows of ${published}`);
  }
  world.environment.LEDGERD_DATABASE_URL = standby;
  faults.push(...world.auditFaults());
  await traffic.close();
  return faults;
}

await conclude(run, log);
