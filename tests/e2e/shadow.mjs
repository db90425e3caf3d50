// A shadow beside a service that makes mistakes on purpose: node shadow.mjs BINARY
//
// The shadow's report names exactly these mistakes, its metrics count the same, and nothing in the shared streams is
// anything but what the present service has put there. No right to publish there is given to it either (users.mjs).
// What is started are the commands of docs/moving-in.md and docs/from-spring.md, with this run's servers in them.

import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

import {blocksOf, commandsOf} from './doc_commands.mjs';
import {OldService} from './old_service.mjs';
import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const faults = [];
const expect = (what, found, wanted) => {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    faults.push(`${what}: ${JSON.stringify(found)}, expected ${JSON.stringify(wanted)}`);
  }
};

const users = 60;
const rounds = 12;
let lastId = 0;

// One request for each user, so that the order among an account's requests is the same for everybody.
function round(number) {
  return Array.from({length: users}, (_, user) => {
    const euro = user % 3 === 0;
    const deposit = number % 3 !== 2;
    const amount = deposit ? 10 + user : 25 + 2 * user;
    return {
      recordId: ++lastId, userId: `user-${user}`, currency: euro ? 'EUR' : 'KRW',
      amount: euro ? `${amount}.50` : amount, type: deposit ? 'DEPOSIT' : 'WITHDRAWAL',
    };
  });
}

const shownDatabase = 'postgresql://ledgerd@127.0.0.1/shadow';

// The commands of a page that speak of the shadow's database, as lists of words without `ledgerd`. The URL goes another
// way, since this run's holds a password; the port of a daemon is this run's affair.
function shownCommands(page, from) {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  const left = ['--database-url', shownDatabase, '--http-listen', '127.0.0.1:8081'];
  return blocksOf(text).filter(({info}) => info === 'sh').flatMap((block) => commandsOf(block.text))
    .filter(([program, ...rest]) => program === 'ledgerd' && rest.includes(shownDatabase))
    .map((command) => command.slice(1).filter((word) => !left.includes(word)).map((word) => (word === '41001' ? `${from}` : word)));
}

async function send(traffic, old, requests) {
  const goal = old.decided + requests.length;
  await traffic.publish(requests.map((request) => ({
    subject: `transaction.${request.type.toLowerCase()}`, payload: new TextEncoder().encode(JSON.stringify(request)),
  })));
  await until('the present service has decided a round', 60, () => old.decided >= goal);
}

// Another database's shadow finds the consumers of the one that runs.
async function elsewhere(world, start, url, flags) {
  world.query('CREATE DATABASE elsewhere');
  const refused = async (name) => {
    const shadow = await start(name, url, ...flags);
    return [await shadow.exit(30), shadow.log];
  };
  const [code, words] = await refused('elsewhere');
  expect('a shadow on a new database beside the consumers of another one', [code, [
    'the database is new', '`nats consumer rm TRANSACTIONS request-consumer-shadow`', '`nats consumer rm TRANSACTION_RESULTS result-consumer-shadow`',
  ].map((part) => words.includes(part))], [3, [true, true, true]]);
  world.query('DELETE FROM ledger.shadow', url); // as if it were as old as the consumers
  const [again, said] = await refused('again');
  expect('a shadow of another database', [again, [
    'belongs to the shadow of another database', `--shadow-from ${lastId + 1} does not count`,
  ].map((part) => said.includes(part))], [3, [true, true]]);
}

async function run() {
  const world = new World(process.argv[2]);
  const shadowUrl = new URL(world.settings.LEDGERD_DATABASE_URL);
  const real = shadowUrl.href;
  world.query('CREATE DATABASE shadow');
  shadowUrl.pathname = '/shadow';
  const start = async (name, database, ...flags) => {
    const daemon = await world.daemonIn({LEDGERD_DATABASE_URL: database}, name, ...flags);
    return daemon;
  };
  const traffic = await Traffic.open(world.natsUrl);
  const early = await start('early', shadowUrl.href, '--shadow');
  expect('a shadow of nobody', [await early.exit(30), early.log.includes('stream TRANSACTIONS is missing')], [3, true]);

  // The service has a past, and balances that come from it.
  await OldService.provision(traffic);
  const old = new OldService(traffic);
  old.start();
  for (let number = 0; number < 3; ++number) {
    await send(traffic, old, round(number));
  }
  const past = lastId;
  const balances = join(world.directory, 'balances.csv');
  writeFileSync(balances, old.csv());
  world.environment.LEDGERD_DATABASE_URL = shadowUrl.href;
  const spring = shownCommands('from-spring.md', past + 1);
  expect('the commands of from-spring.md', spring.map(([verb]) => verb), ['migrate', 'import', 'run']);
  const [migrate, bringIn] = spring;
  expect('migrate and import', [migrate, bringIn.map((word) => (word === 'balances.csv' ? balances : word))].map((words) => world.verb(...words).code), [0, 0]);

  const [[, ...shown], reportWords] = shownCommands('moving-in.md', past + 1);
  expect('the flags of from-spring.md', spring[2].slice(1), shown);
  const shadowFlags = [...shown, '--shutdown-deadline', '2s'];
  let shadow = await start('shadow', shadowUrl.href, ...shadowFlags);
  await shadow.ready();
  const other = await start('other', shadowUrl.href, ...shadowFlags);
  expect('a second shadow', [await other.exit(30), other.log.includes('another shadow works in this database')], [3, true]);
  const elsewhereUrl = new URL(real);
  elsewhereUrl.pathname = '/elsewhere';
  await elsewhere(world, start, elsewhereUrl.href, shadowFlags);
  const both = await start('both', shadowUrl.href, '--shadow', '--roles', 'ledger,account');
  expect('a shadow with the account role', [await both.exit(30), both.log.includes('shadow goes with the role ledger alone')], [2, true]);
  const daemon = await start('daemon', shadowUrl.href, '--roles', 'ledger');
  expect('a daemon on the database of a shadow', [await daemon.exit(30), daemon.log.includes("the database is a shadow's")], [3, true]);

  // It is none of the nodes, and offers nothing that could write into the streams.
  const answered = await traffic.connection.request('$SRV.PING', '', {timeout: 2000}).then(() => 'somebody', ({code}) => code);
  expect('whoever looks for services finds', answered, '503');
  const paths = ['/v1/cluster', '/v1/dead-letters', '/v1/trace/1', '/v1/accounts/user-1'];
  const answers = await Promise.all(paths.map((path) => shadow.get(path)));
  expect('its own nodes and letters', answers.map(({status}) => status), [503, 404, 404, 404]);
  const replay = await fetch(`${shadow.url}/v1/dead-letters/replay`, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{"all": true}'});
  expect('a replay', replay.status, 404);

  const requests = [];
  for (let number = 3; number < rounds; ++number) {
    const next = round(number);
    const at = (user) => next[user].recordId;
    if (number === 4) {
      old.mistakes.set(at(7), 'balance').set(at(8), 'lost').set(at(9), 'amount');
      next.push({recordId: ++lastId, userId: 'user-1', currency: 'KRW', amount: '1.5', type: 'DEPOSIT'});
      old.mistakes.set(lastId, 'parked');
    } else if (number === 5) {
      next[10].amount = next[11].amount = 100000;
      old.mistakes.set(at(10), 'overdraft').set(at(11), 'reason');
    }
    await send(traffic, old, next);
    requests.push(...next);
    if (number === 6) {
      await shadow.kill();
    } else if (number === 7) {
      shadow = await start('shadow', shadowUrl.href, ...shadowFlags);
      await shadow.ready();
    }
  }
  const report = () => JSON.parse(world.verb('shadow', 'report', '--json', '--older-than', '1s', '--limit', '1000').stdout);
  const rowsWanted = requests.length - 1;
  await until('the shadow has decided all', 60, () => report().rows === rowsWanted && report().tooYoung === 0);
  const found = report();
  const ids = (kind) => [...old.mistakes].filter(([, what]) => kind.includes(what)).map(([id]) => id).sort((a, b) => a - b);
  const told = (list) => list.map((one) => one.recordId).sort((a, b) => a - b);
  const fields = (id) => found.differences.find((one) => one.recordId === id)?.fields.map((one) => one.field).join();
  expect('the mistakes', told(found.differences.filter((one) => !one.carried)), ids(['balance', 'amount', 'overdraft', 'reason']));
  expect('what differs', ['balance', 'amount', 'overdraft', 'reason'].map((kind) => fields(ids([kind])[0])),
    ['balanceAfter', 'amount,balanceAfter', 'status,reason,balanceAfter', 'reason']);
  const carried = found.differences.filter((one) => one.carried);
  // Two of them stay in their account's balance.
  expect('what follows', carried.map((one) => one.userId).sort(),
    ['user-7', 'user-9'].flatMap((user) => Array(rounds - 5).fill(user)));
  expect('without a result', told(found.rowsWithoutResult), ids(['lost']));
  // The past has results and no rows.
  expect('without a row', [found.withoutRow, told(found.resultsWithoutRow).at(-1), found.resultsWithoutRow.at(-1).why.slice(0, 13)],
    [past + 1, ids(['parked'])[0], 'INVALID_FIELD']);
  expect('results', [found.results, found.agreed + found.differing + found.withoutRow], [old.published, old.published]);
  expect('imported', found.openings, old.balances.size);
  expect('the verb says no', world.verb(...reportWords).code, 1);

  // The running shadow has seen what came since its second start, and says so in its log.
  const metric = async (name) => Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec((await shadow.get('/metrics')).body)?.[1] ?? -1);
  await until('the shadow has compared all', 60, async () =>
    await metric('ledgerd_shadow_results_total{outcome="agreed"}') > 100 && await metric('ledgerd_shadow_results_waiting') === 0);
  expect('the metrics', [await metric('ledgerd_shadow_results_total{outcome="differing"}') > 0, await metric('ledgerd_shadow_accounts_off') >= 1], [true, true]);
  expect('the log', /shadow: record \d+ of user-7\/KRW: balanceAfter here \d+, there \d+/.test(shadow.log), true);

  // Nothing but what the present service and its clients have published.
  expect('the shared streams', [await traffic.messages('TRANSACTIONS'), await traffic.messages('TRANSACTION_RESULTS')],
    [past + requests.length, old.published]);
  const streams = [];
  for await (const stream of traffic.manager.streams.list()) {
    streams.push(stream.config.name);
  }
  expect('the streams', streams.sort(), ['TRANSACTIONS', 'TRANSACTION_RESULTS']);
  await old.stop();
  expect('the shared consumers', (await traffic.consumers()).map((one) => [one.num_pending, one.num_ack_pending]), [[0, 0], [0, 0]]);
  await shadow.stop();

  // The day: the service has gone, its balances are imported into the real database, a daemon takes over the durables.
  world.environment.LEDGERD_DATABASE_URL = real;
  writeFileSync(balances, old.csv());
  expect('the day', [world.verb('migrate', '--roles', 'ledger').code, world.verb('import', '--balances', balances).code], [0, 0]);
  const ledger = await world.daemon('ledger', '--roles', 'ledger');
  await ledger.ready();
  await traffic.publish([{subject: 'transaction.deposit', payload: JSON.stringify({...requests[0], recordId: ++lastId, amount: 1, type: 'DEPOSIT'})}]);
  await traffic.drained(30);
  expect('rows on the day', world.query(`SELECT record_id, seq FROM ledger.transactions WHERE record_id < 900000000000000`), [[`${lastId}`, '2']]);
  const wrong = await start('wrong', real, '--shadow');
  expect('a shadow on the database of a daemon', [await wrong.exit(30), wrong.log.includes('a shadow needs one of its own')], [3, true]);
  const audit = world.verb('audit', '--json');
  const proven = JSON.parse(audit.stdout);
  expect('the audit on the day', [audit.code, proven.findingCounts, proven.openings, proven.beforeImport],
    [0, {}, [...old.balances.values()].filter((minor) => minor > 0).length, past + requests.length + old.published]);
  world.environment.LEDGERD_DATABASE_URL = shadowUrl.href;
  const refused = world.verb('audit');
  expect('the audit of a shadow', [refused.code, refused.output.includes('ask `ledgerd shadow report`')], [2, true]);
  const checked = world.verb('check', '--roles', 'ledger');
  expect('a check of its database for a daemon', [checked.code, checked.output.includes("the database is a shadow's")], [1, true]);
  await ledger.stop();
  await traffic.close();
  return faults;
}

await conclude(run, log);
