// The independent checker: compares what was published with what the database and the streams hold.
//
// It shares no code and no language with the daemon. `check(facts)` returns one sentence for each fault it finds.
// The facts are plain data, so that the checker itself can be tested on planted faults:
//   messages  as of requests.mjs, each with `seq`, its place in the request stream, and with `incarnation` when that was
//             another life of the stream than the present one
//   rows      {id, recordId, user, currency, seq, type, amount, status, reason, balanceAfter, createdAt}
//   accounts  {user, currency, balance, seq}
//   results   {subject, messageId, payload (text)}
//   dead      {subject, payload (bytes), headers (object), at (when the stream took it, in milliseconds since 1970)}
//   letterWindow  for how many milliseconds the stream of dead letters knows a letter again
//   deliveries  how often the broker has handed out the message of a place in the stream, as somebody beside the daemon
//             has counted: a Map; nothing when nobody has, and then no letter may be there twice
//   incarnation  the nanosecond in which the request stream was made, as text
// Whole numbers are BigInt. `createdAt` is RFC 3339 in UTC with six digits of seconds.

import {decimal} from './notation.mjs';
import {currencies} from './requests.mjs';

const balanceMax = 2n ** 63n - 1n;

const accountName = (row) => `${row.user}/${row.currency}`;

const sameContent = (request, row) =>
  request.user === row.user && request.currency === row.currency && request.type === row.type
  && request.minor === row.amount;

function groupBy(items, key) {
  const groups = new Map();
  for (const item of items) {
    const name = key(item);
    if (!groups.has(name)) {
      groups.set(name, []);
    }
    groups.get(name).push(item);
  }
  return groups;
}

// Every published id has exactly one row, with a content that was published; there are no other rows.
function checkRows({messages, rows}, faults) {
  const published = groupBy(messages.filter((m) => m.request), (m) => m.request.id);
  const byRecord = groupBy(rows, (row) => row.recordId);
  for (const [id, copies] of published) {
    const found = byRecord.get(id) ?? [];
    if (found.length !== 1) {
      faults.push(`record ${id} has ${found.length} rows`);
    } else if (!copies.some((m) => sameContent(m.request, found[0]))) {
      faults.push(`record ${id} has a row with a content that nobody asked for`);
    }
  }
  for (const id of byRecord.keys()) {
    if (!published.has(id)) {
      faults.push(`record ${id} has a row but was never asked for`);
    }
  }
}

function expectedVerdict(balance, row) {
  if (row.type === 'WITHDRAWAL') {
    const short = row.amount > balance;
    return short ? {reason: 'INSUFFICIENT_FUNDS', balance} : {reason: '', balance: balance - row.amount};
  }
  const sum = balance + row.amount;
  return sum > balanceMax ? {reason: 'BALANCE_OVERFLOW', balance} : {reason: '', balance: sum};
}

// The rows of an account are numbered from 1 without a gap, and each follows from the one before by the rules.
function checkChains({rows, accounts}, faults) {
  const heads = new Map(accounts.map((account) => [accountName(account), account]));
  const chains = groupBy(rows, accountName);
  for (const [name, chain] of chains) {
    chain.sort((a, b) => (a.seq < b.seq ? -1 : 1));
    let balance = 0n;
    let seq = 0n;
    for (const row of chain) {
      const expected = expectedVerdict(balance, row);
      if (row.seq !== seq + 1n) {
        faults.push(`account ${name} has ${row.seq} after ${seq}`);
      }
      if (row.reason !== expected.reason || row.status !== (expected.reason ? 'FAILED' : 'SUCCESS')) {
        faults.push(`record ${row.recordId} is ${row.status} ${row.reason}, the rules say ${expected.reason || 'fine'}`);
      }
      if (row.balanceAfter !== expected.balance) {
        faults.push(`record ${row.recordId} leaves ${row.balanceAfter}, the rules say ${expected.balance}`);
      }
      balance = row.balanceAfter;
      seq = row.seq;
    }
    const head = heads.get(name);
    if (!head || head.balance !== balance || head.seq !== seq) {
      faults.push(`account ${name} holds ${head?.balance} at ${head?.seq}, its rows end with ${balance} at ${seq}`);
    }
  }
  for (const name of heads.keys()) {
    if (!chains.has(name)) {
      faults.push(`account ${name} has no row`);
    }
  }
}

// Per currency, the balances are what was put in less what was taken out, by the amounts that were published.
function checkConservation({messages, rows, accounts}, faults) {
  const asked = groupBy(messages.filter((m) => m.request), (m) => m.request.id);
  const flow = Object.fromEntries(Object.keys(currencies).map((code) => [code, 0n]));
  for (const row of rows.filter((r) => r.status === 'SUCCESS')) {
    const request = asked.get(row.recordId)?.map((m) => m.request).find((r) => sameContent(r, row));
    if (request) {
      flow[request.currency] += request.type === 'DEPOSIT' ? request.minor : -request.minor;
    }
  }
  for (const [currency, expected] of Object.entries(flow)) {
    const held = accounts.filter((a) => a.currency === currency).reduce((sum, a) => sum + a.balance, 0n);
    if (held !== expected) {
      faults.push(`${currency}: the accounts hold ${held}, the applied requests come to ${expected}`);
    }
  }
}

// The result that a row must have, with every value as text.
function expectedResult(row) {
  const digits = currencies[row.currency];
  const result = {
    recordId: row.recordId.toString(),
    transactionId: row.id.toString(),
    userId: row.user,
    type: row.type,
    status: row.status,
    amount: decimal(row.amount, digits),
    currency: row.currency,
    balanceAfter: decimal(row.balanceAfter, digits),
  };
  if (row.reason) {
    result.reason = row.reason;
  }
  result.processedAt = row.createdAt;
  return result;
}

// Six digits of seconds, whatever number of them the text has.
const normalTime = (text) =>
  String(text).replace(/(?:\.(\d{1,6}))?Z$/, (_, fraction = '') => `.${fraction.padEnd(6, '0')}Z`);

// A result's fields as text; the two numbers stay exact. Throws on what is no JSON.
function parseResult(payload) {
  const result = JSON.parse(payload.replace(/"(recordId|transactionId)"\s*:\s*(\d+)/g, '"$1":"$2"'));
  result.processedAt = normalTime(result.processedAt);
  return result;
}

// Every row has a result; all copies are equal byte for byte, and say what the row says.
function checkResults({rows, results}, faults) {
  const byId = groupBy(results, (result) => result.messageId);
  for (const row of rows) {
    const name = `result-${row.recordId}`;
    const copies = byId.get(name);
    byId.delete(name);
    if (!copies) {
      faults.push(`record ${row.recordId} has no result`);
      continue;
    }
    if (copies.some((copy) => copy.payload !== copies[0].payload)) {
      faults.push(`record ${row.recordId} has results that differ`);
    }
    if (copies.some((copy) => copy.subject !== `transaction.result.${row.type.toLowerCase()}`)) {
      faults.push(`record ${row.recordId} has a result on a wrong subject`);
    }
    let found;
    try {
      found = JSON.stringify(parseResult(copies[0].payload));
    } catch (error) {
      found = error.message;
    }
    const expected = JSON.stringify(expectedResult(row));
    if (found !== expected) {
      faults.push(`record ${row.recordId} has the result ${found}, its row says ${expected}`);
    }
  }
  for (const name of byId.keys()) {
    faults.push(`${name} has no row`);
  }
}

// The reason a message must be parked for, or null when it must not be. One that contradicts its row is a conflict.
function expectedReason(message, rowOf) {
  if (!message.request) {
    return message.reason;
  }
  const row = rowOf.get(message.request.id);
  return row && !sameContent(message.request, row) ? 'RECORD_ID_CONFLICT' : null;
}

function checkDeadLetter(message, reason, letter, incarnation, faults) {
  const {headers} = letter;
  const name = `message ${message.seq} (${message.label})`;
  if (headers['Ledgerd-Reason'] !== reason) {
    faults.push(`${name} is parked for ${headers['Ledgerd-Reason']} (${headers['Ledgerd-Detail']}), not for ${reason}`);
  }
  if (message.field && !headers['Ledgerd-Detail']?.includes(message.field)) {
    faults.push(`${name} is parked with a detail that does not name ${message.field}: ${headers['Ledgerd-Detail']}`);
  }
  if (headers['Ledgerd-Truncated'] !== undefined) {
    const cut = message.payload.subarray(0, letter.payload.length);
    if (Number(headers['Ledgerd-Truncated']) !== message.payload.length || !cut.equals(letter.payload)) {
      faults.push(`${name} is parked with a cut payload that is not its beginning`);
    }
  } else if (!message.payload.equals(letter.payload)) {
    faults.push(`${name} is parked with another payload`);
  }
  const expected = {
    'Ledgerd-Stream': 'TRANSACTIONS',
    'Ledgerd-Subject': message.subject,
    'Nats-Msg-Id': `dead-TRANSACTIONS-${incarnation}-${message.seq}`,
  };
  for (const [header, value] of Object.entries(expected)) {
    if (headers[header] !== value) {
      faults.push(`${name} is parked with ${header} ${headers[header]}, not ${value}`);
    }
  }
  if (letter.subject !== message.subject.replace('transaction.', 'transaction.dead.')) {
    faults.push(`${name} is parked on ${letter.subject}`);
  }
}

// Of the letter's headers those that are not about one delivery and the node that had it.
const lasting = ({headers}) => JSON.stringify(
  Object.entries(headers).filter(([name]) => name !== 'Ledgerd-Deliveries' && name !== 'Ledgerd-Node'));

// A letter is there at least once. Again it may be there only with the same bytes, when the broker has handed out its
// message again, and so late that the stream could not know it any more. `letters` in the order of their stream.
function checkRepeats(name, letters, handedOut, {letterWindow}, faults) {
  if (!(handedOut >= letters.length)) {
    faults.push(`${name} is parked ${letters.length} times and was handed out ${handedOut ?? 'nobody knows how many'} times`);
  }
  letters.slice(1).forEach((letter, before) => {
    const after = letter.at - letters[before].at;
    if (!(after > letterWindow)) {
      faults.push(`${name} is parked again after ${after} ms, within the window of ${letterWindow} ms`);
    }
    if (!letter.payload.equals(letters[0].payload) || lasting(letter) !== lasting(letters[0])) {
      faults.push(`${name} is parked again in another way: ${lasting(letter)}, not ${lasting(letters[0])}`);
    }
  });
}

// How many dead letters are there beyond the first of each message.
export const repeatedLetters = ({dead}) => dead.length - new Set(dead.map(({headers}) => headers['Nats-Msg-Id'])).size;

// The dead letters are those of the poison and the conflicts and no others, each with its reason and its payload.
function checkDeadLetters(facts, faults) {
  const {messages, rows, dead, incarnation, deliveries} = facts;
  const rowOf = new Map(rows.map((row) => [row.recordId, row]));
  const lifeOf = ({headers}) => /-(\d+)-\d+$/.exec(headers['Nats-Msg-Id'])?.[1];
  const letters = groupBy(dead, (letter) => `${lifeOf(letter)}-${letter.headers['Ledgerd-Sequence']}`);
  for (const message of messages) {
    const reason = expectedReason(message, rowOf);
    const life = message.incarnation ?? incarnation;
    const found = letters.get(`${life}-${message.seq}`) ?? [];
    letters.delete(`${life}-${message.seq}`);
    const name = `message ${message.seq} (${message.label})`;
    if (found.length > 0 !== Boolean(reason)) {
      faults.push(`${name} is parked ${found.length} times, due: ${reason ?? 'never'}`);
      continue;
    }
    found.forEach((letter) => checkDeadLetter(message, reason, letter, life, faults));
    if (found.length > 1) {
      checkRepeats(name, found, deliveries?.get(message.seq), facts, faults);
    }
  }
  for (const seq of letters.keys()) {
    faults.push(`a dead letter names message ${seq}, which was never published`);
  }
}

export function check(facts) {
  const faults = [];
  checkRows(facts, faults);
  checkChains(facts, faults);
  checkConservation(facts, faults);
  checkResults(facts, faults);
  checkDeadLetters(facts, faults);
  return faults;
}
