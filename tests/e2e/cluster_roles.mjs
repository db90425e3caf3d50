// A node of the account role alone in the cluster: it is heard and shown, owns nothing, and shows the others. Names are
// unique among all roles. A ledger node with nothing to do is paused while its database is away.
// Usage: node cluster_roles.mjs BINARY

import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';

import {conclude, until, World} from './world.mjs';

const [, , binary] = argv;
const shownSeconds = 30; // less than the minute between two looks at a database that is well
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

const view = async (node) => {
  const {status, body} = await node.get('/v1/cluster');
  return status === 200 ? JSON.parse(body).nodes : [];
};

// name roles shards linkUp, or SILENT, of each node.
const short = (nodes) => nodes.map(({name, roles, silent, shards, linkUp, doing}) =>
  `${name} ${roles} ${silent ? 'SILENT' : `${doing} ${shards} ${linkUp}`}`).join(', ');

async function shown(node, wanted, seconds, faults) {
  let last;
  await until(`${node.name} shows ${wanted}`, seconds, async () => {
    await sleep(200);
    last = short(await view(node));
    return last === wanted;
  }).catch((error) => faults.push(`${error.message}; it shows ${last}`));
}

function status(world, wanted, code, faults) {
  const said = world.verb('status', '--http-listen', 'off');
  if (said.code !== code || !wanted.test(said.output)) {
    faults.push(`\`ledgerd status\` ended with ${said.code} and does not say ${wanted}:\n${said.output}`);
  }
}

async function run() {
  const world = new World(binary);
  const faults = [];
  const ledger = await world.daemon('keeper', '--roles', 'ledger', '--shutdown-deadline', '2s');
  await ledger.ready();
  const account = await world.daemon('door', '--roles', 'account', '--shutdown-deadline', '2s');
  await account.ready();
  const both = 'door account serving 0 null, keeper ledger serving 16384 null';
  await shown(account, both, shownSeconds, faults);
  await shown(ledger, both, shownSeconds, faults);
  status(world, /door .*account *serving/, 0, faults);
  log('both show each other');

  for (const roles of ['ledger', 'account']) {
    const twin = await world.daemon(`second-${roles}`, '--node-name', 'door', '--roles', roles);
    const code = await twin.exit(20);
    const {boot} = (await view(ledger)).find(({name}) => name === 'door');
    if (code !== 3 || !new RegExp(` error cannot start: .*name door .*${boot}`).test(twin.log)) {
      faults.push(`a second "door" with the role ${roles} ended with ${code}:\n${twin.log.slice(-1000)}`);
    }
  }

  account.child.kill('SIGSTOP');
  await shown(ledger, 'door account SILENT, keeper ledger serving 16384 null', shownSeconds, faults);
  status(world, /door .*account *SILENT/, 1, faults);
  account.child.kill('SIGCONT');
  await shown(ledger, both, shownSeconds, faults);
  log('the account node was silent, and is back');

  ledger.child.kill('SIGSTOP');
  await shown(account, 'door account serving 0 null, keeper ledger SILENT', shownSeconds, faults);
  ledger.child.kill('SIGCONT');
  await shown(account, both, shownSeconds, faults);
  log('so was the ledger node');

  await account.stop();
  await shown(ledger, 'keeper ledger serving 16384 null', shownSeconds, faults);
  const again = await world.daemon('door', '--roles', 'account', '--shutdown-deadline', '2s');
  await again.ready();
  await shown(ledger, both, shownSeconds, faults);
  log('a successor has the name of the one that has gone');

  // Nothing is to be done, so no gate finds out.
  const superuser = new URL(world.settings.LEDGERD_DATABASE_URL);
  const database = superuser.pathname.slice(1);
  superuser.username = 'postgres';
  superuser.pathname = '/postgres';
  const allow = (whether) => world.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS ${whether}`, superuser.href);
  allow(false);
  world.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`, superuser.href);
  await shown(ledger, 'door account serving 0 null, keeper ledger paused 0 null', shownSeconds, faults);
  allow(true);
  await shown(ledger, both, shownSeconds, faults);
  log('the ledger node was paused while its database refused it');
  for (const node of [again, ledger]) {
    await node.stop();
  }
  return faults;
}

await conclude(run, log);
