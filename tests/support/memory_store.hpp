// A ledger store in memory, for tests of whatever stands on a store. It passes the same contract
// suite as the PostgreSQL store (tests/persistence/store_contract.hpp).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "persistence/ledger_store.hpp"

namespace ledgerd::test {

// What several stores share, as several connections share a server. Any thread.
class memory_database {
public:
  struct content {
    std::map<account_key, account_head> accounts;
    std::map<record_id, posting> postings;
  };

  // A consistent picture of everything.
  content picture() const;

private:
  friend class memory_store;

  mutable std::mutex mutex_;
  content content_;
};

// One thread, like every store. The switches say what the next posts are to do.
class memory_store final : public ledger_store {
public:
  explicit memory_store(
      std::shared_ptr<memory_database> shared = std::make_shared<memory_database>());

  post_result post(const posting_batch& batch, const post_limits& limits = {}) override;

  // The next `count` posts write nothing and fail with `kind`.
  void fail_next(int count, store_failure_kind kind);

  // The next `count` posts commit and are then reported as in doubt.
  void commit_in_doubt_next(int count) { commits_in_doubt_ = count; }

  // Every batch that would write a row for this record id is rejected, until accept().
  void reject(record_id id) { rejected_.insert(id); }
  void accept(record_id id) { rejected_.erase(id); }

  // Every batch that touches this account is blocked, until unblock(). The store names the account,
  // or only when it writes one by one, or never.
  enum class naming { at_once, one_by_one, never };
  void block(const account_key& account, naming how);
  void unblock(const account_key& account);

  // How many times post() was called.
  int posts() const noexcept { return posts_; }

  const std::shared_ptr<memory_database>& shared() const noexcept { return shared_; }

private:
  std::vector<account_head> present_heads(const posting_batch& batch,
                                          post_statistics& statistics) const;
  bool rejects(const batch_plan& planned) const;
  std::optional<store_failure> blocks(const posting_batch& batch, const post_limits& limits) const;
  void write(const posting_batch& batch, const std::vector<account_head>& before,
             batch_plan& planned);

  std::shared_ptr<memory_database> shared_;
  std::set<record_id> rejected_;
  std::map<account_key, naming> blocked_;
  store_failure_kind failure_ = store_failure_kind::unavailable;
  int failures_ = 0;
  int commits_in_doubt_ = 0;
  int posts_ = 0;
};

} // namespace ledgerd::test
