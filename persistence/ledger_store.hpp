// The ledger's store as the gate's poster sees it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "domain/plan.hpp"

namespace ledgerd {

// A failure of the world, never of the rules.
enum class store_failure_kind {
  // Nothing was written: the database is away, refuses, was too slow, or rolled back. Post again.
  unavailable,
  // The connection broke during COMMIT: it may have been written. Post the same batch again; what
  // was committed then comes back as known.
  in_doubt,
  // The database refuses the batch for its content: what a constraint, a trigger or a function says
  // of the rows. Nothing was written; posting it again fails again. Split it to find the culprit.
  rejected,
  // A lock or the time for a statement ran out, or a place is damaged. Nothing was written, and the
  // entries are not at fault. Split it to find the account that is stuck, and let that one wait.
  blocked,
};

struct store_failure {
  store_failure_kind kind = store_failure_kind::unavailable;
  std::string detail; // for the log; holds no secrets
  // Places among the batch's heads of the accounts known to be at fault. Empty: not known.
  std::vector<std::size_t> culprits{};
  // How many entries had been written when the time was over. 0: not known.
  std::size_t managed = 0;
  // Unavailable by the server's own word: it refuses, or has no room. A new process would hear the
  // same. Blocked by it: it refuses a row that stays, for a right that a trigger lacks for example;
  // no lock and no time ran out.
  bool refused = false;
  // Unavailable since no session could be had: nothing of the batch was tried, and whoever has one
  // may well post it.
  bool no_session = false;
};

// What one post may cost; 0: as long as the connection allows.
struct post_limits {
  std::chrono::milliseconds lock{0};      // for one lock that another session holds
  std::chrono::milliseconds statement{0}; // for one statement
  // Write account by account, which takes two round trips for each: a failure then names the
  // account at which it happened, and success those that took far longer than the others. Ends as
  // `blocked` when all of them together take longer than one statement may.
  bool one_by_one = false;
};

// What a post did besides answering, for the metrics.
struct post_statistics {
  std::uint32_t rows = 0;             // postings inserted
  std::uint32_t fence_rejections = 0; // accounts whose head was not the database's any more
  std::uint32_t heads_lost = 0;       // of them: the database has never had that head, or lost it
  std::uint32_t heads_read = 0;       // accounts that came without a head
  std::uint32_t raced = 0;            // times the batch was begun anew: another session was quicker
  std::int64_t work_us = 0;           // time from BEGIN to COMMIT, without the latter
};

struct posted {
  // The heads after it, one for each of the batch's; where no row was written, the head given or
  // read.
  std::vector<account_head> heads;
  std::vector<answer> answers; // one for each entry of the batch
  post_statistics statistics;
  // Posted one by one: the places of the accounts that took far longer than the others.
  std::vector<std::size_t> slow{};
};

using post_result = std::variant<posted, store_failure>;

// Posts batches. One object belongs to one thread and owns one connection, made on first use and
// made anew after any failure.
//
// Guarantees, for every implementation (tests/persistence runs one suite over all of them):
// - All of a batch is committed, or none of it.
// - A record id that has a posting is answered from it and writes nothing; an id that stands in the
//   batch twice is answered by its first place.
// - An entry is only ever posted on the head that the database holds: where a head is unknown or
//   old, the batch is decided anew from the present one, inside the same transaction, with the
//   account locked.
// - Entries of one account are decided in the batch's order, whatever stands between them.
// - Accounts are locked in key order, so that two batches cannot wait for each other in a circle.
// - The number of rows written is checked before COMMIT.
class ledger_store {
public:
  virtual ~ledger_store() = default;

  // Blocks until the batch is committed or has failed. Does not throw. Precondition: no two heads
  // have equal accounts, and every entry's place is that of its account.
  virtual post_result post(const posting_batch& batch, const post_limits& limits = {}) = 0;
};

} // namespace ledgerd
