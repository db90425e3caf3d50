// A record store in memory, for tests of whatever stands on a store. It passes the same contract
// suite as the PostgreSQL store (tests/persistence/record_contract.hpp).
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "persistence/record_store.hpp"

namespace ledgerd::test {

// What several stores share, as several connections share a server. Any thread.
class memory_record_database {
public:
  using content = std::map<record_id, transaction_record>;

  // A consistent picture of everything.
  content picture() const;

  // Its clock stands still but for this and a microsecond for every call that writes.
  void pass(std::chrono::milliseconds time);

private:
  friend class memory_record_store;

  mutable std::mutex mutex_;
  content records_;
  std::map<std::string, record_id> keys_;
  std::map<record_id, std::string> traces_;           // of calls
  std::int64_t microseconds_ = 1'770'000'000'000'000; // some moment of 2026
};

// One thread, like every store. The switches say what the next calls are to do.
class memory_record_store final : public record_store {
public:
  explicit memory_record_store(
      std::shared_ptr<memory_record_database> shared = std::make_shared<memory_record_database>());

  record_result record(const std::vector<new_record>& batch) override;
  settle_result settle(const std::vector<record_verdict>& batch) override;
  find_result find(const std::vector<record_id>& ids) override;
  find_result claim(std::chrono::milliseconds age, std::size_t limit) override;

  // The next `count` calls write nothing and fail with `kind`, by the server's own word or not.
  void fail_next(int count, store_failure_kind kind, bool refused = false);

  // From now on a verdict with this transaction is refused, as by a trigger.
  void reject_transaction(transaction_id id) { rejected_ = id; }

  // What is refused from now on fails for a lock of somebody else instead.
  void block_instead() { breach_ = store_failure_kind::blocked; }

  // From now on somebody else holds these records, and the store names them.
  void lock_records(std::vector<record_id> ids) { locked_ = std::move(ids); }

  // From now on a submission of this user is refused, as by a trigger.
  void reject_user(std::string user) { rejected_user_ = std::move(user); }

  // From now on, or no longer, no submission is taken, as by a table with a column that nobody
  // fills. Nothing fails when there is none.
  void take_no_rows(bool which) { takes_no_rows_ = which; }

  // The next `count` calls that write commit and are then reported as in doubt.
  void commit_in_doubt_next(int count) { commits_in_doubt_ = count; }

  // Called at the beginning of each claim, and each settlement.
  void before_claims(std::function<void()> what) { before_claims_ = std::move(what); }
  void before_settlements(std::function<void()> what) { before_settlements_ = std::move(what); }

  // How many times any function was called.
  int calls() const noexcept { return calls_; }

  const std::shared_ptr<memory_record_database>& shared() const noexcept { return shared_; }

private:
  template <class Result, class Function>
  std::variant<Result, store_failure> run(Function function);

  database_time now() const { return database_time{shared_->microseconds_}; }
  recorded record_one(const new_record& each);
  settled settle_one(const record_verdict& verdict);
  std::vector<std::size_t> places_locked(const std::vector<record_verdict>& batch) const;

  std::shared_ptr<memory_record_database> shared_;
  store_failure_kind failure_ = store_failure_kind::unavailable;
  int failures_ = 0;
  bool refused_ = false;
  std::optional<transaction_id> rejected_;
  store_failure_kind breach_ = store_failure_kind::rejected;
  std::vector<record_id> locked_;
  std::optional<std::string> rejected_user_;
  bool takes_no_rows_ = false;
  int commits_in_doubt_ = 0;
  std::function<void()> before_claims_, before_settlements_;
  int calls_ = 0;
  bool wrote_ = false;
};

} // namespace ledgerd::test
