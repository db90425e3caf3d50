// Reading the ledger: for the verbs, the audit and the responder.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "domain/currency.hpp"
#include "domain/history.hpp"
#include "domain/record.hpp"
#include "persistence/locks.hpp"

namespace ledgerd {

struct account_row {
  account_key account;
  account_head head;
  database_time updated_at{};
};

// A row as an audit sees it: beside the content what is stored of it a second time.
struct audited_posting {
  posting row;
  std::int64_t stored_fingerprint = 0;
  bool status_agrees = true; // with the reason
};

// A row and the one before it in its account's chain.
struct linked_posting {
  audited_posting at;
  std::optional<money> balance_before; // after the row with the seq before; nothing: no such row
};

// Read-only access for the verbs and the audit. Every function waits and throws std::runtime_error.
// Belongs to one thread.
class ledger_reader {
public:
  virtual ~ledger_reader() = default;

  virtual std::vector<currency> currencies() = 0;
  virtual std::vector<account_row> accounts_of(const std::string& user_id) = 0;
  virtual std::optional<posting> find(record_id id) = 0;

  // How far the ledger is: the highest record id of the `window` that begins at `from`, and the
  // highest transaction id.
  virtual ledger_marks marks(record_id from, std::int64_t window) = 0;

  // The newest `limit` postings of an account with seq below `before_seq` (0: from the newest).
  virtual std::vector<posting> history(const account_key& account, std::int64_t before_seq,
                                       int limit) = 0;

  // The newest `limit` postings of all the user's accounts that `page` holds, newest first.
  virtual std::vector<posting> history(const std::string& user_id, const history_position& page,
                                       int limit) = 0;

  // The postings among `ids` that exist, in no order.
  virtual std::vector<audited_posting> find_all(const std::vector<record_id>& ids) = 0;

  // The whole ledger, streamed through two cursors: all accounts in key order and all postings in
  // (account key, seq) order, each account before its postings. With `after` only what comes after
  // that account. Each account with its postings is of one consistent picture (a repeatable-read
  // transaction); a later one may be of a later picture, because the old versions of rows that a
  // picture needs are what slows writers down.
  virtual void snapshot(const std::optional<account_key>& after,
                        const std::function<void(const account_row&)>& account,
                        const std::function<void(const audited_posting&)>& row) = 0;

  // At most `limit` postings with a higher transaction id, in order of their ids, and of these only
  // as many as are older than `rest` together: an earlier id may still be under way. Throws while
  // a COMMIT of this role waits for its standby: it may be under way for longer.
  virtual std::vector<linked_posting> linked_after(transaction_id id, std::size_t limit,
                                                   std::chrono::seconds rest) = 0;

  // How many postings the transaction wrote that wrote this one.
  virtual std::int64_t written_with(const posting& row) = 0;

  struct totals {
    std::int64_t accounts = 0;
    std::int64_t applied = 0;
    std::int64_t refused = 0;
  };
  virtual totals count() = 0;

  // How many transactions wrote the postings with record ids from `first` to before `last`.
  virtual std::int64_t commits(record_id first, record_id last) = 0;

  // Who has the account's row locked now; nothing: nobody, or it cannot be told.
  virtual std::optional<session_name> holder_of(const account_key&) { return std::nullopt; }

  // Whether the database answers and accepts writes now; at most one second.
  virtual bool writable() = 0;

  // The same as a sentence: why it does not, or would lose what it accepts; empty: all is well.
  virtual std::string write_fault() { return writable() ? "" : "not writable"; }
};

} // namespace ledgerd
