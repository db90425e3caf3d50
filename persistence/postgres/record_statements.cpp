#include "persistence/postgres/record_statements.hpp"

#include <string>
#include <utility>

#include "persistence/postgres/record_rows.hpp"
#include "persistence/postgres/row_holder.hpp"

namespace ledgerd {

namespace {

// Whether the verdict is about the very thing the record asked for.
const std::string content_agrees =
    "a.user_id COLLATE \"C\" = r.user_id AND a.currency COLLATE \"C\" = r.currency AND "
    "a.type COLLATE \"C\" = r.type AND a.amount = r.amount";

// And not older than it.
const std::string is_answer = "(" + content_agrees
                              + " AND NOT COALESCE("
                                "a.transaction_id <= r.after_transaction AND a.processed_at < "
                                "(extract(epoch FROM r.created_at) * 1000000)::bigint, false))";

} // namespace

// Known keys cost no row and no error; whoever holds them is read by a later statement, for a row
// that another session committed a moment ago is not in the picture of this one.
const statement insert_records{
    "insert_records",
    "INSERT INTO account.transaction_records "
    "(user_id, currency, type, amount, idempotency_key, fingerprint, traceparent, "
    "after_transaction) "
    "SELECT *, NULLIF($8::bigint, 0) FROM unnest($1::text[], $2::text[], $3::text[], "
    "$4::bigint[], $5::text[], $6::bigint[], $7::text[]) "
    "ON CONFLICT (idempotency_key) DO NOTHING RETURNING id, idempotency_key"};

const statement find_keys{"find_keys", "SELECT " + record_columns
                                           + ", idempotency_key FROM account.transaction_records "
                                             "WHERE idempotency_key = ANY ($1::text[]) "
                                             "ORDER BY idempotency_key"};

// One at a time, and never backwards: what others take meanwhile is far below where it goes.
const statement lock_ids{"lock_ids", "SELECT pg_advisory_xact_lock(4803001, 10)"};
const statement raise_ids{"raise_ids",
                          "SELECT setval('account.transaction_records_id_seq', "
                          "LEAST(GREATEST(last_value, $1::bigint) + $2::bigint, 9007199254740991)) "
                          "FROM account.transaction_records_id_seq "
                          "WHERE $1::bigint = 0 OR last_value <= $1::bigint"};
const statement highest_id{"highest_id",
                           "SELECT COALESCE(max(id), 0) FROM account.transaction_records"};

// What this statement moves, and beside it what it found: a record that is PENDING there was moved
// by another session meanwhile, unless only letters about other requests were told of it, and one
// that is not there does not exist. NOT IN (SELECT) is hashed. The status is asked in words that do
// not lead the planner to the index of the pending, which looks tiny to it and would be walked
// through for every record.
const statement settle_records{
    "settle_records",
    "WITH moved AS (UPDATE account.transaction_records AS r SET "
    "status = CASE WHEN "
        + is_answer + " THEN a.status ELSE 'FAILED' END, reason = CASE WHEN a.parked OR "
        + is_answer + " THEN a.reason ELSE '" + std::string(reason_record_id_conflict)
        + "' END, transaction_id = CASE WHEN NOT a.parked AND " + is_answer
        + " THEN a.transaction_id END, balance_after = CASE WHEN NOT a.parked AND " + is_answer
        + " THEN a.balance_after END, updated_at = now() "
          "FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], "
          "$7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::boolean[]) AS a (id, "
          "user_id, currency, type, amount, status, reason, transaction_id, balance_after, "
          "processed_at, parked) "
          "WHERE r.id = a.id AND r.status NOT IN ('SUCCESS', 'FAILED') AND (NOT a.parked OR "
        + content_agrees
        + ") RETURNING r.*) "
          "SELECT "
        + record_columns + ", true FROM moved UNION ALL SELECT " + record_columns
        + ", false FROM account.transaction_records "
          "WHERE id = ANY ($1::bigint[]) AND id NOT IN (SELECT id FROM moved)"};

const statement find_records{"find_records", "SELECT " + record_columns
                                                 + " FROM account.transaction_records "
                                                   "WHERE id = ANY ($1::bigint[])"};

// Those without a verdict that another session holds. Waits for no row.
const statement find_locked_records{
    "find_locked_records",
    "WITH free AS (SELECT id FROM account.transaction_records WHERE id = ANY ($1::bigint[]) "
    "FOR NO KEY UPDATE SKIP LOCKED) "
    "SELECT id FROM account.transaction_records WHERE id = ANY ($1::bigint[]) "
    "AND status NOT IN ('SUCCESS', 'FAILED') AND id NOT IN (SELECT id FROM free)"};

// Waits for nobody: what another session holds is being taken care of. Two walks of one index, each
// from where it begins: what is due, and what was touched while the clock ran ahead, which would
// wait until that time has come. The latter first, for a touch ends it.
const statement claim_records{
    "claim_records",
    "WITH ahead AS (SELECT id, updated_at FROM account.transaction_records "
    "WHERE status = 'PENDING' AND updated_at > now() + interval '1 minute' "
    "ORDER BY updated_at, id LIMIT $2::bigint FOR NO KEY UPDATE SKIP LOCKED), "
    "due AS (SELECT id, updated_at FROM account.transaction_records "
    "WHERE status = 'PENDING' AND updated_at <= now() - $1::interval "
    "AND updated_at <= now() - LEAST(updated_at - created_at, interval '1 hour') "
    "ORDER BY updated_at, id LIMIT $2::bigint - (SELECT count(*) FROM ahead) "
    "FOR NO KEY UPDATE SKIP LOCKED), "
    "touched AS (UPDATE account.transaction_records AS r SET updated_at = now() "
    "FROM (SELECT * FROM ahead UNION ALL SELECT * FROM due) AS chosen WHERE r.id = chosen.id "
    "RETURNING r.*, chosen.updated_at AS touched_before) "
    "SELECT "
        + record_columns + ", traceparent FROM touched ORDER BY touched_before, id"};

std::vector<statement> record_statements() {
  return {insert_records, find_keys, settle_records, find_records, find_locked_records,
          claim_records,  lock_ids,  raise_ids,      highest_id,   record_table_holder_question()};
}

std::vector<prepared_call> idle_record_calls() {
  std::vector<const char*> none_new(7, "{}");
  none_new.push_back("0");
  return {{insert_records, std::move(none_new)},
          {find_keys, {"{}"}},
          {settle_records, std::vector<const char*>(11, "{}")},
          {find_records, {"{}"}},
          {find_locked_records, {"{}"}},
          {claim_records, {"1 hour", "0"}}};
}

} // namespace ledgerd
