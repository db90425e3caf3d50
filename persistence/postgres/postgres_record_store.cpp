#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "domain/assert.hpp"
#include "domain/failpoint.hpp"
#include "persistence/postgres/array_literal.hpp"
#include "persistence/postgres/database.hpp"
#include "persistence/postgres/posting_rows.hpp"
#include "persistence/postgres/record_places.hpp"
#include "persistence/postgres/record_rows.hpp"
#include "persistence/postgres/record_statements.hpp"
#include "persistence/postgres/row_holder.hpp"
#include "persistence/postgres/stopwatch.hpp"
#include "persistence/postgres/store_session.hpp"
#include "persistence/record_store.hpp"

namespace ledgerd {

namespace {

// The columns of a statement's parameters; their memory is kept from batch to batch.
struct columns {
  array_literal ids, users, currencies, types, amounts;
  array_literal keys, fingerprints, traces;
  std::string after; // a single value
  array_literal statuses, reasons, transactions, balances, times, parked;

  void clear() {
    for (auto column : {&ids, &users, &currencies, &types, &amounts, &keys, &fingerprints, &traces,
                        &statuses, &reasons, &transactions, &balances, &times, &parked})
      column->clear();
  }

  void add(const submission& content) {
    users.add(content.account.user_id);
    currencies.add(content.account.currency.text());
    types.add(to_text(content.type));
    amounts.add(content.amount.minor_units());
  }
};

// Whether the verdict can be the record's: a result always, since it says that its id is taken.
bool concerns(const record_verdict& told, const transaction_record& stored) {
  return !told.parked || told.decided == stored.asked;
}

// The answer of a record that was there before.
recorded answer_from(transaction_record stored, const submission& asked) {
  const auto outcome = stored.asked == asked ? record_outcome::repeated : record_outcome::conflict;
  return {outcome, std::move(stored)};
}

bool agrees(const transaction_record& stored, const record_verdict& told) {
  // A copy of a request may be parked while another is decided, unless the id is said to be taken.
  if (told.parked)
    return told.reason == stored.reason || told.reason != reason_record_id_conflict;
  return stored.asked == told.decided && stored.status == told.status
         && stored.reason == told.reason && stored.transaction == told.transaction
         && stored.balance_after == told.balance_after;
}

settled settled_before(transaction_record stored, const record_verdict& told) {
  auto outcome = settle_outcome::contrary;
  if (!concerns(told, stored))
    outcome = settle_outcome::unrelated;
  else if (agrees(stored, told))
    outcome = settle_outcome::known;
  else if (stored.reason == reason_record_id_conflict)
    outcome = settle_outcome::conflict;
  return {outcome, std::move(stored)};
}

settled settled_now(transaction_record stored, const record_verdict& told) {
  const auto outcome = !told.parked && stored.reason == reason_record_id_conflict
                           ? settle_outcome::conflict
                           : settle_outcome::settled;
  return {outcome, std::move(stored)};
}

std::vector<transaction_record> read_all(const rows& answer) {
  std::vector<transaction_record> result;
  result.reserve(answer.size());
  for (std::size_t row = 0; row < answer.size(); ++row)
    result.push_back(read_record(answer, row));
  return result;
}

// Without those that cannot be read, so that they hold up nobody else's; throws when all are such.
std::vector<transaction_record> read_claimed(const rows& answer) {
  std::vector<transaction_record> result;
  result.reserve(answer.size());
  std::optional<database_error> first;
  for (std::size_t row = 0; row < answer.size(); ++row)
    try {
      result.push_back(read_record(answer, row));
      result.back().traceparent = answer.text(row, record_column_count); // NULL reads as empty
    } catch (const database_error& unreadable) {
      if (!first)
        first = unreadable;
    }
  if (result.empty() && first)
    throw *first;
  return result;
}

// No record is at fault while somebody holds the table.
void blame_table(store_failure& failure, const std::string& holder) {
  if (holder.empty())
    return;
  failure.kind = store_failure_kind::unavailable;
  failure.refused = true;
  failure.detail += "; the table is locked by the " + holder;
}

// A record as a settlement left it.
struct told_record {
  transaction_record row;
  bool moved = false;
};
using records_by_id = std::unordered_map<record_id, told_record>;

class postgres_record_store final : public record_store {
public:
  postgres_record_store(url_source account_database_url, std::shared_ptr<ledger_view> ledger)
      : session_(std::move(account_database_url), schema::account, record_statements(),
                 "the next record ids are taken", idle_record_calls()),
        ledger_(std::move(ledger)), random_(std::random_device{}()) {}

  record_result record(const std::vector<new_record>& batch) override;
  settle_result settle(const std::vector<record_verdict>& batch) override;
  find_result find(const std::vector<record_id>& ids) override;
  find_result claim(std::chrono::milliseconds age, std::size_t limit) override;

private:
  // One transaction each. Nothing: another session was quicker.
  std::optional<std::vector<recorded>>
  attempt_record(database& session, const std::vector<new_record>& batch, const arrangement& order);
  std::optional<std::vector<settled>>
  attempt_settle(database& session, const std::vector<record_verdict>& batch, const places& order);

  // Nothing: its ids were taken, and those to come are above all that are.
  std::optional<begun> insert(database& session, const std::vector<new_record>& batch,
                              const places& order);
  prepared_call insertion(const std::vector<new_record>& batch, const places& order);
  bool read_holders(database& session, const std::vector<new_record>& batch, const places& taken,
                    std::vector<recorded>& answers);
  places find_locked(database& session, const std::vector<record_verdict>& batch);
  static std::string table_holder(database& session);
  prepared_call settlement(const std::vector<record_verdict>& batch, const places& order);
  bool read_raced(database& session, const std::vector<record_verdict>& batch,
                  records_by_id& found);
  std::int64_t id_floor() const;
  void raise_ids_above(database& session, std::int64_t floor, std::int64_t least);
  rows exec_find(database& session, const std::vector<record_id>& ids);

  store_session session_;
  columns columns_;
  const std::shared_ptr<ledger_view> ledger_;
  std::minstd_rand random_;
  std::int64_t highest_given_ = 0;
  bool leapt_ = false; // while the ledger had not been heard
};

// A record that somebody holds is not waited for: the others of its batch would.
constexpr transaction_limits settle_limits{.lock = std::chrono::milliseconds{200}, .statement = {}};

// How far the ids are moved up, at least and with up to as much again by chance: above what an
// earlier life has given and the ledger has not decided yet; and without word from the ledger above
// what an earlier life may have given since a backup was made.
constexpr std::int64_t raise_least = 1'000'000'000;
constexpr std::int64_t leap_least = 10'000'000'000;

std::int64_t postgres_record_store::id_floor() const {
  const auto heard = ledger_ ? ledger_->marks() : std::nullopt;
  return std::max(highest_given_, heard ? to_int(heard->highest_record) : 0);
}

// `floor` 0: above wherever they are.
void postgres_record_store::raise_ids_above(database& session, std::int64_t floor,
                                            std::int64_t least) {
  std::uniform_int_distribution<std::int64_t> more(0, least);
  const auto above = std::to_string(floor), by = std::to_string(least + more(random_));
  try {
    session.begin({}, {{lock_ids, {}}, {raise_ids, {above.c_str(), by.c_str()}}});
  } catch (const database_error& error) { // no record's fault
    if (error.fault() != database_fault::refused && error.fault() != database_fault::unreadable)
      throw;
    throw database_error(database_fault::away, error.what());
  }
  session.commit();
}

record_result postgres_record_store::record(const std::vector<new_record>& batch) {
  const auto order = by_key(batch);
  std::string holder;
  auto result = session_.run<std::vector<recorded>>([&](database& session, int) {
    try {
      return attempt_record(session, batch, order);
    } catch (const database_error& error) {
      if (error.fault() == database_fault::blocked)
        holder = table_holder(session);
      throw;
    }
  });
  if (auto* failure = std::get_if<store_failure>(&result))
    blame_table(*failure, holder);
  return result;
}

std::optional<std::vector<recorded>>
postgres_record_store::attempt_record(database& session, const std::vector<new_record>& batch,
                                      const arrangement& order) {
  if (ledger_ && !ledger_->marks() && !leapt_) {
    raise_ids_above(session, 0, leap_least);
    leapt_ = true;
  }
  const auto written = insert(session, batch, order.asked);
  if (!written)
    return std::nullopt;
  const auto now = written->now;
  const auto& inserted = written->answers.front();
  std::int64_t lowest = INT64_MAX, highest = highest_given_;
  for (std::size_t i = 0; i < inserted.size(); ++i) {
    lowest = std::min(lowest, inserted.integer(i, 0));
    highest = std::max(highest, inserted.integer(i, 0));
  }
  if (const auto floor = id_floor(); lowest <= floor) {
    session.rollback();
    raise_ids_above(session, floor, raise_least);
    return std::nullopt;
  }
  highest_given_ = highest;
  std::vector<recorded> result(batch.size());
  places taken;
  std::size_t row = 0;
  for (const auto place : order.asked) {
    // Rows come back in the order in which they went in, without those whose key was taken.
    const auto& [asked, key, trace] = batch[place];
    if (row < inserted.size() && inserted.text(row, 1) == key) {
      result[place].record = {.id = record_id{inserted.integer(row, 0)},
                              .asked = asked,
                              .created_at = now,
                              .updated_at = now};
      ++row;
    } else if (!key.empty()) {
      taken.push_back(place);
    } else {
      throw row_not_written();
    }
  }
  if (row != inserted.size())
    throw row_not_written();
  if (!taken.empty() && !read_holders(session, batch, taken, result))
    return std::nullopt;
  if (row == 0) {
    session.confirm();
  } else {
    failpoint("record");
    session.commit();
    if (failpoint("recorded"))
      throw unheard_commit();
  }
  for (std::size_t place = 0; place < batch.size(); ++place)
    if (const auto first = order.answered_by[place]; first != place)
      result[place] = answer_from(result[first].record, batch[place].asked);
  return result;
}

// A taken idempotency key is no error, so a unique key that is one is that of the ids: the sequence
// was set back, maybe by a million, and each try takes it one further.
std::optional<begun> postgres_record_store::insert(database& session,
                                                   const std::vector<new_record>& batch,
                                                   const places& order) {
  try {
    return session.begin({}, {insertion(batch, order)});
  } catch (const database_error& error) {
    if (error.fault() != database_fault::unique)
      throw;
  }
  session.rollback();
  const auto highest = session.begin({}, {{highest_id, {}}}).answers.front().integer(0, 0);
  session.rollback();
  raise_ids_above(session, std::max(highest, id_floor()), raise_least);
  return std::nullopt;
}

prepared_call postgres_record_store::insertion(const std::vector<new_record>& batch,
                                               const places& order) {
  columns_.clear();
  for (const auto place : order) {
    const auto& [asked, key, trace] = batch[place];
    columns_.add(asked);
    columns_.keys.add_or_null(key);
    columns_.fingerprints.add(fingerprint(asked.account, asked.type, asked.amount));
    columns_.traces.add_or_null(trace);
  }
  const auto heard = ledger_ ? ledger_->marks() : std::nullopt;
  columns_.after = std::to_string(heard ? to_int(heard->highest_transaction) : 0);
  return {insert_records,
          {columns_.users.c_str(), columns_.currencies.c_str(), columns_.types.c_str(),
           columns_.amounts.c_str(), columns_.keys.c_str(), columns_.fingerprints.c_str(),
           columns_.traces.c_str(), columns_.after.c_str()}};
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
    const auto& [asked, key, trace] = batch[taken[row]];
    LEDGERD_ASSERT(found.text(row, record_column_count) == key);
    answers[taken[row]] = answer_from(read_record(found, row), asked);
  }
  return true;
}

settle_result postgres_record_store::settle(const std::vector<record_verdict>& batch) {
  const auto order = told_once(batch);
  places locked;
  std::string holder;
  auto result = session_.run<std::vector<settled>>([&](database& session, int) {
    try {
      return attempt_settle(session, batch, order);
    } catch (const database_error& error) {
      if (error.fault() != database_fault::blocked)
        throw;
      locked = find_locked(session, batch);
      if (locked.empty())
        holder = table_holder(session);
      throw;
    }
  });
  if (auto* failure = std::get_if<store_failure>(&result)) {
    failure->culprits = std::move(locked);
    blame_table(*failure, holder);
  }
  return result;
}

// Who is locked now: a wait for a lock says only that one of many is. Leaves a transaction open.
places postgres_record_store::find_locked(database& session,
                                          const std::vector<record_verdict>& batch) {
  const stopwatch work;
  try {
    session.rollback();
    columns_.clear();
    for (const auto& verdict : batch)
      columns_.ids.add(to_int(verdict.id));
    const auto found = session.begin(settle_limits, {{find_locked_records, {columns_.ids.c_str()}}})
                           .answers.front();
    std::unordered_set<std::int64_t> ids;
    for (std::size_t row = 0; row < found.size(); ++row)
      ids.insert(found.integer(row, 0));
    places result;
    for (std::size_t place = 0; place < batch.size(); ++place)
      if (ids.contains(to_int(batch[place].id)))
        result.push_back(place);
    return result;
  } catch (const database_error& error) {
    if (work.elapsed() < settle_limits.lock / 2)
      return {}; // at once it fails where something is damaged, which may well be one record's
    throw database_error(database_fault::away, error.what()); // the table is locked
  }
}

// Who keeps rows from being written, for locks of rows do not conflict with all that do. Empty:
// nobody, or it cannot be told. Leaves a transaction open.
std::string postgres_record_store::table_holder(database& session) try {
  session.rollback();
  const auto answers = session.begin({}, {{record_table_holder_question(), {}}}).answers;
  const auto holder = read_row_holder(answers.front());
  return holder ? to_text(*holder) : std::string();
} catch (const database_error&) {
  return {};
}

std::optional<std::vector<settled>>
postgres_record_store::attempt_settle(database& session, const std::vector<record_verdict>& batch,
                                      const places& order) {
  const auto answer = session.begin(settle_limits, {settlement(batch, order)}).answers.front();
  records_by_id found;
  found.reserve(answer.size());
  bool changed = false;
  for (std::size_t row = 0; row < answer.size(); ++row) {
    auto stored = read_record(answer, row);
    const auto id = stored.id;
    const auto moved = answer.text(row, record_column_count) == "t";
    changed = changed || moved;
    found.emplace(id, told_record{std::move(stored), moved});
    if (ledger_)
      ledger_->see(id);
  }
  if (!read_raced(session, batch, found))
    return std::nullopt;
  if (changed) {
    failpoint("settle");
    session.commit();
    if (failpoint("settled"))
      throw unheard_commit();
  } else {
    session.confirm();
  }
  std::vector<settled> result(batch.size());
  for (std::size_t place = 0; place < batch.size(); ++place)
    if (const auto told = found.find(batch[place].id); told != found.end()) {
      auto& [row, moved] = told->second;
      const bool moved_it = concerns(batch[place], row) && std::exchange(moved, false);
      result[place] = moved_it ? settled_now(row, batch[place]) : settled_before(row, batch[place]);
    }
  return result;
}

prepared_call postgres_record_store::settlement(const std::vector<record_verdict>& batch,
                                                const places& order) {
  columns_.clear();
  for (const auto place : order) {
    const auto& verdict = batch[place];
    columns_.ids.add(to_int(verdict.id));
    columns_.add(verdict.decided);
    columns_.statuses.add(to_text(verdict.status));
    columns_.reasons.add_or_null(verdict.reason);
    columns_.transactions.add(to_int(verdict.transaction));
    columns_.balances.add(verdict.balance_after.minor_units());
    columns_.times.add(to_int(verdict.processed_at));
    columns_.parked.add(std::string_view(verdict.parked ? "t" : "f"));
  }
  return {settle_records,
          {columns_.ids.c_str(), columns_.users.c_str(), columns_.currencies.c_str(),
           columns_.types.c_str(), columns_.amounts.c_str(), columns_.statuses.c_str(),
           columns_.reasons.c_str(), columns_.transactions.c_str(), columns_.balances.c_str(),
           columns_.times.c_str(), columns_.parked.c_str()}};
}

// Looks again at the records that another session moved while this one waited for them.
bool postgres_record_store::read_raced(database& session, const std::vector<record_verdict>& batch,
                                       records_by_id& found) {
  std::vector<record_id> raced;
  for (const auto& verdict : batch)
    if (const auto told = found.find(verdict.id);
        told != found.end() && told->second.row.status == record_status::pending
        && concerns(verdict, told->second.row))
      raced.push_back(verdict.id);
  if (raced.empty())
    return true;
  for (auto& stored : read_all(exec_find(session, raced))) {
    if (stored.status == record_status::pending)
      return false;
    found[stored.id].row = std::move(stored);
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
    const auto answers =
        session.begin({}, {{claim_records, {interval.c_str(), at_most.c_str()}}}).answers;
    auto claimed = read_claimed(answers.front());
    if (claimed.empty())
      session.rollback();
    else
      session.commit();
    return std::optional<found>(std::move(claimed));
  });
}

} // namespace

std::unique_ptr<record_store> make_postgres_record_store(url_source account_database_url,
                                                         std::shared_ptr<ledger_view> ledger) {
  return std::make_unique<postgres_record_store>(std::move(account_database_url),
                                                 std::move(ledger));
}

} // namespace ledgerd
