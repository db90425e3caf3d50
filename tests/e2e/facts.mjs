// What the database and the streams hold at the end of a run, for the checker.

import {check, repeatedLetters} from './check.mjs';

export function readRows(world) {
  return world.query(`SELECT id, record_id, user_id, currency, seq, type, amount, status, coalesce(reason, ''),
      balance_after, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    FROM ledger.transactions`).map(([id, record, user, currency, seq, type, amount, status, reason, after, time]) => ({
    id: BigInt(id), recordId: BigInt(record), user, currency, seq: BigInt(seq), type, amount: BigInt(amount), status,
    reason, balanceAfter: BigInt(after), createdAt: time,
  }));
}

function readAccounts(world) {
  return world.query('SELECT user_id, currency, balance, seq FROM ledger.accounts')
    .map(([user, currency, balance, seq]) => ({user, currency, balance: BigInt(balance), seq: BigInt(seq)}));
}

export async function gather(world, traffic, messages) {
  return {
    messages,
    rows: readRows(world),
    accounts: readAccounts(world),
    results: await traffic.results(),
    dead: await traffic.deadLetters(),
    letterWindow: await traffic.letterWindow(),
    incarnation: await traffic.incarnation(),
  };
}

// The faults that the checker and the program's own audit find.
export function judge(world, facts) {
  return [...check(facts), ...world.auditFaults()];
}

export function summary(facts) {
  const {messages, rows, accounts, results, dead} = facts;
  const repeats = repeatedLetters(facts);
  const refused = rows.filter((row) => row.status === 'FAILED').length;
  return `${messages.length} messages: ${rows.length - refused} applied, ${refused} refused, ${dead.length - repeats} parked, ${repeats} dead letters repeated; `
    + `${accounts.length} accounts, ${results.length} results`;
}

// How many rows were overtaken: a row of the same account and subject with a later request came before. And the same
// whatever the subject. The requests' places in the stream are those of their first copies.
export function inversions({messages, rows}) {
  const places = new Map();
  for (const {request, seq} of messages) {
    if (request && !(places.get(request.id) < seq)) {
      places.set(request.id, seq);
    }
  }
  const count = (keyOf) => {
    const latest = new Map();
    let overtaken = 0;
    for (const row of rows) {
      const key = keyOf(row);
      const place = places.get(row.recordId);
      if (place === undefined) {
        continue; // of a request that is not among these
      }
      const before = latest.get(key) ?? 0;
      overtaken += place < before ? 1 : 0;
      latest.set(key, Math.max(before, place));
    }
    return overtaken;
  };
  rows.sort((a, b) => (a.seq < b.seq ? -1 : a.seq > b.seq ? 1 : 0));
  return {
    ofSubject: count(({user, currency, type}) => `${user}/${currency}/${type}`),
    ofAccount: count(({user, currency}) => `${user}/${currency}`),
  };
}
