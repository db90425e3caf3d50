// Balances of another service are imported: node import.mjs BINARY [--accounts N]
//
// A run that is killed half way is repeated; the daemon then decides what waited in the stream on top of the balances;
// the audit finds nothing, though nobody has requested an opening row; another run changes nothing.

import {spawn, spawnSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {parseArgs} from 'node:util';

import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const {values: options, positionals: [binary]} = parseArgs({
  allowPositionals: true, options: {accounts: {type: 'string', default: '100000'}},
});
const count = Number(options.accounts);
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const faults = [];
const expect = (what, found, wanted) => {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    faults.push(`${what}: ${JSON.stringify(found)}, expected ${JSON.stringify(wanted)}`);
  }
};

// Every user has won; each tenth has euros too, and each thousandth has nothing.
const won = (user) => (user % 1000 === 0 ? 0 : user * 7);
function csv(users) {
  const lines = ['user,currency,balance'];
  for (let user = 1; lines.length <= users; ++user) {
    lines.push(`"user ""${user}""",KRW,${won(user)}`);
    if (user % 10 === 0 && lines.length <= users) {
      lines.push(`"user ""${user}""",EUR,${user}.25`);
    }
  }
  return lines;
}

async function run() {
  const world = new World(binary);
  const file = (name, lines) => {
    const path = join(world.directory, name);
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  };
  const number = (statement) => Number(world.query(statement)[0][0]);
  const rows = () => world.query('SELECT count(*), sum(id), max(id), sum(amount) FROM ledger.transactions')[0];
  const traffic = await Traffic.open(world.natsUrl);
  await traffic.provision(30);
  const lines = csv(count);
  const zeros = lines.filter((line) => line.endsWith(',0')).length;
  const balances = file('balances.csv', lines);
  const early = world.verb('import', '--balances', balances);
  expect('an import before the schema is there', [early.code, early.output.includes('run `ledgerd migrate` first')], [3, true]);
  expect('migrate', world.verb('migrate').code, 0);

  // What the service before has dealt with: two requests, one of which nobody else could read, and a result in words of
  // its own. The audit does not judge them.
  await traffic.manager.streams.add({name: 'TRANSACTION_RESULTS', subjects: ['transaction.result.>']});
  const past = [{recordId: 11, userId: 'old', amount: 5, currency: 'KRW'}, {nothing: 'of ours'}];
  await traffic.publish(past.map((body) => ({subject: 'transaction.deposit', payload: JSON.stringify(body)})));
  await traffic.stream.publish('transaction.result.deposit', JSON.stringify({recordId: 11, state: 'ok'}));
  const consumer = await traffic.stream.consumers.get('TRANSACTIONS', 'deposit-consumer');
  for await (const message of await consumer.fetch({max_messages: past.length, expires: 5000})) {
    await message.ackAck();
  }

  // What waits in the stream while nobody decides: it must find the balances.
  await traffic.publish([
    {subject: 'transaction.withdrawal', payload: JSON.stringify({recordId: 1, userId: 'user "9"', amount: 13, currency: 'KRW'})},
    {subject: 'transaction.withdrawal', payload: JSON.stringify({recordId: 2, userId: 'user "9"', amount: 51, currency: 'KRW'})},
    {subject: 'transaction.deposit', payload: JSON.stringify({recordId: 3, userId: 'user "1000"', amount: 5, currency: 'KRW'})},
  ]);

  const bad = world.verb('import', '--balances',
    file('bad.csv', [...lines.slice(0, 3), 'eve,KRW,-5', 'eve,KRW,0.5', ',KRW,1', lines[1]]));
  expect('a bad file', [bad.code, [3, 4, 5, 6, 7].map((line) => bad.output.includes(`bad.csv:${line}: `))],
    [2, [false, true, true, true, true]]);
  expect('rows after a bad file', number('SELECT count(*) FROM ledger.transactions'), 0);

  const dry = JSON.parse(world.verb('import', '--balances', balances, '--dry-run', '--json').stdout);
  expect('a dry run', [dry.opened, dry.left, dry.zero, dry.refused], [0, count - zeros, zeros, []]);
  expect('rows after a dry run', number('SELECT count(*) FROM ledger.transactions'), 0);

  const killed = spawn(binary, ['import', '--balances', balances], {env: world.environment, stdio: 'ignore'});
  const gone = new Promise((resolve) => killed.once('close', resolve));
  await until('a part is opened', 60, () => number('SELECT count(*) FROM ledger.accounts') > count / 20);
  killed.kill('SIGKILL');
  await gone;
  const before = number('SELECT count(*) FROM ledger.transactions');
  if (before >= count - zeros) {
    faults.push('the kill came too late to test anything');
  }
  const began = performance.now();
  const second = world.verb('import', '--balances', balances);
  const seconds = (performance.now() - began) / 1000;
  expect('the second run', second.code, 0);
  log(`killed after ${before} of ${count - zeros}; the rest took ${seconds.toFixed(1)} s in all: `
    + /opened \d+ accounts in .*/.exec(second.output)?.[0]);
  expect('rows', number('SELECT count(*) FROM ledger.transactions'), count - zeros);
  expect('the sum', number("SELECT sum(balance) FROM ledger.accounts WHERE currency = 'KRW'"),
    lines.slice(1).map((line) => line.split(',')).filter(([, code]) => code === 'KRW')
      .reduce((sum, [, , balance]) => sum + Number(balance), 0));

  const stand = rows();
  const third = JSON.parse(world.verb('import', '--balances', balances, '--json').stdout);
  expect('the third run', [third.opened, third.known, third.zero, third.left], [0, count - zeros, zeros, 0]);
  expect('rows after the third run', rows(), stand);

  const daemon = await world.daemon('ledger', '--roles', 'ledger');
  await daemon.ready();
  await traffic.drained(30);
  expect('what waited', world.query(
    'SELECT record_id, seq, status, balance_after FROM ledger.transactions WHERE record_id < 10 ORDER BY record_id'),
  [['1', '2', 'SUCCESS', '50'], ['2', '3', 'FAILED', '50'], ['3', '1', 'SUCCESS', '5']]);
  // The daemon is at work, and the balances of two accounts have moved.
  const more = file('more.jsonl', [
    '{"user": "late", "currency": "EUR", "balance": 12.50}', '{"userId": "later", "currency": "KRW", "balance": "1e3"}',
    `{"user": "user \\"9\\"", "currency": "KRW", "balance": ${won(9)}}`]);
  const late = JSON.parse(world.verb('import', '--balances', more, '--json').stdout);
  expect('an import beside the daemon', [late.opened, late.known], [2, 1]);
  const other = world.verb('import', '--balances',
    file('other.csv', ['user,currency,balance', 'late,EUR,12.51', '"user ""1000""",KRW,5', 'newest,EUR,1']));
  expect('an import of other balances', [other.code, ['was imported with 12.50', 'has 5 after 1 row'].map((text) => other.output.includes(text)),
    number("SELECT count(*) FROM ledger.accounts WHERE user_id = 'newest'")], [1, [true, true], 0]);
  const again = JSON.parse(world.verb('import', '--balances', balances, '--json').stdout);
  expect('the first file again, though a zero has moved', [again.known, again.zero, again.refused], [count - zeros, zeros, []]);

  // A rule of the operator's own, which shows only when a row is written.
  world.query("ALTER TABLE ledger.accounts ADD CONSTRAINT nobody_called_eve CHECK (user_id <> 'eve')");
  const partly = world.verb('import', '--balances', file('partly.csv', ['user,currency,balance', 'eve,EUR,1', 'adam,EUR,2']));
  world.query('ALTER TABLE ledger.accounts DROP CONSTRAINT nobody_called_eve');
  expect('an import of which the database refuses an account',
    [partly.code, /^ *2 +eve\/EUR +1\.00 +cannot be opened: .*nobody_called_eve/m.test(partly.output), partly.output.includes('1 account cannot be opened\n'),
      number("SELECT count(*) FROM ledger.accounts WHERE user_id IN ('adam', 'eve')")], [1, true, true, 1]);
  expect('nothing is said of how many were opened after a refusal', /^opened 0/m.test(partly.output), false);
  const bare = world.verb('import', '--balances', file('bare.csv', ['user,currency,balance']));
  expect('a file without an account', [bare.code, /warning: .*bare\.csv: there is no account in the file/.test(bare.output)], [0, true]);
  const blank = world.verb('import', '--dry-run', '--balances', file('blank.csv', ['user,currency,balance', 'bob ,EUR,1', ' bob,EUR,1']));
  expect('users with a blank at an end', [blank.code, /warning: .*blank\.csv:2: .*; 2 of the file's accounts have such a user/.test(blank.output)], [0, true]);
  const wrong = world.verb('import', '--balances', file('wrong.csv', ['user,currency,balance', 'bob,EUR,-1']));
  expect('one wrong line', [wrong.code, wrong.output.includes('1 line is wrong; nothing was imported')], [2, true]);
  // The writer of a pipe dies within a number.
  const cut = spawnSync(binary, ['import', '--balances', '-'],
    {env: world.environment, input: 'user,currency,balance\nlast,EUR,12.5', encoding: 'utf8'});
  expect('a balance that is cut off', [cut.status, cut.stderr.includes('standard input:2: the last line has no line end')], [2, true]);

  const audit = world.verb('audit', '--json');
  const report = JSON.parse(audit.stdout);
  expect('the audit', [audit.code, report.openings, report.beforeImport, report.findingCounts], [0, count - zeros + 3, 3, {}]);
  // The same row under an id that is not the account's own. Its result may be older than the import by the broker's clock.
  world.query("ALTER TABLE ledger.transactions DISABLE TRIGGER append_only; UPDATE ledger.transactions SET record_id = 900000000000000 WHERE user_id = 'late'");
  expect('a row that no import has written', JSON.parse(world.verb('audit', '--json').stdout).findingCounts,
    {posting_without_request: 1});
  await daemon.stop();
  await traffic.close();
  return faults;
}

await conclude(run, log);
