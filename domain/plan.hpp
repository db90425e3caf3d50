// The rules: `decide` for one entry, `plan` for a batch. Pure functions; the only place where rules
// live.
#pragma once

#include <cstddef>
#include <optional>
#include <unordered_map>
#include <vector>

#include "domain/entry.hpp"

namespace ledgerd {

struct decision {
  outcome verdict;     // applied, insufficient_funds or balance_overflow
  money balance_after; // the balance before, when refused
};

// What a new entry does to a balance. Precondition (asserted): amount > 0, balance >= 0.
decision decide(money balance, movement type, money amount) noexcept;

// An account of a batch.
struct batch_head {
  account_key account;
  // The head the caller computed from; nothing when it does not know it (an account not in use so
  // far). It is a fence, not a hint: rows are only written while the database still holds this very
  // sequence.
  std::optional<account_head> head;
};

// An entry of a batch.
struct batch_entry {
  entry asked;
  std::size_t head = 0; // the place of its account among the batch's heads
};

// What is posted together. The order of the entries is the order in which they are decided; those
// of different accounts may stand in any order. An account may be there without an entry.
struct posting_batch {
  std::vector<batch_head> heads; // each account once
  std::vector<batch_entry> entries;
};

// The answer to one entry: `stored` is the posting that answers it. For `conflict` it is the
// posting that holds the record id with other content.
struct answer {
  outcome verdict = outcome::applied;
  posting stored;
};

using known_postings = std::unordered_map<record_id, posting>;

// What a batch is going to write and answer.
struct batch_plan {
  // New postings in the order of the entries; `id` and `created_at` are not filled yet.
  std::vector<posting> rows;
  // For every head of the batch, in order: the account's head after the rows.
  std::vector<account_head> heads;
  // For every entry in order; all verdicts stand, `stored` is filled only where a known posting
  // answers. Each new entry is answered by the next of the rows.
  std::vector<answer> answers;
  // The entries that repeat a record id of the batch itself, and the rows that answer them.
  struct repetition {
    std::size_t place;
    std::size_t row;
  };
  std::vector<repetition> repetitions;
};

// Whether an entry with this verdict is answered by a row of its own, not by another's.
constexpr bool is_new(outcome verdict) noexcept {
  return verdict != outcome::duplicate && verdict != outcome::conflict;
}

// Decides a batch on `heads`, one for each account of the batch and in its order, whatever heads
// the batch itself gives. `known` holds the stored posting of every record id of the batch that has
// one; an id that stands in the batch twice is answered by its first place. Precondition
// (asserted): every entry's account is the one at its place among the heads.
batch_plan plan(const posting_batch& batch, std::vector<account_head> heads,
                const known_postings& known);

// Completes the answers of a plan from its rows, once ids and time are known.
std::vector<answer> complete(batch_plan&& planned);

} // namespace ledgerd
