#include <algorithm>
#include <chrono>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "domain/assert.hpp"
#include "persistence/array_literal.hpp"
#include "persistence/database.hpp"
#include "persistence/posting_rows.hpp"
#include "persistence/record_rows.hpp"
#include "persistence/record_store.hpp"
#include "persistence/store_session.hpp"

namespace ledgerd {

namespace {

// Known keys cost no row and no error; whoever holds them is read by a later statement, for a row
// that another session committed a moment ago is not in the picture of this one.
const statement insert_records{
    "insert_records",
    "INSERT INTO account.transaction_records "
    "(user_id, currency, type, amount, idempotency_key, fingerprint) "
    "SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], "
    "$6::bigint[]) "
    "ON CONFLICT (idempotency_key) DO NOTHING RETURNING id, idempotency_key"};

const statement find_keys{"find_keys", "SELECT " + record_columns
                                           + ", idempotency_key FROM account.transaction_records "
                                             "WHERE idempotency_key = ANY ($1::text[]) "
                                             "ORDER BY idempotency_key"};

// Whether the verdict is about the very thing the record asked for.
const std::string same_content = "(a.user_id COLLATE \"C\" = r.user_id AND "
                                 "a.currency COLLATE \"C\" = r.currency AND "
                                 "a.type COLLATE \"C\" = r.type AND a.amount = r.amount)";

// What this statement moves, and beside it what it found: a record that is PENDING there was moved
// by another session meanwhile, and one that is not there does not exist. NOT IN (SELECT) is
// hashed. The status is asked in words that do not lead the planner to the index of the pending,
// which looks tiny to it and would be walked through for every record.
const statement settle_records{
    "settle_records",
    "WITH moved AS (UPDATE account.transaction_records AS r SET "
    "status = CASE WHEN "
        + same_content + " THEN a.status ELSE 'FAILED' END, reason = CASE WHEN " + same_content
        + " THEN a.reason ELSE '" + std::string(reason_record_id_conflict)
        + "' END, transaction_id = CASE WHEN " + same_content
        + " THEN a.transaction_id END, balance_after = CASE WHEN " + same_content
        + " THEN a.balance_after END, updated_at = now() "
          "FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], "
          "$7::text[], $8::bigint[], $9::bigint[]) AS a (id, user_id, currency, type, amount, "
          "status, reason, transaction_id, balance_after) "
          "WHERE r.id = a.id AND r.status NOT IN ('SUCCESS', 'FAILED') RETURNING r.*) "
          "SELECT "
        + record_columns + ", true FROM moved UNION ALL SELECT " + record_columns
        + ", false FROM account.transaction_records "
          "WHERE id = ANY ($1::bigint[]) AND id NOT IN (SELECT id FROM moved)"};

const statement find_records{"find_records", "SELECT " + record_columns
                                                 + " FROM account.transaction_records "
                                                   "WHERE id = ANY ($1::bigint[])"};

// Waits for nobody: what another session holds is being taken care of.
const statement claim_records{
    "claim_records", "WITH chosen AS (SELECT id, updated_at FROM account.transaction_records "
                     "WHERE status = 'PENDING' AND updated_at <= now() - $1::interval "
                     "AND updated_at <= now() - LEAST(updated_at - created_at, interval '1 hour') "
                     "ORDER BY updated_at, id LIMIT $2::bigint FOR NO KEY UPDATE SKIP LOCKED), "
                     "touched AS (UPDATE account.transaction_records AS r SET updated_at = now() "
                     "FROM chosen WHERE r.id = chosen.id "
                     "RETURNING r.*, chosen.updated_at AS touched_before) "
                     "SELECT "
                         + record_columns + " FROM touched ORDER BY touched_before, id"};

// The columns of a statement's parameters; their memory is kept from batch to batch.
struct columns {
  array_literal ids, users, currencies, types, amounts;
  array_literal keys, fingerprints;
  array_literal statuses, reasons, transactions, balances;

  void clear() {
    for (auto column : {&ids, &users, &currencies, &types, &amounts, &keys, &fingerprints,
                        &statuses, &reasons, &transactions, &balances})
      column->clear();
  }

  void add(const submission& content) {
    users.add(content.account.user_id);
    currencies.add(content.account.currency.text());
    types.add(to_text(content.type));
    amounts.add(content.amount.minor_units());
  }
};

using places = std::vector<std::size_t>;

// Which places of a batch a statement is given, and which of them answers each place.
struct arrangement {
  places asked;
  places answered_by; // for each place of the batch
};

// Sorted, so that two batches cannot wait for each other in a circle; of equal places the first.
template <class Less, class Same>
arrangement arrange(std::size_t size, Less less, Same same) {
  places sorted(size);
  std::iota(sorted.begin(), sorted.end(), std::size_t{0});
  std::stable_sort(sorted.begin(), sorted.end(), less);
  arrangement result{{}, places(size)};
  for (const auto place : sorted) {
    if (result.asked.empty() || !same(result.asked.back(), place))
      result.asked.push_back(place);
    result.answered_by[place] = result.asked.back();
  }
  return result;
}

// In key order; those without a key come first and are all different.
arrangement by_key(const std::vector<new_record>& batch) {
  const auto key = [&batch](std::size_t place) -> const std::string& {
    return batch[place].idempotency_key;
  };
  return arrange(
      batch.size(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); },
      [&](std::size_t a, std::size_t b) { return !key(a).empty() && key(a) == key(b); });
}

arrangement by_id(const std::vector<record_verdict>& batch) {
  return arrange(
      batch.size(), [&](std::size_t a, std::size_t b) { return batch[a].id < batch[b].id; },
      [&](std::size_t a, std::size_t b) { return batch[a].id == batch[b].id; });
}

// The answer of a record that was there before.
recorded answer_from(transaction_record stored, const submission& asked) {
  const auto outcome = stored.asked == asked ? record_outcome::repeated : record_outcome::conflict;
  return {outcome, std::move(stored)};
}

settled settled_before(transaction_record stored) {
  const auto outcome =
      stored.reason == reason_record_id_conflict ? settle_outcome::conflict : settle_outcome::known;
  return {outcome, std::move(stored)};
}

std::vector<transaction_record> read_all(const rows& answer) {
  std::vector<transaction_record> result;
  result.reserve(answer.size());
  for (std::size_t row = 0; row < answer.size(); ++row)
    result.push_back(read_record(answer, row));
  return result;
}

using settled_by_id = std::unordered_map<record_id, settled>;

class postgres_record_store final : public record_store {
public:
  explicit postgres_record_store(const std::string& account_database_url)
      : session_(account_database_url,
                 {insert_records, find_keys, settle_records, find_records, claim_records},
                 "the next record ids are taken") {}

  record_result record(const std::vector<new_record>& batch) override;
  settle_result settle(const std::vector<record_verdict>& batch) override;
  find_result find(const std::vector<record_id>& ids) override;
  find_result claim(std::chrono::milliseconds age, std::size_t limit) override;

private:
  // One transaction each. Nothing: another session was quicker.
  std::optional<std::vector<recorded>>
  attempt_record(database& session, const std::vector<new_record>& batch, const arrangement& order);
  std::optional<std::vector<settled>> attempt_settle(database& session,
                                                     const std::vector<record_verdict>& batch,
                                                     const arrangement& order);

  rows insert(database& session, const std::vector<new_record>& batch, const places& order);
  bool read_holders(database& session, const std::vector<new_record>& batch, const places& taken,
                    std::vector<recorded>& answers);
  rows move(database& session, const std::vector<record_verdict>& batch, const places& order);
  bool read_raced(database& session, settled_by_id& answers);
  rows exec_find(database& session, const std::vector<record_id>& ids);

  store_session session_;
  columns columns_;
};

record_result postgres_record_store::record(const std::vector<new_record>& batch) {
  const auto order = by_key(batch);
  return session_.run<std::vector<recorded>>(
      [&](database& session, int) { return attempt_record(session, batch, order); });
}

std::optional<std::vector<recorded>>
postgres_record_store::attempt_record(database& session, const std::vector<new_record>& batch,
                                      const arrangement& order) {
  const auto now = session.begin();
  const auto inserted = insert(session, batch, order.asked);
  std::vector<recorded> result(batch.size());
  places taken;
  std::size_t row = 0;
  for (const auto place : order.asked) {
    // Rows come back in the order in which they went in, without those whose key was taken.
    const auto& [asked, key] = batch[place];
    if (row < inserted.size() && inserted.text(row, 1) == key) {
      result[place].record = {.id = record_id{inserted.integer(row, 0)},
                              .asked = asked,
                              .created_at = now,
                              .updated_at = now};
      ++row;
    } else {
      LEDGERD_ASSERT(!key.empty());
      taken.push_back(place);
    }
  }
  LEDGERD_ASSERT(row == inserted.size());
  if (!taken.empty() && !read_holders(session, batch, taken, result))
    return std::nullopt;
  if (row == 0)
    session.rollback();
  else
    session.commit();
  for (std::size_t place = 0; place < batch.size(); ++place)
    if (const auto first = order.answered_by[place]; first != place)
      result[place] = answer_from(result[first].record, batch[place].asked);
  return result;
}

rows postgres_record_store::insert(database& session, const std::vector<new_record>& batch,
                                   const places& order) {
  columns_.clear();
  for (const auto place : order) {
    const auto& [asked, key] = batch[place];
    columns_.add(asked);
    if (key.empty())
      columns_.keys.add_null();
    else
      columns_.keys.add(key);
    columns_.fingerprints.add(fingerprint(asked.account, asked.type, asked.amount));
  }
  return session.exec(insert_records, {columns_.users.c_str(), columns_.currencies.c_str(),
                                       columns_.types.c_str(), columns_.amounts.c_str(),
                                       columns_.keys.c_str(), columns_.fingerprints.c_str()});
}

bool postgres_record_store::read_holders(database& session, const std::vector<new_record>& batch,
                                         const places& taken, std::vector<recorded>& answers) {
  columns_.clear();
  for (const auto place : taken)
    columns_.keys.add(batch[place].idempotency_key);
  const auto found = session.exec(find_keys, {columns_.keys.c_str()});
  if (found.size() != taken.size())
    return false;
  for (std::size_t row = 0; row < found.size(); ++row) {
    const auto& [asked, key] = batch[taken[row]];
    LEDGERD_ASSERT(found.text(row, record_column_count) == key);
    answers[taken[row]] = answer_from(read_record(found, row), asked);
  }
  return true;
}

settle_result postgres_record_store::settle(const std::vector<record_verdict>& batch) {
  const auto order = by_id(batch);
  return session_.run<std::vector<settled>>(
      [&](database& session, int) { return attempt_settle(session, batch, order); });
}

std::optional<std::vector<settled>>
postgres_record_store::attempt_settle(database& session, const std::vector<record_verdict>& batch,
                                      const arrangement& order) {
  session.begin();
  const auto found = move(session, batch, order.asked);
  settled_by_id answers;
  answers.reserve(found.size());
  bool changed = false;
  for (std::size_t row = 0; row < found.size(); ++row) {
    auto answer = settled_before(read_record(found, row));
    if (found.text(row, record_column_count) == "t") {
      changed = true;
      if (answer.outcome == settle_outcome::known)
        answer.outcome = settle_outcome::settled;
    }
    const auto id = answer.record.id;
    answers.emplace(id, std::move(answer));
  }
  if (!read_raced(session, answers))
    return std::nullopt;
  if (changed)
    session.commit();
  else
    session.rollback();
  std::vector<settled> result(batch.size());
  for (std::size_t place = 0; place < batch.size(); ++place)
    if (const auto answer = answers.find(batch[place].id); answer != answers.end())
      result[place] = order.answered_by[place] == place ? answer->second
                                                        : settled_before(answer->second.record);
  return result;
}

rows postgres_record_store::move(database& session, const std::vector<record_verdict>& batch,
                                 const places& order) {
  columns_.clear();
  for (const auto place : order) {
    const auto& verdict = batch[place];
    columns_.ids.add(to_int(verdict.id));
    columns_.add(verdict.decided);
    columns_.statuses.add(to_text(verdict.status));
    if (verdict.reason.empty())
      columns_.reasons.add_null();
    else
      columns_.reasons.add(verdict.reason);
    columns_.transactions.add(to_int(verdict.transaction));
    columns_.balances.add(verdict.balance_after.minor_units());
  }
  return session.exec(settle_records,
                      {columns_.ids.c_str(), columns_.users.c_str(), columns_.currencies.c_str(),
                       columns_.types.c_str(), columns_.amounts.c_str(), columns_.statuses.c_str(),
                       columns_.reasons.c_str(), columns_.transactions.c_str(),
                       columns_.balances.c_str()});
}

// Looks again at the records that another session moved while this one waited for them.
bool postgres_record_store::read_raced(database& session, settled_by_id& answers) {
  std::vector<record_id> raced;
  for (const auto& [id, answer] : answers)
    if (answer.record.status == record_status::pending)
      raced.push_back(id);
  if (raced.empty())
    return true;
  for (auto& stored : read_all(exec_find(session, raced))) {
    if (stored.status == record_status::pending)
      return false;
    const auto id = stored.id;
    answers[id] = settled_before(std::move(stored));
  }
  return true;
}

find_result postgres_record_store::find(const std::vector<record_id>& ids) {
  using found = std::vector<transaction_record>;
  return session_.run<found>([&](database& session, int) {
    return std::optional<found>(read_all(exec_find(session, ids)));
  });
}

rows postgres_record_store::exec_find(database& session, const std::vector<record_id>& ids) {
  columns_.clear();
  for (const auto id : ids)
    columns_.ids.add(to_int(id));
  return session.exec(find_records, {columns_.ids.c_str()});
}

find_result postgres_record_store::claim(std::chrono::milliseconds age, std::size_t limit) {
  using found = std::vector<transaction_record>;
  const auto interval = std::to_string(age.count()) + " milliseconds";
  const auto at_most = std::to_string(limit);
  return session_.run<found>([&](database& session, int) {
    session.begin();
    auto claimed = read_all(session.exec(claim_records, {interval.c_str(), at_most.c_str()}));
    if (claimed.empty())
      session.rollback();
    else
      session.commit();
    return std::optional<found>(std::move(claimed));
  });
}

} // namespace

std::unique_ptr<record_store> make_postgres_record_store(const std::string& account_database_url) {
  return std::make_unique<postgres_record_store>(account_database_url);
}

} // namespace ledgerd
