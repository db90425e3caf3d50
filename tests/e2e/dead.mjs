// Dead letters from the poison to the audit, by the verbs and over HTTP with tokens: node dead.mjs BINARY

import assert from 'node:assert/strict';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';

import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const many = 3000;
const stream = 'TRANSACTION_DEAD_LETTERS';
const world = new World(process.argv[2]);
const tokens = {ops: 'o'.repeat(32), app: 'a'.repeat(32)};
const tokenFile = join(world.directory, 'tokens');
writeFileSync(tokenFile, `ops operate ${tokens.ops}\napp read,submit ${tokens.app}\n`, {mode: 0o600});

function verb(expected, ...words) {
  const {code, stdout, output} = world.verb(...words);
  assert.equal(code, expected, `${words.join(' ')}: exit ${code}: ${output.slice(0, 2000)}`);
  return words.includes('--json') ? stdout : output;
}
const dead = (...words) => JSON.parse(verb(0, 'dead', ...words, '--json'));
const request = (recordId, userId, amount, currency = 'KRW') => JSON.stringify({recordId, userId, amount, currency});
const deposit = (...fields) => ({subject: 'transaction.deposit', payload: request(...fields)});
const withdrawal = (...fields) => ({subject: 'transaction.withdrawal', payload: request(...fields)});

let daemon;

async function http(expected, method, path, body, token = tokens.ops) {
  const answer = await fetch(daemon.url + path, {
    method, body: typeof body === 'object' ? JSON.stringify(body) : body,
    headers: {Authorization: `Bearer ${token}`, ...(body && {'Content-Type': 'application/json'})},
  });
  const text = await answer.text();
  assert.equal(answer.status, expected, `${method} ${path}: ${answer.status} ${text.slice(0, 2000)}`);
  return JSON.parse(text);
}

// What the ledger says of a record: SUCCESS, FAILED and why, or nothing.
const verdicts = () => new Map(world.query('SELECT record_id, status, coalesce(reason, \'\') FROM ledger.transactions')
  .map(([record, status, reason]) => [Number(record), (status + ' ' + reason).trim()]));
const foretold = ({verdict, reason}) => `${verdict} ${reason ?? ''}`.trim();

// Of one nearly empty account, whose order decides: what is added, by record.
const annaSilver = [[11, 20], [12, -70], [13, -20], [14, 60], [15, -60]];

// The verdicts of these when their letters go in this order, which is not always that of the requests: one that had to
// be looked up for long is parked after its next.
function inOrder(records) {
  let balance = 0;
  const order = [...annaSilver].sort(([a], [b]) => records.indexOf(a) - records.indexOf(b));
  const decided = new Map(order.map(([record, amount]) => {
    const fits = balance + amount >= 0;
    balance += fits ? amount : 0;
    return [record, fits ? 'SUCCESS' : 'FAILED INSUFFICIENT_FUNDS'];
  }));
  return annaSilver.map(([record]) => decided.get(record));
}

async function poison(traffic) {
  await traffic.publish([
    deposit(1, 'anna', '50'),
    ...Array.from({length: many}, (_, i) => deposit(1000 + i, `user-${i % 50}`, '10', 'XAU')),
    ...annaSilver.map(([record, amount]) => amount > 0
      ? deposit(record, 'anna', `${amount}`, 'XAG') : withdrawal(record, 'anna', `${-amount}`, 'XAG')),
    deposit(1, 'anna', '51'), // a conflict
    deposit(21, 'bert', '-5'),
    {subject: 'transaction.deposit', payload: '{"recordId":22'},
    {subject: 'transaction.withdrawal', payload: request(23, 'x'.repeat(129), '1')},
  ]);
  await traffic.drained(60);
  assert.equal(await traffic.messages(stream), many + 9);
}

// The verbs: groups, a dry run that comes true, marks, an edit, a discard.
async function byVerbs(traffic) {
  const groups = dead('groups').items;
  assert.deepEqual(groups.map(({reason, count}) => `${reason} ${count}`).slice(0, 1), [`INVALID_FIELD ${many + 5}`]);
  assert.equal(groups.length, 5);
  const {cause, oldest} = groups[0];
  assert.ok(Math.abs(Date.parse(oldest) - Date.now()) < 600000, oldest);
  assert.equal(dead('list', '--user', 'anna', '--reason', 'RECORD_ID_CONFLICT').items.length, 1);
  assert.match(verb(0, 'dead', 'list', '--since', '10m', '--limit', '3'), /\d{4}-\d\d-\d\dT/);
  // Still not known: nothing would change, so nothing is sent.
  assert.deepEqual(JSON.parse(verb(1, 'dead', 'replay', '--cause', cause, '--dry-run', '--json'))
    .verdicts, {PARKED: many + 5});
  verb(2, 'dead', 'replay', '--cause', cause);
  world.query('INSERT INTO ledger.currencies (code, exponent) VALUES (\'XAU\', 0), (\'XAG\', 0)');
  const dry = dead('replay', '--cause', cause, '--dry-run');
  assert.deepEqual([dry.count, dry.done, dry.wouldBeDone, dry.next], [many + 5, 0, many + 5, null]);
  assert.ok(dry.items.every(({done, wouldBeDone}) => !done && wouldBeDone));
  assert.equal(verdicts().size, 1);
  assert.match(verb(0, 'dead', 'replay', '--record', '11', '--dry-run'), new RegExp(`with --up-to ${dry.upTo} letters that come after`));
  assert.equal(dead('replay', '--cause', cause, '--dry-run', '--up-to', String(dry.items[9].seq)).count, 10);
  assert.match(verb(0, 'dead', 'replay', '--record', '15', '--after', '2', '--force', '--dry-run'), /do not reckon with what stands before them, up to letter 2\n/);
  const began = performance.now();
  const replayed = dead('replay', '--cause', cause, '--yes', '--up-to', String(dry.upTo), '--why', 'XAU and XAG inserted');
  console.log(`${replayed.done} letters replayed in ${Math.round(performance.now() - began)} ms`);
  assert.equal(replayed.done, many + 5);
  await traffic.drained(60);
  const rows = verdicts();
  for (const item of dry.items) {
    assert.equal(rows.get(item.recordId), foretold(item), `record ${item.recordId}`);
  }
  assert.deepEqual(annaSilver.map(([record]) => rows.get(record)), inOrder(dry.items.map(({recordId}) => recordId)));
  assert.equal(await traffic.messages(stream), many + 9);
  const [mark] = dead('list', '--record', '12').items;
  assert.deepEqual([mark.replays, mark.failedAgain, typeof mark.lastReplayAt], [1, null, 'string']);
  assert.equal(dead('list', '--replayed', 'no').items.length, 4);
  const marks = () => Object.fromEntries(dead('groups').items.map(({detail, replayed, failedAgain}) => [detail, [replayed, failedAgain]]));
  assert.deepEqual(Object.values(marks()).filter(([replayed]) => replayed > 0), [[many + 5, 0]]);
  // A replay that fails again is marked as such, on both letters.
  const [bad] = dead('list', '--record', '21').items;
  assert.match(verb(1, 'dead', 'replay', String(bad.seq)), /parked again, INVALID_FIELD: field "amount"/);
  verb(0, 'dead', 'replay', String(bad.seq), '--force');
  await until('it is parked again', 20, async () => await traffic.messages(stream) === many + 10);
  assert.deepEqual(Object.values(marks()).filter(([, failed]) => failed > 0), [[1, 1]]);
  assert.match(verb(0, 'dead', 'groups'), /replayed 1, failed again 1/);
  const again = dead('show', String(bad.seq));
  assert.equal(again.failedAgain, again.seq > 0 && dead('list', '--limit', '1').items[0].seq);
  assert.equal(dead('list', '--limit', '1').items[0].replayOf, bad.seq);
  // Mended.
  assert.match(verb(1, 'dead', 'replay', String(bad.seq), '--set', 'amount=0.5'), /INVALID_FIELD: field "amount"/);
  assert.match(verb(1, 'dead', 'replay', String(bad.seq), '--set', 'amount=5', '--set', 'recordId=1'), /RECORD_ID_CONFLICT/);
  // Two letters have this record by now; conditions that leave one of them name it as well.
  assert.match(verb(2, 'dead', 'replay', '--record', '21', '--set', 'amount=5'), /more than one matches/);
  assert.match(verb(2, 'dead', 'replay', '--all', '--set', 'amount=5'), /letters that are named/);
  assert.match(verb(1, 'dead', 'replay', '--record', '77', '--set', 'amount=5'), /no dead letter matches/);
  verb(0, 'dead', 'replay', '--record', '21', '--replayed', 'yes', '--set', 'amount=5', '--why', 'the sign was wrong');
  await until('the mended one is applied', 20, () => verdicts().get(21) === 'SUCCESS');
  verb(2, 'dead', 'discard', '--record', '21');
  assert.equal(dead('discard', '--record', '21', '--yes', '--why', 'mended').done, 2);
}

// The same over HTTP.
async function byCalls(traffic) {
  await http(403, 'GET', '/v1/dead-letters', undefined, tokens.app);
  await http(401, 'GET', '/v1/actions', undefined, 'x'.repeat(32));
  const {items} = await http(200, 'GET', '/v1/dead-letters?replayed=no');
  assert.equal(items.length, 3);
  const malformed = items.find(({reason}) => reason === 'MALFORMED_JSON');
  const tooLong = items.find(({detail}) => detail.includes('userId'));
  const conflict = items.find(({reason}) => reason === 'RECORD_ID_CONFLICT');
  assert.equal((await http(200, 'GET', `/v1/dead-letters/${malformed.seq}`)).payload, '{"recordId":22');
  const {items: groups} = await http(200, 'GET', '/v1/dead-letters/groups?since=10m');
  assert.equal(groups.reduce((sum, {count}) => sum + count, 0), many + 8);
  const repair = (expected, what, body) => http(expected, 'POST', `/v1/dead-letters/${what}`, body);
  assert.equal((await repair(400, 'replay', {seqs: [tooLong.seq], set: {userId: ''}})).code, 'INVALID_FIELD');
  assert.equal((await repair(409, 'replay', {seqs: [conflict.seq], set: {amount: '52'}})).code, 'RECORD_ID_CONFLICT');
  const twice = await repair(400, 'discard', `{"dryRun":true,"dryRun":false,"seqs":[${malformed.seq}]}`);
  assert.deepEqual([twice.code, twice.detail], ['INVALID_FIELD', 'field "dryRun": must not be given twice']);
  const order = {seqs: [malformed.seq], payload: request(22, 'cleo', '7')};
  const dry = await repair(200, 'replay', {...order, dryRun: true});
  assert.deepEqual(dry.items.map(foretold), ['SUCCESS']);
  const wouldGo = await repair(200, 'discard', {seqs: [malformed.seq], dryRun: true});
  assert.deepEqual([wouldGo.done, wouldGo.wouldBeDone, wouldGo.items[0].done], [0, 1, false]);
  assert.equal(verdicts().has(22), false);
  await repair(200, 'replay', {...order, why: 'cut by the producer'});
  await until('the given payload is applied', 20, () => verdicts().get(22) === 'SUCCESS');
  assert.equal((await repair(200, 'replay', {filter: {record: '12'}})).items[0].verdict, 'DUPLICATE');
  const gone = await repair(200, 'discard', {filter: {user: 'anna'}, why: 'seen'});
  assert.deepEqual([gone.done, gone.next], [6, null]);
  await repair(404, 'discard', {seqs: [conflict.seq]});
  let rest = 0;
  for (let after = 0; after !== null;) { // a call has its time
    const part = await repair(200, 'discard', {all: true, limit: 10000, after});
    rest += part.done;
    after = part.next;
  }
  assert.deepEqual([rest, await traffic.messages(stream)], [many + 2, 0]);
  assert.equal((await repair(200, 'replay', {all: true})).next, null);
  assert.deepEqual(dead('discard', '--all', '--yes', '--after', '0').next, null);
}

function missing() {
  const {code, output} = world.verb('dead', 'show', '999999', '--json');
  assert.equal(code, 1, output);
  const {code: why, detail} = JSON.parse(output.split('\n').find((line) => line.startsWith('{')));
  assert.deepEqual([why, detail], ['NOT_FOUND', 'there is no dead letter with the sequence number 999999']);
}

// Several letters are mended by one order; what was discarded and comes again says so.
async function mended(traffic) {
  await traffic.publish([deposit(61, 'dora', '-1'), deposit(62, 'dora', '-2'), {subject: 'transaction.deposit', payload: '{"userId":"dora"'}]);
  await until('they are parked', 20, () => dead('list').items.length === 3);
  const order = ['dead', 'replay', '--text', 'dora', '--set', 'amount=3'];
  verb(2, ...order);
  assert.match(verb(1, ...order, '--dry-run'), /2 of 3 letters would be replayed: 1 PARKED, 2 SUCCESS/);
  assert.equal(verdicts().has(61), false);
  assert.match(verb(1, ...order, '--yes', '--why', 'the sign was wrong'), /2 of 3 letters replayed/);
  await until('both are applied', 20, () => verdicts().get(61) === 'SUCCESS' && verdicts().get(62) === 'SUCCESS');
  const [letter] = dead('list', '--record', '62').items;
  assert.equal(dead('show', String(letter.seq)).discardedBefore, null);
  verb(0, 'dead', 'discard', '--all', '--yes', '--why', 'mended');
  await traffic.publish([deposit(62, 'dora', '-2')]);
  await until('it is parked once more', 20, () => dead('list').items.length === 1);
  const again = dead('show', String(dead('list').items[0].seq));
  assert.deepEqual([again.discardedBefore.letter, again.discardedBefore.why], [letter.seq, 'mended']);
  assert.match(verb(0, 'dead', 'show', String(again.seq)), new RegExp(`its earlier letter ${letter.seq} was discarded by \\S+ \\(mended\\)`));
  const {conclusion} = JSON.parse(verb(0, 'trace', '62', '--json'));
  assert.match(conclusion, /^decided: /);
}

async function written() {
  const {items} = dead('actions', '--limit', '10000');
  const page = await http(200, 'GET', '/v1/actions?limit=100');
  assert.deepEqual(page.items, items.slice(0, 100));
  assert.deepEqual((await http(200, 'GET', `/v1/actions?limit=100&before=${page.next}`)).items, items.slice(100, 200));
  const shown = items.map(({action, who, why}) => `${action} ${who} ${why ?? '-'}`);
  assert.ok(shown.includes('discard ops seen') && shown.includes('replay ops cut by the producer'), shown.slice(0, 5).join());
  const mended = items.find(({changed}) => changed?.amount === '5');
  assert.deepEqual([mended.action, mended.recordId, mended.expected.verdict, mended.why],
    ['replay', 21, 'SUCCESS', 'the sign was wrong']);
  assert.match(mended.who, /.@./);
  // 3,005 and the forced one, the mended and the given one, one duplicate; every letter discarded.
  const count = (what) => items.filter(({action}) => action === what).length;
  assert.deepEqual([count('replay'), count('discard')], [many + 5 + 4, many + 10]);
}

await conclude(async () => {
  daemon = await world.daemon('dead', '--roles', 'ledger', '--http-token-file', tokenFile);
  await daemon.ready();
  const traffic = await Traffic.open(world.natsUrl);
  await poison(traffic);
  await byVerbs(traffic);
  missing();
  await byCalls(traffic);
  await traffic.drained(60);
  await written();
  await mended(traffic);
  verb(0, 'audit');
  await traffic.close();
  await daemon.stop();
  return [];
}, console.log);
