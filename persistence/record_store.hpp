// The store of the account side's records (schema `account`), as the recorder sees it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "domain/record.hpp"
#include "persistence/ledger_store.hpp"
#include "persistence/url_source.hpp"

namespace ledgerd {

struct new_record {
  submission asked;
  std::string idempotency_key; // empty: none
  std::string traceparent;     // of the call, in version 00; empty: none
};

// What became of a new record.
enum class record_outcome : std::uint8_t {
  recorded, // a new row, PENDING
  repeated, // the key has a record with the same content: that one
  conflict, // the key has a record with other content: that one; nothing was written
};

struct recorded {
  record_outcome outcome = record_outcome::recorded;
  transaction_record record;
};

// What a verdict did to its record.
enum class settle_outcome : std::uint8_t {
  settled,   // the record was PENDING and has its verdict now
  known,     // it has this verdict already
  contrary,  // it has another verdict already and was left alone: one of the two is false
  conflict,  // the record id was taken in the ledger by another request, which asked for something
             // else or is older than the record: FAILED with RECORD_ID_CONFLICT, now or before
  unrelated, // a letter about a request with other content than the record's, which was left alone
  unknown,   // there is no such record
};

struct settled {
  settle_outcome outcome = settle_outcome::unknown;
  transaction_record record; // as it is now; without meaning for `unknown`
};

using record_result = std::variant<std::vector<recorded>, store_failure>; // one for each, in order
using settle_result = std::variant<std::vector<settled>, store_failure>;  // one for each, in order
using find_result = std::variant<std::vector<transaction_record>, store_failure>;

// What this process knows of the ledger; shared by its stores. Any thread.
class ledger_view {
public:
  // The ledger has answered.
  void hear(const ledger_marks& marks) noexcept;

  // This record id has come back with a verdict.
  void see(record_id id) noexcept;

  // Nothing: the ledger has not answered since the process began.
  std::optional<ledger_marks> marks() const noexcept;

  // The ledger has decided a request of the account side that the account database has not; and how
  // often that was found.
  void lack() noexcept { ++lacks_; }
  std::uint64_t lacks() const noexcept { return lacks_; }

private:
  std::atomic<bool> heard_{false};
  std::atomic<std::int64_t> record_{0};
  std::atomic<std::int64_t> transaction_{0};
  std::atomic<std::uint64_t> lacks_{0};
};

// One object belongs to one thread and owns one connection, made on first use and made anew after
// any failure. Every function blocks until it is done or has failed, and does not throw.
//
// Guarantees, for every implementation (tests/persistence runs one suite over all of them):
// - All of a call is committed, or none of it.
// - An idempotency key has at most one record, however many callers on however many nodes use it at
//   once; within one call as well (the first place is recorded, the others are answered from it).
// - A record that has a verdict never changes again.
// - No record id is given that may have been given before, in an earlier life of the database: each
//   is higher than all that this store has given, than those that the ledger had decided when it
//   was heard last, and than those that came back with a verdict. While the ledger has not been
//   heard, the ids begin far above the last one.
// - A verdict that is older than its record, by the ledger's own numbers and by the clock, answers
//   another request.
// - A letter ends a record that asked for the letter's content, and no other.
class record_store {
public:
  virtual ~record_store() = default;

  virtual record_result record(const std::vector<new_record>& batch) = 0;

  // One statement for the batch, and a second look at what another session settled meanwhile. A
  // record id may stand in it twice: the first place decides that is not unrelated. Records that
  // somebody holds are not waited for: the batch is blocked, and they are its culprits. While
  // somebody holds the table itself it is unavailable.
  // Precondition: results or letters, not both.
  virtual settle_result settle(const std::vector<record_verdict>& batch) = 0;

  // The records among `ids` that exist, in no order.
  virtual find_result find(const std::vector<record_id>& ids) = 0;

  // At most `limit` records, oldest first, that are PENDING and were not touched for `age`, nor for
  // as long as they had waited at the last touch (at most an hour), so that each rests twice as
  // long as before; touches them (updated_at), so that no other node claims them within `age`.
  // Each comes with the trace of its call. What was touched more than a minute from now, while the
  // database's clock ran ahead, is claimed at once.
  virtual find_result claim(std::chrono::milliseconds age, std::size_t limit) = 0;
};

// Without a view nothing is known of the ledger, and nothing is asked of the ids.
std::unique_ptr<record_store>
make_postgres_record_store(url_source account_database_url,
                           std::shared_ptr<ledger_view> ledger = nullptr);

// What the account side keeps of the ledger, so that it does without. Every function waits and
// throws std::runtime_error. Belongs to one thread.
class account_keeper {
public:
  virtual ~account_keeper() = default;

  virtual std::vector<currency> currencies() = 0;

  // Adds those that are not kept yet.
  virtual void keep(const std::vector<currency>& rows) = 0;

  // The last record id that was given, or the first that will be.
  virtual record_id last_id() = 0;

  // Whether there is a record with this id.
  virtual bool has(record_id id) = 0;
};

std::unique_ptr<account_keeper> make_postgres_account_keeper(url_source account_database_url);

// Read-only access for the audit. Every function waits and throws std::runtime_error. Belongs to
// one thread.
class record_reader {
public:
  virtual ~record_reader() = default;

  // Whether the schema `account` exists in this database.
  virtual bool exists() = 0;

  // At most `limit` records with an id above `after`, in order of their ids; each with its stored
  // fingerprint.
  struct audited_record {
    transaction_record row;
    std::int64_t stored_fingerprint = 0;
    // The ledger's newest transaction when the record was made, as far as it was known.
    std::optional<transaction_id> after_transaction = std::nullopt;
  };
  virtual std::vector<audited_record> after(record_id id, std::size_t limit) = 0;

  // Those of `ids` that no record has, in their order.
  virtual std::vector<record_id> missing(const std::vector<record_id>& ids) = 0;

  // Whether the database answers and accepts writes now; at most one second.
  virtual bool writable() = 0;

  // The same as a sentence: why it does not, or would lose what it accepts; empty: all is well.
  virtual std::string write_fault() { return writable() ? "" : "not writable"; }
};

std::unique_ptr<record_reader> make_postgres_record_reader(const url_source& account_database_url);

} // namespace ledgerd
