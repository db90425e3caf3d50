// The statements of the ledger's store, each with the columns that are its parameters.
//
// An object is filled, then its call is made; the call is valid until it is filled again. The
// columns' memory is kept from batch to batch. One thread.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "domain/plan.hpp"
#include "persistence/postgres/array_literal.hpp"
#include "persistence/postgres/database.hpp"

namespace ledgerd {

// What a session of the store prepares.
std::vector<statement> ledger_statements();

// All that a post executes, about no account and no row.
std::vector<prepared_call> idle_ledger_calls();

// Heads of accounts, by their places in a batch.
class head_question {
public:
  enum class lock : std::uint8_t {
    none,
    wait, // in key order, so that two batches cannot wait for each other in a circle
    skip, // leaves out the accounts that another session has locked
  };

  void clear();
  void add(const account_key& account, std::size_t place);
  bool empty() const noexcept { return count_ == 0; }
  prepared_call call(lock how);

private:
  array_literal users_, currencies_, places_;
  std::size_t count_ = 0;
};

// The postings of record ids that have one.
class known_question {
public:
  struct answer {
    known_postings postings;
    // Rows that hold what this program cannot have written: which, and what that is.
    std::unordered_map<record_id, std::string> unreadable;
  };

  void fill(const std::vector<batch_entry>& entries);
  prepared_call call();
  static answer read(const rows& found);

private:
  array_literal records_;
};

// Accounts that get another head: those that exist and move from the head before, which is the
// fence, or those that are new.
class head_changes {
public:
  enum class kind : std::uint8_t { move, open };

  explicit head_changes(kind which) : which_(which) {}

  void clear();
  // Nothing where the head stays, or where the account is not of the kind.
  void add(const account_key& account, const account_head& before, const account_head& after);
  bool empty() const noexcept { return count_ == 0; }
  prepared_call call();
  // Whether all were changed; if not, a head was old or somebody else has opened an account.
  bool all_done(const rows& answer) const;

private:
  kind which_;
  array_literal users_, currencies_, balances_, seqs_, old_balances_, old_seqs_;
  std::size_t count_ = 0;
};

// New postings. Rows are {id, record id}, in the order in which the postings were added.
class new_rows {
public:
  void clear();
  void add(const posting& row);
  prepared_call call();

private:
  array_literal records_, users_, currencies_, seqs_, types_, amounts_, statuses_, reasons_,
      balances_, fingerprints_;
};

} // namespace ledgerd
