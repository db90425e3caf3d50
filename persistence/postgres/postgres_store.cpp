#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "domain/assert.hpp"
#include "domain/failpoint.hpp"
#include "persistence/openings.hpp"
#include "persistence/postgres.hpp"
#include "persistence/postgres/array_literal.hpp"
#include "persistence/postgres/database.hpp"
#include "persistence/postgres/posting_rows.hpp"
#include "persistence/postgres/slow_groups.hpp"
#include "persistence/postgres/store_session.hpp"

namespace ledgerd {

namespace {

// Ids mostly grow: one beyond the greatest is new, and one look at that spares most of them their
// own.
const statement find_known{"find_known",
                           "SELECT " + posting_columns
                               + " FROM ledger.transactions WHERE record_id = ANY (ARRAY("
                                 "SELECT id FROM unnest($1::bigint[]) AS id "
                                 "WHERE id <= (SELECT max(record_id) FROM ledger.transactions)))"};

const std::string select_heads =
    "SELECT k.place, a.balance, a.seq "
    "FROM unnest($1::text[], $2::text[], $3::bigint[]) AS k (user_id, currency, place) "
    "JOIN ledger.accounts AS a ON a.user_id = k.user_id COLLATE \"C\" "
    "AND a.currency = k.currency COLLATE \"C\"";

const statement read_heads{"read_heads", select_heads};

// Sorted before it locks: in key order, so that two batches cannot wait for each other in a circle.
const statement lock_heads{"lock_heads", select_heads
                                             + " ORDER BY a.user_id, a.currency "
                                               "FOR NO KEY UPDATE OF a"};

// The accounts that nobody else has locked.
const statement free_heads{"free_heads", select_heads + " FOR NO KEY UPDATE OF a SKIP LOCKED"};

// The fence: a head that is not the account's any more changes nothing.
const statement move_accounts{
    "move_accounts",
    "UPDATE ledger.accounts AS a SET balance = n.balance, seq = n.seq, updated_at = now() "
    "FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) "
    "AS n (user_id, currency, balance, seq, old_balance, old_seq) "
    "WHERE a.user_id = n.user_id COLLATE \"C\" AND a.currency = n.currency COLLATE \"C\" "
    "AND a.seq = n.old_seq AND a.balance = n.old_balance"};

const statement open_accounts{
    "open_accounts", "INSERT INTO ledger.accounts (user_id, currency, balance, seq) "
                     "SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) "
                     "ON CONFLICT (user_id, currency) DO NOTHING"};

const statement insert_rows{
    "insert_rows",
    "INSERT INTO ledger.transactions "
    "(record_id, user_id, currency, seq, type, amount, status, reason, balance_after, fingerprint) "
    "SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], "
    "$6::bigint[], $7::text[], $8::text[], $9::bigint[], $10::bigint[]) "
    "RETURNING id, record_id"};

// The columns of a statement's parameters; their memory is kept from batch to batch.
struct columns {
  array_literal users, currencies, places, balances, seqs, old_balances, old_seqs;
  array_literal records, types, amounts, statuses, reasons, fingerprints;

  void clear() {
    for (auto column : {&users, &currencies, &places, &balances, &seqs, &old_balances, &old_seqs,
                        &records, &types, &amounts, &statuses, &reasons, &fingerprints})
      column->clear();
  }

  void add(const account_key& account) {
    users.add(account.user_id);
    currencies.add(account.currency.text());
  }
};

using places = std::vector<std::size_t>;

// The places of a batch's heads in key order. Asserts that no account occurs twice.
places key_order(const posting_batch& batch) {
  const auto account = [&](std::size_t place) -> const auto& {
    return batch.heads[place].account;
  };
  places result(batch.heads.size());
  std::iota(result.begin(), result.end(), std::size_t{0});
  std::sort(result.begin(), result.end(),
            [&](std::size_t a, std::size_t b) { return account(a) < account(b); });
  LEDGERD_ASSERT(
      std::adjacent_find(result.begin(), result.end(),
                         [&](std::size_t a, std::size_t b) { return account(a) == account(b); })
      == result.end());
  return result;
}

// Whether a known posting shows that its account has moved on from the head.
bool shows_old_head(const posting_batch& batch, const std::vector<account_head>& heads,
                    const known_postings& known) {
  if (known.empty())
    return false;
  return std::any_of(batch.entries.begin(), batch.entries.end(), [&](const batch_entry& each) {
    const auto found = known.find(each.asked.id);
    return found != known.end() && found->second.account == each.asked.account
           && found->second.seq > heads[each.head].seq;
  });
}

using posting_refs = std::vector<std::reference_wrapper<posting>>;

// The rows of a plan by the place of their account.
std::vector<posting_refs> rows_by_account(const posting_batch& batch, batch_plan& planned) {
  std::vector<posting_refs> result(batch.heads.size());
  auto next = planned.rows.begin();
  for (std::size_t i = 0; i < batch.entries.size(); ++i)
    if (is_new(planned.answers[i].verdict))
      result[batch.entries[i].head].push_back(*next++);
  return result;
}

// What one transaction is told beside BEGIN, so that it costs no round trip.
std::string settings_of(const post_limits& limits) {
  std::string result;
  if (limits.lock.count() > 0)
    result += "SET LOCAL lock_timeout = " + std::to_string(limits.lock.count()) + "; ";
  if (limits.statement.count() > 0)
    result += "SET LOCAL statement_timeout = " + std::to_string(limits.statement.count()) + "; ";
  return result;
}

class stopwatch {
public:
  std::chrono::microseconds elapsed() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now()
                                                                 - begin_);
  }

private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// What an attempt knows of the accounts that made it fail, by their places among the heads.
struct trail {
  std::optional<std::size_t> at;   // the one being written
  std::vector<std::size_t> locked; // those that others have locked
  std::vector<std::size_t> slow;   // those that took far longer than the others
  std::size_t managed = 0;         // entries written
  bool all_blocked = false;        // not even the question who is locked went through
  std::vector<std::size_t> taken;  // those that have postings, though only new ones are opened
};

enum class posts_to : std::uint8_t { all_accounts, new_accounts };

class postgres_store final : public ledger_store {
public:
  postgres_store(url_source database_url, posts_to whom)
      : whom_(whom),
        session_(std::move(database_url), schema::ledger,
                 {find_known, read_heads, lock_heads, free_heads, move_accounts, open_accounts,
                  insert_rows},
                 "a record id or an account's next number is taken, yet no posting answers it") {}

  post_result post(const posting_batch& batch, const post_limits& limits) override;

private:
  enum class source { given, locked }; // of the heads

  // One transaction. Nothing: it was decided on a head that is old, or another session opened one
  // of the accounts.
  std::optional<posted> attempt(const posting_batch& batch, const places& order, source from);

  // What to decide on: a head for each of the batch's accounts.
  std::vector<account_head> present_heads(const posting_batch& batch, const places& order,
                                          source from, post_statistics& statistics);
  known_postings read_known(const posting_batch& batch);
  // Whether all were written; if not, a head was old or an account was opened by others.
  bool write(const posting_batch& batch, const places& order,
             const std::vector<account_head>& before, batch_plan& planned, database_time now);
  bool write_one_by_one(const posting_batch& batch, const places& order,
                        const std::vector<account_head>& before, batch_plan& planned,
                        database_time now);
  bool write_accounts(const posting_batch& batch, const places& order,
                      const std::vector<account_head>& before,
                      const std::vector<account_head>& after, bool opens);
  template <class Rows>
  void write_rows(Rows&& rows, database_time now);
  void find_locked(const places& order, const posting_batch& batch);
  void explain(store_failure& failure) const;
  void refuse_taken(const posting_batch& batch, const std::vector<account_head>& before,
                    const known_postings& known);

  const posts_to whom_;
  store_session session_;
  database* database_ = nullptr; // while an attempt runs
  post_limits limits_;           // likewise
  trail trail_;
  columns columns_;
};

post_result postgres_store::post(const posting_batch& batch, const post_limits& limits) {
  const auto order = key_order(batch);
  auto result = session_.run<posted>([&](database& session, int count) {
    database_ = &session;
    limits_ = limits;
    trail_ = {};
    try {
      auto success = attempt(batch, order, count == 0 ? source::given : source::locked);
      if (success)
        success->statistics.raced = static_cast<std::uint32_t>(count);
      return success;
    } catch (const database_error& error) {
      if (error.fault() == database_fault::blocked)
        find_locked(order, batch);
      throw;
    }
  });
  if (auto* failure = std::get_if<store_failure>(&result))
    explain(*failure);
  return result;
}

// Who is locked now: a wait for a lock says only that one of many is. Leaves a transaction open.
void postgres_store::find_locked(const places& order, const posting_batch& batch) {
  const stopwatch work;
  try {
    database_->rollback();
    database_->begin(settings_of(limits_), limits_.statement);
    columns_.clear();
    for (const auto place : order) {
      columns_.add(batch.heads[place].account);
      columns_.places.add(static_cast<std::int64_t>(place));
    }
    const auto ask = [&](const statement& question) {
      places result;
      const auto found = database_->exec(
          question, {columns_.users.c_str(), columns_.currencies.c_str(), columns_.places.c_str()});
      for (std::size_t row = 0; row < found.size(); ++row)
        result.push_back(static_cast<std::size_t>(found.integer(row, 0)));
      std::sort(result.begin(), result.end());
      return result;
    };
    const auto present = ask(read_heads), free = ask(free_heads);
    std::set_difference(present.begin(), present.end(), free.begin(), free.end(),
                        std::back_inserter(trail_.locked));
  } catch (const database_error&) {
    // At once it fails where something is damaged, which may well be one account's.
    trail_.all_blocked = work.elapsed() > std::max(limits_.lock / 2, std::chrono::milliseconds{50});
  }
}

void postgres_store::explain(store_failure& failure) const {
  if (failure.kind == store_failure_kind::rejected && !trail_.taken.empty())
    failure.culprits = trail_.taken;
  if (failure.kind != store_failure_kind::blocked && failure.kind != store_failure_kind::rejected)
    return;
  if (failure.kind == store_failure_kind::blocked) {
    failure.managed = trail_.managed;
    failure.culprits = trail_.locked.empty() ? trail_.slow : trail_.locked;
    // The table itself is locked, or the server is stuck: no account is to blame.
    if (trail_.all_blocked)
      failure.kind = store_failure_kind::unavailable;
  }
  if (failure.culprits.empty() && trail_.at)
    failure.culprits = {*trail_.at};
}

std::optional<posted> postgres_store::attempt(const posting_batch& batch, const places& order,
                                              source from) {
  posted result;
  const stopwatch work;
  const auto now = database_->begin(settings_of(limits_), limits_.statement);
  // Heads before known postings: the later look sees more, so a posting that came between shows.
  const auto before = present_heads(batch, order, from, result.statistics);
  const auto known = read_known(batch);
  if (from == source::given && shows_old_head(batch, before, known))
    return std::nullopt;
  if (whom_ == posts_to::new_accounts)
    refuse_taken(batch, before, known);
  auto planned = plan(batch, before, known);
  result.statistics.rows = static_cast<std::uint32_t>(planned.rows.size());
  if (planned.rows.empty()) {
    database_->rollback();
  } else {
    failpoint("write");
    if (!write(batch, order, before, planned, now))
      return std::nullopt;
    result.statistics.work_us = work.elapsed().count();
    failpoint("commit");
    database_->commit();
    if (failpoint("committed"))
      throw unheard_commit();
    result.slow = std::move(trail_.slow);
  }
  result.heads = std::move(planned.heads);
  result.answers = complete(std::move(planned));
  return result;
}

// Sound also where the heads are those that were given: an account that is none any more cannot be
// opened, and the next attempt reads its head.
void postgres_store::refuse_taken(const posting_batch& batch,
                                  const std::vector<account_head>& before,
                                  const known_postings& known) {
  for (const auto& each : batch.entries)
    if (before[each.head].seq > 0 && !known.contains(each.asked.id))
      trail_.taken.push_back(each.head);
  if (!trail_.taken.empty())
    throw database_error(database_fault::content, "accounts have postings already");
}

std::vector<account_head> postgres_store::present_heads(const posting_batch& batch,
                                                        const places& order, source from,
                                                        post_statistics& statistics) {
  std::vector<account_head> result(batch.heads.size());
  std::size_t asked = 0;
  columns_.clear();
  for (const auto place : order) {
    const auto& [account, given] = batch.heads[place];
    if (from == source::given && given) {
      result[place] = *given;
      continue;
    }
    ++asked;
    columns_.add(account);
    columns_.places.add(static_cast<std::int64_t>(place));
  }
  if (asked == 0)
    return result;
  const auto found = database_->exec(
      from == source::locked ? lock_heads : read_heads,
      {columns_.users.c_str(), columns_.currencies.c_str(), columns_.places.c_str()});
  for (std::size_t row = 0; row < found.size(); ++row)
    result[static_cast<std::size_t>(found.integer(row, 0))] =
        account_head{money{found.integer(row, 1)}, found.integer(row, 2)};
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto& given = batch.heads[i].head;
    statistics.heads_read += !given;
    statistics.fence_rejections += given && *given != result[i];
  }
  return result;
}

known_postings postgres_store::read_known(const posting_batch& batch) {
  columns_.clear();
  for (const auto& each : batch.entries)
    columns_.records.add(to_int(each.asked.id));
  const auto found = database_->exec(find_known, {columns_.records.c_str()});
  known_postings result;
  result.reserve(found.size());
  for (std::size_t row = 0; row < found.size(); ++row) {
    auto stored = read_posting(found, row);
    const auto id = stored.record;
    result.emplace(id, std::move(stored));
  }
  return result;
}

bool postgres_store::write(const posting_batch& batch, const places& order,
                           const std::vector<account_head>& before, batch_plan& planned,
                           database_time now) {
  if (limits_.one_by_one)
    return write_one_by_one(batch, order, before, planned, now);
  // First the accounts that exist, then the new ones: one who waits for a new key of another
  // session holds all its locks already, and so does the other.
  for (const bool opens : {false, true})
    if (!write_accounts(batch, order, before, planned.heads, opens))
      return false;
  write_rows(planned.rows, now);
  return true;
}

// In the same order of locks; `trail_` says where it is and who was slow.
bool postgres_store::write_one_by_one(const posting_batch& batch, const places& order,
                                      const std::vector<account_head>& before, batch_plan& planned,
                                      database_time now) {
  const stopwatch work;
  std::vector<std::int64_t> took(order.size());
  auto comparable = order.size(); // so many have come equally far
  const auto timed = [&](std::size_t place, auto step) {
    if (limits_.statement.count() > 0 && work.elapsed() > limits_.statement) {
      trail_.at.reset();
      took.resize(comparable);
      trail_.slow = slow_groups(took);
      throw database_error(database_fault::blocked, "written one by one the batch is too slow");
    }
    trail_.at = place;
    const stopwatch one;
    const bool good = step();
    took[place] += one.elapsed().count();
    return good;
  };
  for (const bool opens : {false, true})
    for (const auto place : order)
      if (!timed(place,
                 [&] { return write_accounts(batch, {place}, before, planned.heads, opens); }))
        return false;
  // Who is not reached now says nothing, however quick the account was.
  const auto accounts = std::exchange(took, std::vector<std::int64_t>(order.size()));
  const auto rows = rows_by_account(batch, planned);
  places entries(order.size());
  for (const auto& each : batch.entries)
    ++entries[each.head];
  for (std::size_t place = 0; place < order.size(); ++place) {
    took[place] = accounts[place];
    comparable = place;
    if (!rows[place].empty())
      timed(place, [&] {
        write_rows(rows[place], now);
        return true;
      });
    trail_.managed += entries[place];
  }
  trail_.at.reset();
  trail_.slow = slow_groups(took);
  return true;
}

// Moves the accounts that exist or opens those that are new.
bool postgres_store::write_accounts(const posting_batch& batch, const places& order,
                                    const std::vector<account_head>& before,
                                    const std::vector<account_head>& after, bool opens) {
  columns_.clear();
  std::size_t count = 0;
  for (const auto place : order) {
    const auto &from = before[place], &to = after[place];
    if (to.seq == from.seq || opens != (from.seq == 0))
      continue;
    ++count;
    columns_.add(batch.heads[place].account);
    columns_.balances.add(to.balance.minor_units());
    columns_.seqs.add(to.seq);
    columns_.old_balances.add(from.balance.minor_units());
    columns_.old_seqs.add(from.seq);
  }
  if (count == 0)
    return true;
  const auto users = columns_.users.c_str(), currencies = columns_.currencies.c_str(),
             balances = columns_.balances.c_str(), seqs = columns_.seqs.c_str();
  const auto written = opens ? database_->exec(open_accounts, {users, currencies, balances, seqs})
                             : database_->exec(move_accounts, {users, currencies, balances, seqs,
                                                               columns_.old_balances.c_str(),
                                                               columns_.old_seqs.c_str()});
  LEDGERD_ASSERT(written.affected() <= count);
  return written.affected() == count;
}

// `rows` is a range of postings.
template <class Rows>
void postgres_store::write_rows(Rows&& rows, database_time now) {
  columns_.clear();
  for (const posting& row : rows) {
    columns_.records.add(to_int(row.record));
    columns_.add(row.account);
    columns_.seqs.add(row.seq);
    columns_.types.add(to_text(row.type));
    columns_.amounts.add(row.amount.minor_units());
    columns_.statuses.add(status_text(row.verdict));
    if (row.verdict == outcome::applied)
      columns_.reasons.add_null();
    else
      columns_.reasons.add(reason_text(row.verdict));
    columns_.balances.add(row.balance_after.minor_units());
    columns_.fingerprints.add(fingerprint(row.account, row.type, row.amount));
  }
  const auto written = database_->exec(
      insert_rows, {columns_.records.c_str(), columns_.users.c_str(), columns_.currencies.c_str(),
                    columns_.seqs.c_str(), columns_.types.c_str(), columns_.amounts.c_str(),
                    columns_.statuses.c_str(), columns_.reasons.c_str(), columns_.balances.c_str(),
                    columns_.fingerprints.c_str()});
  if (written.size() != std::size(rows))
    throw row_not_written();
  std::size_t at = 0;
  for (posting& row : rows) {
    // Rows come back in the order in which they went in.
    if (written.integer(at, 1) != to_int(row.record))
      throw row_not_written();
    row.id = transaction_id{written.integer(at, 0)};
    row.created_at = now;
    ++at;
  }
}

} // namespace

std::unique_ptr<ledger_store> make_postgres_store(url_source database_url) {
  return std::make_unique<postgres_store>(std::move(database_url), posts_to::all_accounts);
}

std::unique_ptr<ledger_store> make_postgres_opening_store(url_source database_url) {
  return std::make_unique<postgres_store>(std::move(database_url), posts_to::new_accounts);
}

} // namespace ledgerd
