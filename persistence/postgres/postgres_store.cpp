#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "domain/assert.hpp"
#include "domain/failpoint.hpp"
#include "persistence/openings.hpp"
#include "persistence/postgres.hpp"
#include "persistence/postgres/database.hpp"
#include "persistence/postgres/ledger_statements.hpp"
#include "persistence/postgres/row_holder.hpp"
#include "persistence/postgres/schema_text.hpp"
#include "persistence/postgres/slow_groups.hpp"
#include "persistence/postgres/stopwatch.hpp"
#include "persistence/postgres/store_session.hpp"

namespace ledgerd {

namespace {

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

transaction_limits transaction_limits_of(const post_limits& limits) {
  return {.lock = limits.lock, .statement = limits.statement};
}

// What an attempt knows of the accounts that made it fail, by their places among the heads.
struct trail {
  std::optional<std::size_t> at;   // the one being written
  std::vector<std::size_t> locked; // those that others have locked
  std::string holder;              // the session that has locked it, if it is one account or all
  std::vector<std::size_t> slow;   // those that took far longer than the others
  std::size_t managed = 0;         // entries written
  bool all_blocked = false; // the table is locked, or not even the question who is went through
  std::vector<std::size_t> taken;   // those that have postings, though only new ones are opened
  std::vector<std::size_t> damaged; // those with a row that nobody here can have written
  std::string damage;               // what is wrong with the first of them
};

enum class posts_to : std::uint8_t { all_accounts, new_accounts };

class postgres_store final : public ledger_store {
public:
  postgres_store(url_source database_url, posts_to whom)
      : whom_(whom),
        session_(std::move(database_url), schema::ledger, ledger_statements(),
                 "a record id is taken, yet no posting answers it", idle_ledger_calls()) {}

  post_result post(const posting_batch& batch, const post_limits& limits) override;

private:
  enum class source { given, locked }; // of the heads

  // One transaction. Nothing: it was decided on a head that is old, or another session opened one
  // of the accounts.
  std::optional<posted> attempt(const posting_batch& batch, const places& order, source from);

  // What a batch is decided on.
  struct picture {
    database_time now;               // the transaction's
    std::vector<account_head> heads; // one for each of the batch's accounts
    known_postings known;
  };

  // Opens the transaction.
  picture look(const posting_batch& batch, const places& order, source from,
               post_statistics& statistics);
  // Whether all were written; if not, a head was old or an account was opened by others.
  bool write(const posting_batch& batch, const places& order,
             const std::vector<account_head>& before, batch_plan& planned, database_time now);
  bool write_one_by_one(const posting_batch& batch, const places& order,
                        const std::vector<account_head>& before, batch_plan& planned,
                        database_time now);
  bool change_one(head_changes& changes, const account_key& account, const account_head& before,
                  const account_head& after);
  // `rows` is a range of postings.
  template <class Rows>
  void fill_rows(const Rows& rows);
  template <class Rows>
  static void number_rows(Rows&& rows, const ledgerd::rows& written, database_time now);
  void find_locked(const places& order, const posting_batch& batch);
  void find_holder(const account_key& account);
  void find_table_holder();
  void explain(store_failure& failure) const;
  void refuse_taken(const posting_batch& batch, const std::vector<account_head>& before,
                    const known_postings& known);
  account_head read_head(const rows& found, std::size_t row, const posting_batch& batch);
  known_postings read_known(const rows& found, const posting_batch& batch);
  void note_damage(std::size_t place, const std::string& what);

  const posts_to whom_;
  store_session session_;
  database* database_ = nullptr; // while an attempt runs
  post_limits limits_;           // likewise
  trail trail_;
  head_question heads_;
  known_question known_;
  head_changes moves_{head_changes::kind::move}, openings_{head_changes::kind::open};
  new_rows rows_;
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
      if (error.fault() == database_fault::blocked && trail_.damaged.empty())
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
    heads_.clear();
    for (const auto place : order)
      heads_.add(batch.heads[place].account, place);
    using lock = head_question::lock;
    const auto answers = database_
                             ->begin(transaction_limits_of(limits_),
                                     {heads_.call(lock::none), heads_.call(lock::skip)})
                             .answers;
    const auto places_in = [](const rows& found) {
      places result;
      for (std::size_t row = 0; row < found.size(); ++row)
        result.push_back(static_cast<std::size_t>(found.integer(row, 0)));
      std::sort(result.begin(), result.end());
      return result;
    };
    const auto present = places_in(answers[0]), free = places_in(answers[1]);
    std::set_difference(present.begin(), present.end(), free.begin(), free.end(),
                        std::back_inserter(trail_.locked));
    if (trail_.locked.size() == 1)
      find_holder(batch.heads[trail_.locked.front()].account);
    else if (trail_.locked.empty())
      find_table_holder();
  } catch (const database_error&) {
    // At once it fails where something is damaged, which may well be one account's.
    trail_.all_blocked = work.elapsed() > std::max(limits_.lock / 2, std::chrono::milliseconds{50});
  }
}

// For the log alone: without it all goes on.
void postgres_store::find_holder(const account_key& account) try {
  const std::string currency(account.currency.text());
  const auto found = read_row_holder(
      database_->exec(row_holder_question(), {account.user_id.c_str(), currency.c_str()}));
  if (found)
    trail_.holder = to_text(*found);
} catch (const database_error&) {
  trail_.holder.clear();
}

// Locks of rows do not conflict with all of those that keep rows from being written.
void postgres_store::find_table_holder() {
  if (const auto found = read_row_holder(database_->exec(table_holder_question(), {}))) {
    trail_.holder = to_text(*found);
    trail_.all_blocked = true;
  }
}

void postgres_store::explain(store_failure& failure) const {
  if (failure.kind == store_failure_kind::rejected && !trail_.taken.empty())
    failure.culprits = trail_.taken;
  if (failure.kind != store_failure_kind::blocked && failure.kind != store_failure_kind::rejected)
    return;
  if (failure.kind == store_failure_kind::blocked) {
    failure.managed = trail_.managed;
    failure.culprits = !trail_.damaged.empty()  ? trail_.damaged
                       : !trail_.locked.empty() ? trail_.locked
                                                : trail_.slow;
    if (trail_.damaged.empty() && !trail_.holder.empty())
      failure.detail += (trail_.all_blocked ? "; the table is locked by the " : "; locked by the ")
                        + trail_.holder;
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
  const auto [now, before, known] = look(batch, order, from, result.statistics);
  if (from == source::given && shows_old_head(batch, before, known))
    return std::nullopt;
  if (whom_ == posts_to::new_accounts)
    refuse_taken(batch, before, known);
  auto planned = plan(batch, before, known);
  result.statistics.rows = static_cast<std::uint32_t>(planned.rows.size());
  if (planned.rows.empty()) {
    database_->confirm();
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

postgres_store::picture postgres_store::look(const posting_batch& batch, const places& order,
                                             source from, post_statistics& statistics) {
  std::vector<account_head> heads(batch.heads.size());
  heads_.clear();
  for (const auto place : order) {
    const auto& [account, given] = batch.heads[place];
    if (from == source::given && given)
      heads[place] = *given;
    else
      heads_.add(account, place);
  }
  known_.fill(batch.entries);
  // Heads before known postings: the later look sees more, so a posting that came between shows.
  std::vector<prepared_call> questions;
  if (!heads_.empty())
    questions.push_back(heads_.call(from == source::locked ? head_question::lock::wait
                                                           : head_question::lock::none));
  questions.push_back(known_.call());
  const auto [now, answers] = database_->begin(transaction_limits_of(limits_), questions);
  if (!heads_.empty()) {
    const auto& found = answers.front();
    for (std::size_t row = 0; row < found.size(); ++row)
      heads[static_cast<std::size_t>(found.integer(row, 0))] = read_head(found, row, batch);
    for (std::size_t i = 0; i < heads.size(); ++i) {
      const auto& given = batch.heads[i].head;
      statistics.heads_read += !given;
      const bool is_old = given && *given != heads[i];
      statistics.fence_rejections += is_old;
      statistics.heads_lost += is_old && given->seq >= heads[i].seq;
    }
  }
  auto known = read_known(answers.back(), batch);
  if (!trail_.damaged.empty())
    throw database_error(database_fault::blocked, trail_.damage);
  return {now, std::move(heads), std::move(known)};
}

void postgres_store::note_damage(std::size_t place, const std::string& what) {
  if (trail_.damaged.empty())
    trail_.damage = what;
  trail_.damaged.push_back(place);
}

// Nothing may be decided on a head that no decision leads to.
account_head postgres_store::read_head(const rows& found, std::size_t row,
                                       const posting_batch& batch) {
  account_head head;
  try {
    head = {money{found.integer(row, 1)}, found.integer(row, 2)};
  } catch (const std::runtime_error&) { // the columns are others than they were, or may be NULL
    head.seq = 0;
  }
  if (head.balance < money{} || head.seq < 1 || head.seq == INT64_MAX) {
    const auto shown = [&](int column) {
      return found.is_null(row, column) ? "NULL" : one_line_of(found.text(row, column), 64);
    };
    const auto place = static_cast<std::size_t>(found.integer(row, 0));
    const auto& [user, currency] = batch.heads[place].account;
    note_damage(place, in_schemas("ledger.accounts holds for ") + user + " "
                           + std::string(currency.text()) + " the balance " + shown(1)
                           + " and the number " + shown(2) + ", which no posting leads to");
  }
  return head;
}

known_postings postgres_store::read_known(const rows& found, const posting_batch& batch) {
  auto [known, unreadable] = known_question::read(found);
  if (!unreadable.empty())
    for (const auto& each : batch.entries)
      if (const auto one = unreadable.find(each.asked.id); one != unreadable.end())
        note_damage(each.head, one->second);
  return std::move(known);
}

bool postgres_store::write(const posting_batch& batch, const places& order,
                           const std::vector<account_head>& before, batch_plan& planned,
                           database_time now) {
  if (limits_.one_by_one)
    return write_one_by_one(batch, order, before, planned, now);
  // First the accounts that exist, then the new ones: one who waits for a new key of another
  // session holds all its locks already, and so does the other.
  std::vector<prepared_call> calls;
  std::vector<const head_changes*> changes;
  for (auto each : {&moves_, &openings_}) {
    each->clear();
    for (const auto place : order)
      each->add(batch.heads[place].account, before[place], planned.heads[place]);
    if (each->empty())
      continue;
    changes.push_back(each);
    calls.push_back(each->call());
  }
  fill_rows(planned.rows);
  calls.push_back(rows_.call());
  const auto [good, error] = database_->exec_all(calls);
  // What follows a head that was old may well have failed, and says nothing.
  for (std::size_t i = 0; i < std::min(changes.size(), good.size()); ++i)
    if (!changes[i]->all_done(good[i]))
      return false;
  if (error)
    throw *error;
  number_rows(planned.rows, good.back(), now);
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
  for (auto changes : {&moves_, &openings_})
    for (const auto place : order)
      if (!timed(place, [&] {
            return change_one(*changes, batch.heads[place].account, before[place],
                              planned.heads[place]);
          }))
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
        fill_rows(rows[place]);
        const auto [insert, values] = rows_.call();
        number_rows(rows[place], database_->exec(insert, values), now);
        return true;
      });
    trail_.managed += entries[place];
  }
  trail_.at.reset();
  trail_.slow = slow_groups(took);
  return true;
}

bool postgres_store::change_one(head_changes& changes, const account_key& account,
                                const account_head& before, const account_head& after) {
  changes.clear();
  changes.add(account, before, after);
  if (changes.empty())
    return true;
  const auto [change, values] = changes.call();
  return changes.all_done(database_->exec(change, values));
}

template <class Rows>
void postgres_store::fill_rows(const Rows& rows) {
  rows_.clear();
  for (const posting& row : rows)
    rows_.add(row);
}

// They come back in the order in which they went in.
template <class Rows>
void postgres_store::number_rows(Rows&& rows, const ledgerd::rows& written, database_time now) {
  if (written.size() != std::size(rows))
    throw row_not_written();
  std::size_t at = 0;
  for (posting& row : rows) {
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
