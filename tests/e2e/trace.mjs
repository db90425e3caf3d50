// The story of a record, with each of its conclusions, by the verb and over HTTP; the audit that goes on where it was
// interrupted, and the daemon's own looks: node trace.mjs BINARY

import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {join} from 'node:path';

import {Traffic} from './traffic.mjs';
import {conclude, holdLocks, until, World} from './world.mjs';

const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const world = new World(process.argv[2]);
const away = 'postgresql://nobody@127.0.0.1:9/nothing';

const request = (recordId, userId, amount) => ({
  subject: 'transaction.deposit', payload: JSON.stringify({recordId, userId, amount, currency: 'KRW'}),
});

// The verb's answer; `expected` is its exit code.
function trace(record, {expected = 0, environment = {}, flags = []} = {}) {
  const before = world.environment;
  world.environment = {...before, ...environment};
  const {code, stdout, output} = world.verb('trace', String(record), '--json', ...flags);
  world.environment = before;
  assert.equal(code, expected, `trace ${record}: exit ${code}: ${output.slice(0, 2000)}`);
  return JSON.parse(stdout);
}

function concludes(story, state, pattern) {
  assert.equal(story.state, state, `${story.recordId}: ${story.conclusion}`);
  assert.match(story.conclusion, pattern);
}

const road = (story) => story.events.map(({what}) => what).join(' ');

// Holds an account's row until `release`.
const holdAccount = (user) => holdLocks(
  `SELECT 'held' FROM ledger.accounts WHERE user_id = '${user}' FOR UPDATE`, world.settings.LEDGERD_DATABASE_URL);

// Over HTTP it is the same.
async function overHttp(daemon, story) {
  const answer = await daemon.get(`/v1/trace/${story.recordId}`);
  assert.equal(answer.status, 200, answer.body);
  const other = JSON.parse(answer.body);
  const known = (one) => road(one).replace(/ acknowledged$/, ''); // it may be acknowledged meanwhile
  assert.deepEqual([other.state, other.row, known(other)], [story.state, story.row, known(story)]);
  assert.equal((await daemon.get('/v1/trace/0')).status, 400);
  concludes(JSON.parse((await daemon.get('/v1/trace/987654321')).body), 'unknown', /nothing was found/);
}

async function decided(daemon, traffic) {
  const post = await fetch(`${daemon.url}/v1/transactions`, {
    method: 'POST', headers: {'Content-Type': 'application/json', Prefer: 'wait=20'},
    body: JSON.stringify({userId: 'anna', type: 'DEPOSIT', amount: '500', currency: 'KRW'}),
  });
  const {recordId} = await post.json();
  const story = trace(recordId);
  concludes(story, 'decided', /^decided: DEPOSIT of 500 KRW for anna: SUCCESS/);
  assert.match(road(story), /^recorded received decided published settled/);
  const published = story.events.find(({what}) => what === 'published');
  assert.equal(published.node, 'alpha');
  assert.equal(story.events.find(({what}) => what === 'received').node, 'alpha');
  assert.ok(story.events.every(({at, what}) => at || what === 'acknowledged'));
  const times = story.events.flatMap(({at}) => at ?? []);
  assert.deepEqual(times, [...times].sort());
  await overHttp(daemon, story);
  await until('it is acknowledged', 10, () => road(trace(recordId)).endsWith('acknowledged'));
  const acknowledged = trace(recordId).events.at(-1);
  assert.deepEqual([acknowledged.at, acknowledged.after, acknowledged.node], [null, published.at, 'alpha']);
  // A conflict under the same id beside it.
  await traffic.publish([request(recordId, 'anna', '501')]);
  await until('the conflict is parked', 10, () => trace(recordId).deadLetters.length === 1);
  concludes(trace(recordId), 'decided', /another request under this id was parked: RECORD_ID_CONFLICT/);
  return recordId;
}

async function parked(traffic) {
  await traffic.publish([request(21, 'bert', '-5'), request(22, 'bert', '-5')]);
  await until('both are parked', 20, () => trace(22, {flags: ['--all']}).state === 'parked');
  concludes(trace(21), 'parked', /^parked because of INVALID_FIELD: .*amount/);
  const {seq} = trace(22).deadLetters[0];
  const {code, output} = world.verb('dead', 'discard', String(seq), '--yes', '--why', 'a test');
  assert.equal(code, 0, output);
  const story = trace(22);
  concludes(story, 'discarded', /^discarded by .+ because "a test"; it was parked for INVALID_FIELD/);
  assert.match(road(story), /received.* discarded/);
  concludes(trace(23, {expected: 1}), 'unknown', /^unknown/);
}

const locked = /^held by node (alpha|beta) for \d+\.\d s: the account is locked in the database by the session \d+ of the user \w+ \(psql\) \(waiting \d+\.\d s\); request #\d+ waits for its verdict, deposit-consumer/;

// Until all these records say who locks their account, which PostgreSQL shows only while the node tries. Returns their stories.
async function heldByLock(...records) {
  const stories = new Map();
  let last = 'nothing was told';
  await until('all say who locks their account', 30, () => {
    for (const record of records.filter((each) => !stories.has(each))) {
      const story = trace(record);
      if (story.state === 'held' && locked.test(story.conclusion)) {
        stories.set(record, story);
      } else {
        last = story.conclusion;
      }
    }
    return stories.size === records.length;
  }).catch((error) => { throw new Error(`${error.message}: ${last}`); });
  return records.map((record) => stories.get(record));
}

async function held(traffic, recordId) {
  await traffic.drained(20);
  const release = await holdAccount('anna');
  await traffic.publish([request(31, 'anna', '1')]);
  const [told] = await heldByLock(31);
  assert.equal(told.wait.holder.application, 'psql');
  await until('status says why nothing is decided', 20, () => /1 account is set aside, locked/.test(world.verb('status', '--http-listen', 'off').output));
  // While nobody can ask PostgreSQL.
  const story = trace(31, {environment: {LEDGERD_DATABASE_URL: away}});
  concludes(story, 'held', /^held by node alpha/);
  assert.match(story.notes.join(), /the ledger's database cannot be asked/);
  concludes(trace(recordId, {environment: {LEDGERD_DATABASE_URL: away}}), 'decided', /^decided, by its result: DEPOSIT of 500 KRW/);
  await release();
  await until('it is decided', 30, () => trace(31).state === 'decided');
}

// What one node holds the other one may decide; every request says what its account waits for.
async function heldByTwo(daemon, traffic) {
  const other = await world.daemon('beta', '--roles', 'ledger');
  await other.ready();
  const all = 16384;
  await until('both share the work', 20, async () => await metric(daemon, 'ledgerd_shards') < all && await metric(other, 'ledgerd_shards') > 0);
  const release = await holdAccount('anna');
  const records = Array.from({length: 8}, (_, i) => 51 + i);
  for (const record of records) { // one by one, so that both nodes pull some
    await traffic.publish([request(record, 'anna', '1')]);
  }
  const stories = await heldByLock(...records);
  assert.equal(new Set(stories.map(({wait}) => wait.node)).size, 1, 'one node decides the account');
  log(`held by ${[...new Set(stories.map(({conclusion}) => /node (\w+)/.exec(conclusion)[1]))].join(' and ')}`);
  await release();
  await until('they are decided', 30, () => records.every((record) => trace(record).state === 'decided'));
  await other.stop();
}

async function audits() {
  const folder = join(world.directory, 'cursor');
  const whole = world.verb('audit', '--live', '--json');
  const kept = world.verb('audit', '--live', '--json', '--cursor', folder);
  const answer = ({stdout}) => JSON.parse(stdout);
  assert.equal(kept.code, 0, kept.output);
  assert.deepEqual(answer(kept), answer(whole));
  assert.ok(!existsSync(join(folder, 'cursor.json')), 'an audit that is over has no place any more');
  const other = spawn('flock', ['--no-fork', join(folder, 'lock'), 'sh', '-c', 'echo held; exec sleep 60'], {stdio: ['ignore', 'pipe', 'ignore']});
  await once(other.stdout, 'data');
  const second = world.verb('audit', '--live', '--cursor', folder);
  assert.equal(second.code, 3, second.output);
  assert.match(second.output, /another audit works with .*\/cursor$/m);
  other.kill('SIGKILL');
  await once(other, 'close');
  assert.equal(world.verb('audit', '--live', '--cursor', folder).code, 0, 'one that was killed keeps the folder');
}

// A watch goes on after its session was ended, with what it had not seen yet.
async function watches() {
  const environment = {...world.environment, LEDGERD_NATS_URL: world.users.as(world.users.ofVerb(['audit']), world.natsUrl)};
  const watching = spawn(world.binary, ['audit', '--watch', '500ms', '--json'], {env: environment, stdio: ['ignore', 'pipe', 'ignore']});
  let said = '';
  watching.stdout.on('data', (chunk) => { said += chunk; });
  const documents = () => said.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  await until('it looks', 20, () => documents().length > 0);
  const table = 'ledger.transactions';
  world.query('ALTER TABLE ledger.transactions RENAME TO away');
  await until('a look fails', 20, () => documents().some(({code}) => code));
  world.query('ALTER TABLE ledger.away RENAME TO transactions');
  const failed = documents().length;
  await until('it looks again', 20, () => documents().slice(failed).some(({rows}) => rows !== undefined));
  watching.kill('SIGTERM');
  log('a watch goes on after a look that failed');
}

const metric = async (daemon, name) =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec((await daemon.get('/metrics')).body)?.[1] ?? NaN);

async function looks(daemon, traffic) {
  await until('the daemon has looked', 30, async () => await metric(daemon, 'ledgerd_audit_results_total') > 0);
  assert.equal(await metric(daemon, 'ledgerd_audit_findings'), 0);
  assert.ok(await metric(daemon, 'ledgerd_audit_age_seconds') < 30);
  await traffic.publish([{subject: 'transaction.result.deposit', payload: '{"recordId":404,"status":"SUCCESS"}'}]);
  await until('a forged result is found', 30, async () => await metric(daemon, 'ledgerd_audit_findings') === 1);
  await until('the log names it', 10, () => /audit: result_without_posting: record 404 has a result, but no row/.test(daemon.log));
}

async function run() {
  const daemon = await world.daemon('alpha', '--roles', 'ledger,account', '--audit-interval', '500ms');
  await daemon.ready();
  const traffic = await Traffic.open(world.natsUrl);
  const recordId = await decided(daemon, traffic);
  log('decided');
  await parked(traffic);
  log('parked and discarded');
  await held(traffic, recordId);
  log('held');
  await heldByTwo(daemon, traffic);
  await audits();
  await watches();
  await looks(daemon, traffic);
  log('looked at');
  await daemon.stop();
  await traffic.publish([request(41, 'anna', '1'), request(42, 'anna', '1'), request(43, 'anna', '1')]);
  concludes(trace(43), 'waiting', /^waiting behind at most 2 messages of the stream: request #\d+ of TRANSACTIONS, handed out up to #\d+$/);
  const nobody = trace(43, {environment: {LEDGERD_DATABASE_URL: away}});
  concludes(nobody, 'waiting', /^waiting behind at most 2 messages/);
  assert.match(nobody.notes.join(), /no node has answered/);
  await traffic.connection.close();
  return [];
}

await conclude(run, log);
