// The stores that the daemon makes (persistence/postgres.hpp, persistence/record_store.hpp), over
// the simulated database: this binary's own take the place of those for PostgreSQL.
#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>
#include <variant>

#include "domain/assert.hpp"
#include "persistence/ledger_reader.hpp"
#include "persistence/postgres.hpp"
#include "persistence/record_store.hpp"
#include "tests/simulation/database.hpp"

namespace ledgerd {

namespace {

using sim::database;
using sim::milliseconds;
using sim::nanoseconds;
using sim::time_point;

constexpr milliseconds usual_statement{5000};
constexpr milliseconds patience{1000};        // beyond the statement's own limit
constexpr milliseconds commit_patience{6000}; // until a COMMIT is given up

database& here() {
  LEDGERD_ASSERT(database::present() != nullptr);
  return *database::present();
}

nanoseconds some_time(database& at) {
  auto& dice = at.on().random;
  return dice.percent(at.faults.slow)
             ? dice.between(milliseconds{10}, milliseconds{1000})
             : dice.between(std::chrono::microseconds{100}, milliseconds{3});
}

store_failure in_doubt() {
  return {store_failure_kind::in_doubt, "the connection broke at COMMIT"};
}

// COMMIT, with all that may become of it. `write` does it and returns a Result or a failure;
// `late` does it when nobody waits for the answer any more.
template <class Result, class Write, class Late>
std::variant<Result, store_failure> commit(database& at, database::session& by, Write write,
                                           Late late) {
  auto& on = at.on();
  const auto until = on.now + commit_patience;
  const auto what = at.draw();
  by.note_commit();
  if (auto failure = by.work(some_time(at), until)) {
    if (failure->kind == store_failure_kind::unavailable)
      return in_doubt();
    return *std::move(failure);
  }
  switch (what) {
  case database::fate::lost:
    ++at.seen["commit lost"];
    return in_doubt();
  case database::fate::late:
  case database::fate::hung:
    ++at.seen[what == database::fate::late ? "commit late" : "commit hung"];
    on.start(sim::nobody, [&at, late, rows = by.hand_over(), life = at.life()] {
      at.on().sleep(at.on().random.between(milliseconds{20}, milliseconds{4000}));
      if (life != at.life())
        return;
      if (!at.on().random.one_in(4))
        late();
      at.free(rows);
    });
    if (what == database::fate::hung)
      at.hang(until);
    return in_doubt();
  case database::fate::answer_lost:
  case database::fate::kept:
    break;
  }
  auto result = write();
  by.release();
  if (std::holds_alternative<store_failure>(result))
    return result;
  if (what == database::fate::answer_lost) {
    ++at.seen["commit's answer lost"];
    return in_doubt();
  }
  if (by.work(some_time(at), until))
    return in_doubt();
  return result;
}

class simulated_store final : public ledger_store {
public:
  post_result post(const posting_batch& batch, const post_limits& limits) override {
    auto& at = here();
    auto& on = at.on();
    const auto began = on.now;
    const auto statement = limits.statement.count() > 0 ? limits.statement : usual_statement;
    const auto until = began + statement + patience;
    database::session own{at};
    if (auto failure = own.work(some_time(at), until)) {
      failure->no_session = failure->kind == store_failure_kind::unavailable;
      return *std::move(failure);
    }
    if (auto failure = lock_rows(at, own, batch, limits, began + statement))
      return *std::move(failure);
    if (auto failure = own.work(some_time(at), until))
      return *std::move(failure);
    auto result = commit<posted>(
        at, own, [&] { return write(at, batch); },
        [&at, copy = std::make_shared<const posting_batch>(batch)] { write(at, *copy); });
    if (auto* done = std::get_if<posted>(&result))
      done->statistics.work_us =
          std::chrono::duration_cast<std::chrono::microseconds>(on.now - began).count();
    return result;
  }

private:
  static post_result write(database& at, const posting_batch& batch) {
    test::memory_store inner{at.ledger};
    for (const auto each : at.refused)
      inner.reject(each);
    auto result = inner.post(batch, {});
    const auto* failure = std::get_if<store_failure>(&result);
    if (failure == nullptr)
      return result;
    ++at.seen[failure->kind == store_failure_kind::rejected ? "batch refused" : "post failed"];
    for (const auto& each : batch.entries)
      if (at.refused.contains(each.asked.id))
        at.note_obstructed(batch.heads[each.head].account);
    return result;
  }

  // In key order, as the real one.
  static std::optional<store_failure> lock_rows(database& at, database::session& by,
                                                const posting_batch& batch,
                                                const post_limits& limits, time_point statement) {
    std::vector<std::size_t> places(batch.heads.size());
    for (std::size_t i = 0; i < places.size(); ++i)
      places[i] = i;
    std::sort(places.begin(), places.end(), [&](std::size_t one, std::size_t other) {
      return batch.heads[one].account < batch.heads[other].account;
    });
    const auto wait = limits.lock.count() > 0 ? limits.lock : milliseconds{2000};
    for (const auto place : places) {
      if (by.take(batch.heads[place].account, std::min(at.on().now + wait, statement)))
        continue;
      if (by.broken())
        return store_failure{store_failure_kind::unavailable, "the session was ended"};
      store_failure failure{store_failure_kind::blocked, "canceling statement due to lock timeout"};
      if (limits.one_by_one || at.on().random.one_in(3))
        failure.culprits.push_back(place);
      at.note_obstructed(batch.heads[place].account);
      ++at.seen["batch blocked"];
      return failure;
    }
    return std::nullopt;
  }
};

class simulated_record_store final : public record_store {
public:
  explicit simulated_record_store(std::shared_ptr<ledger_view> view) : view_(std::move(view)) {}

  record_result record(const std::vector<new_record>& batch) override {
    return run<std::vector<recorded>>([batch](auto& inner) { return inner.record(batch); });
  }
  settle_result settle(const std::vector<record_verdict>& batch) override {
    if (auto failure = wait_for_records(batch))
      return *std::move(failure);
    return run<std::vector<settled>>([batch](auto& inner) { return inner.settle(batch); });
  }
  find_result find(const std::vector<record_id>& ids) override {
    return run<std::vector<transaction_record>>([ids](auto& inner) { return inner.find(ids); });
  }
  find_result claim(milliseconds age, std::size_t limit) override {
    return run<std::vector<transaction_record>>(
        [age, limit](auto& inner) { return inner.claim(age, limit); });
  }

private:
  // As long as the real one does. Sometimes the time is over before it can ask who is held.
  static std::optional<store_failure> wait_for_records(const std::vector<record_verdict>& batch) {
    auto& at = here();
    if (at.held_of(batch).empty())
      return std::nullopt;
    database::session own{at};
    if (auto failure = own.work(milliseconds{200}, at.on().now + usual_statement + patience))
      return failure;
    auto held = at.held_of(batch);
    if (held.empty())
      return std::nullopt;
    ++at.seen["verdict blocked"];
    if (at.on().random.one_in(4))
      held.clear();
    return store_failure{store_failure_kind::blocked, "canceling statement due to lock timeout",
                         std::move(held)};
  }

  template <class Result, class Call>
  std::variant<Result, store_failure> run(Call call) {
    auto& at = here();
    const auto act = [&at, call] {
      at.pass_time();
      test::memory_record_store inner{at.records};
      return call(inner);
    };
    database::session own{at};
    if (auto failure = own.work(some_time(at), at.on().now + usual_statement + patience))
      return *std::move(failure);
    return commit<Result>(at, own, act, act);
  }

  std::shared_ptr<ledger_view> view_;
};

// What the responder asks. Like the real one it throws when the database is away.
class simulated_reader final : public ledger_reader {
public:
  std::vector<currency> currencies() override {
    look();
    return {{*currency_code::parse("KRW"), 0}};
  }
  std::vector<account_row> accounts_of(const std::string& user) override {
    std::vector<account_row> result;
    for (const auto& [account, head] : look().accounts)
      if (account.user_id == user)
        result.push_back({account, head, database_time{1}});
    return result;
  }
  std::optional<posting> find(record_id id) override {
    const auto all = look();
    const auto found = all.postings.find(id);
    return found == all.postings.end() ? std::nullopt : std::optional{found->second};
  }
  ledger_marks marks(record_id from, std::int64_t window) override {
    ledger_marks result;
    for (const auto& [id, row] : look().postings) {
      if (to_int(id) >= to_int(from) && to_int(id) - to_int(from) < window)
        result.highest_record = id;
      if (to_int(row.id) > to_int(result.highest_transaction))
        result.highest_transaction = row.id;
    }
    return result;
  }
  std::vector<posting> history(const account_key&, std::int64_t, int) override {
    look();
    return {};
  }
  std::vector<posting> history(const std::string&, const history_position&, int) override {
    look();
    return {};
  }
  std::vector<audited_posting> find_all(const std::vector<record_id>& ids) override {
    const auto all = look();
    std::vector<audited_posting> result;
    for (const auto id : ids)
      if (const auto found = all.postings.find(id); found != all.postings.end())
        result.push_back({found->second, 0});
    return result;
  }
  void snapshot(const std::optional<account_key>&, const std::function<void(const account_row&)>&,
                const std::function<void(const audited_posting&)>&) override {
    look();
  }
  std::vector<linked_posting> linked_after(transaction_id, std::size_t,
                                           std::chrono::seconds) override {
    look();
    return {};
  }
  std::int64_t written_with(const posting&) override { return 1; }
  totals count() override {
    look();
    return {};
  }
  std::int64_t commits(record_id, record_id) override { return 0; }
  bool writable() override {
    look();
    return true;
  }

private:
  static test::memory_database::content look() {
    auto& at = here();
    database::session own{at};
    if (const auto failure = own.work(some_time(at), at.on().now + milliseconds{3000}))
      throw std::runtime_error{failure->detail};
    return at.ledger->picture();
  }
};

} // namespace

std::unique_ptr<ledger_store> make_postgres_store(url_source) {
  return std::make_unique<simulated_store>();
}

std::unique_ptr<ledger_reader> make_postgres_reader(const url_source&, std::chrono::milliseconds) {
  return std::make_unique<simulated_reader>();
}

std::unique_ptr<record_store> make_postgres_record_store(url_source,
                                                         std::shared_ptr<ledger_view> ledger) {
  return std::make_unique<simulated_record_store>(std::move(ledger));
}

// A function here that has not the signature of the one it replaces would leave that one linked:
// there are two of it then, and its address does not compile.
[[maybe_unused]] constexpr auto* the_store = &make_postgres_store;
[[maybe_unused]] constexpr auto* the_reader = &make_postgres_reader;
[[maybe_unused]] constexpr auto* the_record_store = &make_postgres_record_store;

// Defined beside the store that is replaced.
void ledger_view::hear(const ledger_marks& marks) noexcept {
  record_ = std::max(record_.load(), to_int(marks.highest_record));
  transaction_ = std::max(transaction_.load(), to_int(marks.highest_transaction));
  heard_ = true;
}

void ledger_view::see(record_id id) noexcept {
  record_ = std::max(record_.load(), to_int(id));
}

std::optional<ledger_marks> ledger_view::marks() const noexcept {
  if (!heard_)
    return std::nullopt;
  return ledger_marks{record_id{record_.load()}, transaction_id{transaction_.load()}};
}

} // namespace ledgerd
