// The checker must be able to fail: each kind of corruption is planted once and must be found.

import assert from 'node:assert/strict';
import test from 'node:test';

import {check, repeatedLetters} from './check.mjs';
import {decimal} from './notation.mjs';
import {Random} from './random.mjs';
import {currencies, makeMessages} from './requests.mjs';

const incarnation = '1795706657209228881';
const balanceMax = 2n ** 63n - 1n;

function resultOf(row) {
  const digits = currencies[row.currency];
  const reason = row.reason ? `"reason":"${row.reason}",` : '';
  return {
    subject: `transaction.result.${row.type.toLowerCase()}`,
    messageId: `result-${row.recordId}`,
    payload: `{"recordId":${row.recordId},"transactionId":${row.id},"userId":${JSON.stringify(row.user)},`
      + `"type":"${row.type}","status":"${row.status}","amount":"${decimal(row.amount, digits)}",`
      + `"currency":"${row.currency}","balanceAfter":"${decimal(row.balanceAfter, digits)}",${reason}`
      + `"processedAt":"${row.createdAt}"}`,
  };
}

const letterWindow = 120000; // milliseconds
const parkedAt = 1795706700000;

function deadLetterOf(message, reason) {
  return {
    at: parkedAt,
    subject: message.subject.replace('transaction.', 'transaction.dead.'),
    payload: message.payload,
    headers: {
      'Ledgerd-Reason': reason,
      'Ledgerd-Detail': `${message.field} breaks a rule`,
      'Ledgerd-Stream': 'TRANSACTIONS',
      'Ledgerd-Subject': message.subject,
      'Ledgerd-Sequence': String(message.seq),
      'Ledgerd-Deliveries': '1',
      'Ledgerd-Node': 'left',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'Nats-Msg-Id': `dead-TRANSACTIONS-${incarnation}-${message.seq}`,
    },
  };
}

// What a faultless ledger makes of the messages, one after the other.
function flawless() {
  const facts = {messages: makeMessages(new Random(11), 3000), rows: [], accounts: [], results: [], dead: [], incarnation, letterWindow};
  const heads = new Map();
  const rowOf = new Map();
  facts.messages.forEach((message, index) => {
    message.seq = index + 1;
    const {request} = message;
    const known = request && rowOf.get(request.id);
    if (!request) {
      facts.dead.push(deadLetterOf(message, message.reason));
    } else if (known) {
      if (message.label === 'conflict') {
        facts.dead.push(deadLetterOf(message, 'RECORD_ID_CONFLICT'));
      } else {
        facts.results.push(resultOf(known));
      }
    } else {
      const name = `${request.user}/${request.currency}`;
      const head = heads.get(name) ?? {user: request.user, currency: request.currency, balance: 0n, seq: 0n};
      heads.set(name, head);
      const after = head.balance + (request.type === 'DEPOSIT' ? request.minor : -request.minor);
      const reason = after < 0n ? 'INSUFFICIENT_FUNDS' : after > balanceMax ? 'BALANCE_OVERFLOW' : '';
      head.seq += 1n;
      head.balance = reason ? head.balance : after;
      const row = {
        id: BigInt(facts.rows.length + 1), recordId: request.id, user: request.user, currency: request.currency,
        seq: head.seq, type: request.type, amount: request.minor, status: reason ? 'FAILED' : 'SUCCESS', reason,
        balanceAfter: head.balance, createdAt: '2026-11-24T07:00:00.120000Z',
      };
      facts.rows.push(row);
      rowOf.set(request.id, row);
      facts.results.push(resultOf(row));
    }
  });
  facts.accounts = [...heads.values()];
  return facts;
}

test('a flawless ledger passes', () => {
  const facts = flawless();
  assert.deepEqual(check(facts), []);
  assert.ok(facts.rows.some((row) => row.reason === 'INSUFFICIENT_FUNDS'));
  assert.ok(facts.rows.some((row) => row.reason === 'BALANCE_OVERFLOW'));
  assert.ok(facts.dead.some((letter) => letter.headers['Ledgerd-Reason'] === 'RECORD_ID_CONFLICT'));
});

// As when the stream is made anew in the middle: sequences begin again, and so do the letters' names.
function twoLives() {
  const facts = flawless();
  const middle = facts.messages[1499].seq;
  const later = '1795706999000000000';
  facts.incarnation = later;
  facts.dead.forEach((letter) => {
    const seq = Number(letter.headers['Ledgerd-Sequence']);
    if (seq > middle) {
      letter.headers['Ledgerd-Sequence'] = String(seq - middle);
      letter.headers['Nats-Msg-Id'] = `dead-TRANSACTIONS-${later}-${seq - middle}`;
    }
  });
  facts.messages.forEach((message) => {
    Object.assign(message, message.seq > middle ? {seq: message.seq - middle} : {incarnation});
  });
  return facts;
}

test('a stream that was made anew passes', () => {
  assert.deepEqual(check(twoLives()), []);
});

test('finds a dead letter that is named after another life of the stream', () => {
  const facts = twoLives();
  const letter = facts.dead.at(-1);
  letter.headers['Nats-Msg-Id'] = letter.headers['Nats-Msg-Id'].replace(facts.incarnation, incarnation);
  assert.notDeepEqual(check(facts), []);
});

// A letter is there once more, as when the broker has lost what it knew of a consumer: later than the window, by another node.
function repeat(facts, {letter = facts.dead[2], after = letterWindow + 1, headers = {}, payload = letter.payload, deliveries = 2} = {}) {
  const again = {...letter, at: letter.at + after, payload, headers: {...letter.headers, 'Ledgerd-Deliveries': '3', 'Ledgerd-Node': 'right', ...headers}};
  facts.dead.push(again);
  facts.deliveries ??= new Map();
  facts.deliveries.set(Number(letter.headers['Ledgerd-Sequence']), deliveries);
  return again;
}

test('a dead letter repeated with its delivery after the window passes, and is counted', () => {
  const facts = flawless();
  assert.equal(repeatedLetters(facts), 0);
  const again = repeat(facts);
  repeat(facts, {letter: facts.dead[5]});
  repeat(facts, {letter: again, deliveries: 3});
  assert.deepEqual(check(facts), []);
  assert.equal(repeatedLetters(facts), 3);
});

// A letter whose payload had to be cut, here after so many bytes.
function cut(facts, bytes) {
  const letter = facts.dead.find(({payload}) => payload.length > bytes);
  letter.headers['Ledgerd-Truncated'] = String(letter.payload.length);
  letter.payload = letter.payload.subarray(0, bytes);
  return letter;
}

// Rows and results in step, so that only the deeper check can notice.
function change(facts, row, changes) {
  Object.assign(row, changes);
  facts.results = facts.results.map((old) => (old.messageId === `result-${row.recordId}` ? resultOf(row) : old));
}

const applied = (facts) => facts.rows.find((row) => row.status === 'SUCCESS' && row.type === 'DEPOSIT');
const headOf = (facts, row) => facts.accounts.find((a) => a.user === row.user && a.currency === row.currency);

const corruptions = {
  'a dropped row': (facts) => facts.rows.splice(5, 1),
  'a doubled row': (facts) => facts.rows.push({...facts.rows[5]}),
  'a row nobody asked for': (facts) => facts.rows.push({...facts.rows[5], recordId: 2n ** 62n}),
  'a message applied twice': (facts) => {
    const row = applied(facts);
    const head = headOf(facts, row);
    head.seq += 1n;
    head.balance += row.amount;
    facts.rows.push({...row, id: 2n ** 40n, seq: head.seq, balanceAfter: head.balance});
  },
  'one unit more on an account': (facts) => { facts.accounts[3].balance += 1n; },
  'one unit more in a row': (facts) => change(facts, facts.rows[7], {balanceAfter: facts.rows[7].balanceAfter + 1n}),
  'another amount than was asked for': (facts) => change(facts, facts.rows[9], {amount: facts.rows[9].amount + 1n}),
  'a gap in a chain': (facts) => {
    const row = facts.rows.at(-1);
    headOf(facts, row).seq += 1n;
    row.seq += 1n;
  },
  'swapped places in a chain': (facts) => {
    const row = applied(facts);
    const other = facts.rows.find((r) => r.user === row.user && r.currency === row.currency && r.seq === row.seq + 1n);
    [row.seq, other.seq] = [other.seq, row.seq];
  },
  'an undue refusal': (facts) =>
    change(facts, facts.rows.at(-1), {status: 'FAILED', reason: 'INSUFFICIENT_FUNDS'}),
  'an account without a row': (facts) => facts.accounts.push({user: 'nobody', currency: 'KRW', balance: 0n, seq: 0n}),
  'a missing result': (facts) => facts.results.splice(4, 1),
  'a result without a row': (facts) => facts.results.push({...facts.results[4], messageId: 'result-999999999'}),
  'a copy that differs in a space': (facts) =>
    facts.results.push({...facts.results[4], payload: facts.results[4].payload.replace(',', ', ')}),
  'a result with another balance': (facts) => {
    facts.results[4].payload = facts.results[4].payload.replace(/"balanceAfter":"/, '"balanceAfter":"1');
  },
  'a result with its fields in another order': (facts) => {
    facts.results[4].payload = facts.results[4].payload.replace(/("recordId":\d+),("transactionId":\d+)/, '$2,$1');
  },
  'a result on the wrong subject': (facts) => { facts.results[4].subject = 'transaction.result.other'; },
  'a missing dead letter': (facts) => facts.dead.splice(2, 1),
  'a doubled dead letter': (facts) => facts.dead.push(facts.dead[2]),
  'a dead letter repeated within the window': (facts) => repeat(facts, {after: letterWindow}),
  'a dead letter repeated within the window after a repetition': (facts) => repeat(facts, {letter: repeat(facts), after: 1000, deliveries: 3}),
  'a dead letter repeated before it was there': (facts) => repeat(facts, {after: -1000}),
  'a dead letter repeated without a delivery': (facts) => repeat(facts, {deliveries: 1}),
  'a dead letter repeated more often than its message came': (facts) => repeat(facts, {letter: repeat(facts), deliveries: 2}),
  'a dead letter repeated when nobody has counted deliveries': (facts) => { repeat(facts); delete facts.deliveries; },
  'a dead letter repeated with another detail': (facts) =>
    repeat(facts, {headers: {'Ledgerd-Detail': `${facts.dead[2].headers['Ledgerd-Detail']}!`}}),
  'a dead letter repeated with another header of its request': (facts) => repeat(facts, {headers: {traceparent: '00'}}),
  'a dead letter repeated with one header more': (facts) => repeat(facts, {headers: {more: '1'}}),
  'a dead letter repeated with another payload': (facts) => repeat(facts, {payload: Buffer.from('?')}),
  'a dead letter repeated and cut elsewhere': (facts) => {
    const letter = cut(facts, 20);
    repeat(facts, {letter, payload: letter.payload.subarray(0, 10)});
  },
  'a valid message that is parked twice': (facts) => {
    const letter = deadLetterOf(facts.messages.find((m) => m.request), 'INVALID_FIELD');
    facts.dead.push(letter);
    repeat(facts, {letter});
  },
  'a dead letter with another reason': (facts) => { facts.dead[2].headers['Ledgerd-Reason'] = 'TOO_LARGE_'; },
  'a dead letter without the field': (facts) =>
    facts.dead.forEach((letter) => { letter.headers['Ledgerd-Detail'] = 'a rule is broken'; }),
  'a dead letter with another payload': (facts) => { facts.dead[2].payload = Buffer.from('?'); },
  'a valid message that is parked': (facts) =>
    facts.dead.push(deadLetterOf(facts.messages.find((m) => m.request), 'INVALID_FIELD')),
};

for (const [name, corrupt] of Object.entries(corruptions)) {
  test(`finds ${name}`, () => {
    const facts = flawless();
    corrupt(facts);
    assert.notDeepEqual(check(facts), []);
  });
}
