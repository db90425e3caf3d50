// What a run publishes: valid requests, second copies of some of them, and poison of every kind with the reason
// that is expected for it.
//
// A message is {subject, payload (bytes), request (null when it cannot be decoded), reason, field, label}; `reason` is
// null for a valid request. Whether a request that contradicts another one with its record id is the one that is
// parked depends on which is applied first, so that is for the checker to say.

import {notate} from './notation.mjs';

export const currencies = {KRW: 0, EUR: 2, BHD: 3};

const subjects = {DEPOSIT: 'transaction.deposit', WITHDRAWAL: 'transaction.withdrawal'};

const amountMax = 2n ** 63n - 1n;

const oddUsers = [
  'ünïcödé', '사용자-1', '😀 smile', 'quote"d', 'back\\slash', '{curly}', 'com,ma', "o'brien", ' spaces ', 'NULL',
  '-', 'x'.repeat(128), '$1', '%s', '\u00a0nbsp', 'a/b', '<b>',
];

function makeRequest(random, id, users) {
  const currency = random.pick(Object.keys(currencies));
  const digits = currencies[currency];
  const type = random.chance(55) ? 'DEPOSIT' : 'WITHDRAWAL';
  const minor = BigInt(random.pick([random.between(1, 99), random.between(100, 1000000), 10 ** random.between(0, 8)]));
  return {id, user: random.pick(users), currency, digits, type, minor};
}

const bytes = (text) => Buffer.from(text, 'utf8');

const valid = (random, request) => ({
  subject: subjects[request.type],
  payload: bytes(notate(random, request)),
  request,
  reason: null,
  field: '',
  label: 'valid',
});

// A valid document with some fields replaced by other text, or left out (undefined).
function document(request, replaced = {}) {
  const fields = {
    recordId: request.id.toString(),
    userId: '"u"',
    amount: '1',
    currency: `"${request.currency}"`,
    type: `"${request.type}"`,
    ...replaced,
  };
  return `{${Object.entries(fields).filter(([, v]) => v !== undefined).map(([k, v]) => `"${k}":${v}`).join(',')}}`;
}

const malformed = (label, make) => ({label, reason: 'MALFORMED_JSON', field: '', make});
const invalid = (field, label, replaced) =>
  ({label, reason: 'INVALID_FIELD', field, make: (request) => document(request, replaced)});

export const poisonKinds = [
  malformed('no JSON', () => 'hello'),
  malformed('empty', () => ''),
  malformed('blank', () => ' \n'),
  malformed('cut short', (request) => document(request).slice(0, -7)),
  malformed('trailing text', (request) => `${document(request)} x`),
  malformed('two documents', (request) => document(request).repeat(2)),
  malformed('bare NaN', (request) => document(request, {amount: 'NaN'})),
  malformed('no digit before the point', (request) => document(request, {amount: '.5'})),
  malformed('no digit after the point', (request) => document(request, {amount: '5.'})),
  malformed('leading zero', (request) => document(request, {amount: '0100'})),
  malformed('plus sign', (request) => document(request, {amount: '+1'})),
  malformed('byte-order mark', (request) => `\ufeff${document(request)}`),
  malformed('lone surrogate', (request) => document(request, {userId: '"\\ud800"'})),
  malformed('not UTF-8', (request) =>
    Buffer.concat([bytes('{"x":"'), Buffer.from([0xc3, 0x28]), bytes(`",${document(request).slice(1)}`)])),
  malformed('raw control character', (request) => document(request, {userId: '"a\u0001b"'})),
  malformed('comment', (request) => `/* */${document(request)}`),
  malformed('single quotes', (request) => document(request).replaceAll('"', "'")),
  malformed('an array', (request) => `[${document(request)}]`),
  malformed('a string', () => '"transaction"'),
  malformed('nested too deeply', (request) => document(request, {x: '['.repeat(100) + ']'.repeat(100)})),
  {
    label: 'too large', reason: 'TOO_LARGE', field: '',
    make: (request) => document(request, {note: `"${'n'.repeat(64 * 1024)}"`}),
  },
  {label: 'as large as the broker takes', reason: 'TOO_LARGE', field: '', make: () => '#'.repeat(1024 * 1024)},
  invalid('recordId', 'no record id', {recordId: undefined}),
  invalid('recordId', 'record id zero', {recordId: '0'}),
  invalid('recordId', 'record id negative', {recordId: '-5'}),
  invalid('recordId', 'record id too large', {recordId: '9223372036854775808'}),
  invalid('recordId', 'record id with a fraction', {recordId: '1.5'}),
  invalid('recordId', 'record id no number', {recordId: '"abc"'}),
  invalid('userId', 'no user', {userId: undefined}),
  invalid('userId', 'empty user', {userId: '""'}),
  invalid('userId', 'user too long', {userId: `"${'u'.repeat(129)}"`}),
  invalid('userId', 'user with a control character', {userId: '"a\\u0007"'}),
  invalid('userId', 'user with a NUL', {userId: '"a\\u0000"'}),
  invalid('userId', 'user no string', {userId: '17'}),
  invalid('amount', 'no amount', {amount: undefined}),
  invalid('amount', 'amount zero', {amount: '0'}),
  invalid('amount', 'amount zero in disguise', {amount: '0.000e9'}),
  invalid('amount', 'amount negative', {amount: '-1'}),
  invalid('amount', 'amount no number', {amount: 'true'}),
  invalid('amount', 'amount with a space', {amount: '"1 "'}),
  invalid('amount', 'amount hexadecimal', {amount: '"0x10"'}),
  invalid('amount', 'too many digits', {amount: '1.0001', currency: '"BHD"'}),
  invalid('amount', 'hidden digits', {amount: '10000000000000000.5', currency: '"KRW"'}),
  invalid('amount', 'amount too large', {amount: '9223372036854775808', currency: '"KRW"'}),
  invalid('amount', 'amount with a huge exponent', {amount: '1e999999999'}),
  invalid('currency', 'unknown currency', {currency: '"QQQ"'}),
  invalid('currency', 'currency in small letters', {currency: '"eur"'}),
  invalid('type', 'unknown type', {type: '"TRANSFER"'}),
  {
    label: 'type against subject', reason: 'INVALID_FIELD', field: 'type',
    make: (request) => document(request, {type: request.type === 'DEPOSIT' ? '"WITHDRAWAL"' : '"DEPOSIT"'}),
  },
  {
    label: 'amount given twice', reason: 'INVALID_FIELD', field: 'amount',
    make: (request) => `${document(request).slice(0, -1)},"amount":2}`,
  },
];

function poison(request, kind) {
  const payload = kind.make(request);
  return {
    subject: subjects[request.type],
    payload: typeof payload === 'string' ? bytes(payload) : payload,
    request: null,
    reason: kind.reason,
    field: kind.field,
    label: kind.label,
  };
}

// Another request under the same record id.
function contradicting(random, request) {
  const changed = random.pick([
    {minor: request.minor + 1n},
    {user: `${request.user.slice(0, 100)}?`},
    {type: request.type === 'DEPOSIT' ? 'WITHDRAWAL' : 'DEPOSIT'},
    request.currency === 'KRW' ? {currency: 'BHD', digits: 3} : {currency: 'KRW', digits: 0},
  ]);
  return {...request, ...changed};
}

// `count` requests: valid but for about one in forty, 15 % of the valid ones published twice. In publishing order. Their ids
// are greater than `after`, by `idsEach` for each of them at most.
export const idsEach = 3;
export function makeMessages(random, count, after = 1n) {
  const users = [...oddUsers];
  for (let i = 0; i < 300; ++i) {
    users.push(`user-${i}`);
  }
  let id = after;
  const nextId = () => (id += BigInt(random.between(1, idsEach)));
  const placed = [];
  const place = (position, message) => placed.push({position, message});
  const poisons = Math.max(poisonKinds.length, Math.floor(count / 40));
  for (let i = 0; i < poisons; ++i) {
    place(random.below(count), poison(makeRequest(random, nextId(), users), poisonKinds[i % poisonKinds.length]));
  }
  for (let position = 0; position < count - poisons; ++position) {
    const request = makeRequest(random, nextId(), users);
    place(position, valid(random, request));
    if (random.chance(15)) {
      place(position + random.between(0, 2000), valid(random, request));
    } else if (random.below(400) === 0) {
      place(position + random.between(0, 500), {...valid(random, contradicting(random, request)), label: 'conflict'});
    }
  }
  // Two amounts that do not fit one balance together, and the ends of the range of record ids.
  const whale = {user: 'whale', currency: 'EUR', digits: 2, type: 'DEPOSIT', minor: amountMax};
  for (const edge of after === 1n ? [1n, 2n ** 53n + 1n, amountMax] : []) {
    place(random.below(count), valid(random, {...whale, id: edge}));
  }
  return placed.sort((a, b) => a.position - b.position).map((entry) => entry.message);
}
