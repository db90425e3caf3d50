// Calls the whole API of a real daemon, over HTTP with tokens and over NATS, and holds every answer against
// docs/openapi.json: node api.mjs BINARY [SEED]

import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

import Ajv from 'ajv/dist/2020.js';
import {connect, headers as natsHeaders} from 'nats';

import {Random} from './random.mjs';
import {until, World} from './world.mjs';

const description = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8'));
const ajv = new Ajv({strict: false, validateFormats: false});
ajv.addSchema(description, 'openapi');
const pointer = (text) => text.replaceAll('~', '~0').replaceAll('/', '~1');

// The schema of an answer, or undefined when it has no JSON body.
function answerSchema(method, path, status) {
  let place = `/paths/${pointer(path)}/${method.toLowerCase()}/responses/${status}`;
  let answer = description.paths[path]?.[method.toLowerCase()]?.responses[status];
  assert.ok(answer, `${method} ${path} is not described as answering ${status}`);
  if (answer.$ref) {
    place = answer.$ref.slice(1);
    answer = description.components.responses[place.split('/').at(-1)];
  }
  const type = Object.keys(answer.content ?? {}).find((name) => name.includes('json'));
  return type && `openapi#${place}/content/${pointer(type)}/schema`.replaceAll('{', '%7B').replaceAll('}', '%7D');
}

function checkBody(what, schema, body) {
  const validate = ajv.getSchema(schema);
  assert.ok(validate, `no schema ${schema}`);
  assert.ok(validate(body), `${what}: ${JSON.stringify(body)}: ${ajv.errorsText(validate.errors)}`);
}

const [binary, seed = String(1 + Math.floor(Math.random() * 0x7fffffff))] = process.argv.slice(2);
console.log(`seed ${seed}`);
const world = new World(binary);
const token = Object.fromEntries(['reader', 'submitter', 'operator', 'slow'].map((name) => [name, `${name}-`.repeat(8)]));
const tokenFile = join(world.directory, 'tokens');
writeFileSync(tokenFile, `reader read ${token.reader}
submitter submit,read ${token.submitter}
operator operate ${token.operator}
slow read ${token.slow} 2
`, {mode: 0o600});
const daemon = await world.daemon('api', '--roles', 'ledger,account', '--http-token-file', tokenFile);
await daemon.ready();
const seen = new Map(); // code or status, how often

// One call, checked against the description. `path` has its parameters already; `template` is what is described.
async function call(method, template, expected, {path = template, as, body, headers = {}} = {}) {
  const answer = await fetch(daemon.url + path, {
    method, body, headers: {...(as && {Authorization: `Bearer ${token[as] ?? as}`}), ...headers},
  });
  const text = await answer.text();
  const what = `${method} ${path} as ${as ?? 'nobody'}`;
  assert.equal(answer.status, expected, `${what}: ${answer.status} ${text}`);
  const schema = answerSchema(method, template, expected);
  const json = answer.headers.get('content-type').includes('json') ? JSON.parse(text) : undefined;
  if (schema) {
    checkBody(what, schema, json);
  }
  assert.equal(answer.headers.get('content-type') === 'application/problem+json', expected >= 400, what);
  seen.set(json?.code ?? expected, (seen.get(json?.code ?? expected) ?? 0) + 1);
  return {json, text, headers: answer.headers};
}

const transactions = '/v1/transactions';
const submit = (expected, content, {key, as = 'submitter', ...headers} = {}) => call('POST', transactions, expected, {
  as,
  body: typeof content === 'string' ? content : JSON.stringify(content),
  headers: {'Content-Type': 'application/json', ...(key && {'Idempotency-Key': key}), ...headers},
});
const order = (amount, type = 'DEPOSIT') => ({userId: 'anna/ä', type, amount, currency: 'EUR'});

async function submissions() {
  const first = await submit(200, order('12.50'), {key: 'a', Prefer: 'wait=10'});
  assert.equal(first.json.status, 'SUCCESS');
  assert.equal(first.json.balanceAfter, '12.50');
  assert.match(first.headers.get('preference-applied'), /^wait/);
  assert.equal(first.headers.get('location'), `${transactions}/${first.json.recordId}`);
  const again = await submit(200, order('1250e-2'), {key: 'a'});
  assert.deepEqual(again.json, first.json);
  await submit(409, order('12.51'), {key: 'a'});
  const refused = await submit(200, order('99', 'WITHDRAWAL'), {Prefer: 'wait=10'});
  assert.equal(refused.json.reason, 'INSUFFICIENT_FUNDS');
  const last = await submit(202, order(1));
  // Or the account and its history, which are read one after the other, would differ by it.
  await until('it is decided', 20, async () => (await call('GET', `${transactions}/{recordId}`, 200,
    {as: 'reader', path: `${transactions}/${last.json.recordId}`})).json.status !== 'PENDING');
  for (const bad of ['', '[]', '{"userId":', '{"a":1}x', '\uFEFF{}', '{"userId":"a","type":"DEPOSIT","amount":NaN}']) {
    assert.equal((await submit(400, bad)).json.code, 'MALFORMED_JSON');
  }
  for (const change of [{amount: 0}, {amount: '1.001'}, {type: 'GIFT'}, {userId: ''}, {currency: 'ABC'}, {recordId: 1}]) {
    assert.equal((await submit(400, {...order(1), ...change})).json.code, 'INVALID_FIELD');
  }
  await submit(400, order(1), {key: 'x'.repeat(256)});
  await submit(413, ' '.repeat(65537));
  await submit(415, order(1), {'Content-Type': 'text/plain'});
  return first.json;
}

async function access() {
  await submit(401, order(1), {as: ''});
  await submit(401, order(1), {as: 'no-such-token'});
  await submit(403, order(1), {as: 'reader'});
  await call('GET', '/metrics', 403, {as: 'reader'});
  await call('GET', '/metrics', 200, {as: 'operator'});
  await call('GET', '/v1/actors', 200, {as: 'operator'});
  await call('GET', '/livez', 200);
  await call('GET', '/readyz', 200);
  const slow = await Promise.all(Array.from({length: 20}, () => fetch(`${daemon.url}${transactions}/1`, {
    headers: {Authorization: `Bearer ${token.slow}`},
  })));
  const limited = slow.filter((answer) => answer.status === 429);
  assert.ok(limited.length >= 3, 'a token of 2 calls a second has a limit');
  assert.ok(Number(limited[0].headers.get('retry-after')) >= 1);
  seen.set('RATE_LIMITED', limited.length);
}

async function queries(record) {
  const one = `${transactions}/{recordId}`;
  assert.deepEqual((await call('GET', one, 200, {as: 'reader', path: `${transactions}/${record.recordId}`})).json, record);
  await call('GET', one, 404, {as: 'reader', path: `${transactions}/77`});
  await call('GET', one, 400, {as: 'reader', path: `${transactions}/1e3`});
  const user = `/v1/accounts/${encodeURIComponent('anna/ä')}`;
  const account = (await call('GET', '/v1/accounts/{userId}', 200, {as: 'reader', path: user})).json;
  assert.equal(account.userId, 'anna/ä');
  await call('GET', '/v1/accounts/{userId}', 404, {as: 'reader', path: '/v1/accounts/nobody'});
  const history = '/v1/accounts/{userId}/transactions';
  const items = [];
  for (let before = ''; before !== null;) {
    const path = `${user}/transactions?currency=EUR&limit=2${before && `&before=${before}`}`;
    const page = (await call('GET', history, 200, {as: 'reader', path})).json;
    items.push(...page.items);
    before = page.next;
  }
  assert.equal(items.length, account.accounts[0].seq);
  assert.equal(items[0].balanceAfter, account.accounts[0].balance);
  assert.equal(items.at(-1).recordId, record.recordId);
  const all = [];
  for (let before = ''; before !== null;) {
    const page = (await call('GET', history, 200, {as: 'reader', path: `${user}/transactions?limit=2${before && `&before=${before}`}`})).json;
    all.push(...page.items);
    before = page.next;
  }
  assert.deepEqual(all, items, 'all currencies of a user who has one');
  await call('GET', history, 400, {as: 'reader', path: `${user}/transactions?limit=0`});
  const served = (await call('GET', '/openapi.json', 200, {as: 'reader'})).json;
  assert.deepEqual(served, description);
}

// The same over NATS.
async function overNats(record) {
  const nats = await connect({servers: world.natsUrl});
  const ask = async (subject, question, extra = {}) => {
    const headers = natsHeaders();
    Object.entries(extra).forEach(([name, value]) => headers.set(name, value));
    const answer = await nats.request(`ledgerd.api.${subject}`, JSON.stringify(question), {timeout: 15000, headers});
    const error = answer.headers?.get('Nats-Service-Error-Code') ?? '';
    assert.equal(answer.headers?.get('Nats-Service-Error') || undefined, error ? answer.json().code : undefined);
    return {json: answer.json(), error};
  };
  const problem = 'openapi#/components/schemas/Problem';
  assert.deepEqual(await ask('record', {recordId: record.recordId}), {json: record, error: ''});
  assert.deepEqual((await ask('submit', order('12.50'), {'Idempotency-Key': 'a'})).json, record);
  const waited = await ask('submit', order('1'), {'Idempotency-Key': 'n', Prefer: 'wait=10'});
  assert.equal(waited.json.status, 'SUCCESS');
  checkBody('submit over NATS', 'openapi#/components/schemas/Record', waited.json);
  for (const [subject, question, extra, error] of [
    ['submit', order('1.001'), {}, '400'],
    ['submit', order('12.51'), {'Idempotency-Key': 'a'}, '409'],
    ['record', {recordId: 77}, {}, '404'],
    ['record', {recordId: 'x'}, {}, '400'],
    ['account', {userId: 'nobody'}, {}, '404'],
  ]) {
    const answer = await ask(subject, question, extra);
    assert.equal(answer.error, error, `${subject} ${JSON.stringify(question)}: ${JSON.stringify(answer)}`);
    checkBody(`${subject} over NATS`, problem, answer.json);
  }
  const account = await ask('account', {userId: 'anna/ä'});
  checkBody('account over NATS', 'openapi#/components/schemas/Account', account.json);
  await nats.close();
}

// Bodies broken at random: each is refused for what it is, or is a record; there is no third way.
async function hostile() {
  const countRecords = () => Number(world.query('SELECT count(*) FROM account.transaction_records')[0][0]);
  const before = countRecords();
  const sound = JSON.stringify(order('12.50'));
  const pieces = ['"', '{', '}', '[', ',', ':', '0', '-', 'e9', '.', '\\u0000', '\\ud800', '\x07', 'null', '1e400', 'ä', ' '];
  const random = new Random(seed);
  let recorded = 0;
  for (let i = 0; i < 400; ++i) {
    let body = sound;
    for (let times = random.between(1, 3); times > 0; --times) {
      const at = random.below(body.length);
      body = body.slice(0, at) + random.pick(pieces) + body.slice(at + random.below(4));
    }
    const answer = await fetch(daemon.url + transactions, {
      method: 'POST', body, headers: {'Content-Type': 'application/json', Authorization: `Bearer ${token.submitter}`},
    });
    const text = await answer.text();
    assert.ok(answer.status === 202 || answer.status === 400, `${body}: ${answer.status} ${text}`);
    recorded += answer.status === 202 ? 1 : 0;
  }
  assert.equal(countRecords(), before + recorded);
  seen.set('hostile bodies', 400).set('of them sound', recorded);
}

// Last, for it cannot be undone: without its consumer the account side gets no results, so the node is not ready.
async function unready() {
  const nats = await connect({servers: world.natsUrl});
  const manager = await nats.jetstreamManager();
  // It makes it again within a second or two, so both are asked of one answer; a stall of the machine may miss that.
  let deletedAt = -Infinity;
  await until('the node says what is missing', 30, async () => {
    if (performance.now() - deletedAt > 5000) {
      await manager.consumers.delete('TRANSACTION_RESULTS', 'account-result-consumer').catch(() => {});
      deletedAt = performance.now();
    }
    return call('GET', '/readyz', 503, {path: '/readyz?verbose', as: 'operator'})
      .then(({text}) => text.includes('consumer account-result-consumer is missing'), () => false);
  });
  await nats.close();
}

const record = await submissions();
await access();
await queries(record);
await overNats(record);
await hostile();
const strangers = join(world.directory, 'strangers');
writeFileSync(strangers, `stranger operate ${'stranger-'.repeat(8)}\n`, {mode: 0o600});
const listen = ['--http-listen', new URL(daemon.url).host];
assert.match(world.verb('status', ...listen).output, /the daemon at http-listen cannot be asked: .*wants a token: give http-token-file/);
for (const words of [['status'], ['metrics', '--local']]) {
  assert.match(world.verb(...words, ...listen, '--http-token-file', strangers).output, /refuses the token of .*strangers/);
}
const audit = world.verb('audit', '--live');
assert.equal(audit.code, 0, audit.output);
await unready();
await daemon.stop();
console.log(`answers seen: ${[...seen].map(([code, count]) => `${code} ${count}`).join(', ')}`);
process.exit(0);
