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

// The entries of one account that are posted together, in order, and the head they build on.
struct posting_group {
  account_key account;
  // The head the caller computed from; nothing when it does not know it (an account not in use so
  // far). It is a fence, not a hint: rows are only written while the database still holds this very
  // sequence.
  std::optional<account_head> head;
  std::vector<entry> entries; // every entry's account equals `account`
};

// The answer to one entry: `stored` is the posting that answers it. For `conflict` it is the
// posting that holds the record id with other content.
struct answer {
  outcome verdict = outcome::applied;
  posting stored;
};

// The answers to a group's entries, in the same order, and the account's head after them.
struct group_answer {
  account_head head;
  std::vector<answer> answers;
};

using known_postings = std::unordered_map<record_id, posting>;

// What a batch is going to write and answer.
struct batch_plan {
  // New postings in the order of groups and entries; `id` and `created_at` are not filled yet.
  std::vector<posting> rows;
  // For every group in order; all verdicts stand, `stored` is not filled yet where `answered_by`
  // names a row.
  std::vector<group_answer> groups;
  // For every group and entry: the index into `rows` that answers it, or `no_row` when a known
  // posting does.
  std::vector<std::vector<std::size_t>> answered_by;

  static constexpr std::size_t no_row = static_cast<std::size_t>(-1);
};

// Decides a batch. `known` holds the stored posting of every record id of the batch that has one;
// an id that stands in the batch twice is answered by its first place. Groups whose accounts are
// equal must not occur twice. Precondition (asserted): every group has its head.
batch_plan plan(const std::vector<posting_group>& groups, const known_postings& known);

// Completes the answers of a plan from its rows, once ids and time are known.
std::vector<group_answer> complete(batch_plan&& planned);

} // namespace ledgerd
