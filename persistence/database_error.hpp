// What a failure of the database means: the one reading of PostgreSQL's SQLSTATEs, for the stores,
// the readers and the start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "persistence/ledger_store.hpp"

namespace ledgerd {

enum class database_fault : std::uint8_t {
  rolled_back, // deadlock or serialization failure: nothing was written, the same may go through at
               // once
  unique,      // a unique constraint: nothing was written
  content,  // it speaks of the rows, or a trigger or function raised it: nothing was written, and
            // again it will fail
  blocked,  // a time limit, or a damaged place: nothing was written, and the rows are not at fault
  limited,  // 54000: nothing was written. A row is too large, or the server gives no transaction
            // ids any more: the state alone does not tell
  in_doubt, // the outcome of COMMIT is unknown
  lost,     // the session is gone; another may do
  away,     // the server cannot now, whatever the rows: it starts, is read-only, its disk is full,
            // ids are at their end, ...
  unreadable, // a place of its disk cannot be read: of whatever it is as `away`, or of single rows
  refused,    // it stays so until somebody changes something: no privilege, no such table, a wrong
           // password, a pooler in between, ...; of what a trigger does, perhaps, for single rows
};

// The message is the server's or libpq's, on one line; it holds no password.
class database_error : public std::runtime_error {
public:
  database_error(database_fault fault, const std::string& message, bool denied = false)
      : std::runtime_error(message), fault_(fault), denied_(denied) {}

  database_fault fault() const noexcept { return fault_; }
  bool denied() const noexcept { return denied_; } // 42501: no privilege, or row security

private:
  database_fault fault_;
  bool denied_;
};

// What an error means that the server has reported with a SQLSTATE (five characters). A class that
// PostgreSQL does not have is somebody's own, raised by a trigger or function: content.
database_fault fault_of(std::string_view sql_state) noexcept;

// What a unique constraint means that a row breaks, by its name: that of a record id, an
// idempotency key or an account may have been taken by another session, and the same may go through
// at once. An id of the table's own counting that is taken is everybody's fault (away). All
// others wait.
database_fault fault_of_unique(std::string_view constraint) noexcept;

// That the ledger's counting of ids lies behind what its table holds, and the cure.
std::string ledger_ids_behind();

// What the server has reported with a SQLSTATE, in its own words; `constraint` is the one that was
// broken, where it tells.
database_error reported_error(std::string_view sql_state, std::string_view text,
                              std::string_view constraint = {});

// The same of what was met in a table that is none of ours, into which a trigger has written:
// refused, so that the store asks whether single rows meet it, unless the session or the server is
// the cause.
database_error strangers_error(std::string_view sql_state, std::string_view text);

// What libpq says of a connection that it could not make: several attempts, over several lines,
// each with the server's SQLSTATE where the server has refused it (PQERRORS_VERBOSE). One sentence,
// about the first of them that says why.
database_error connection_error(std::string_view libpq_text);

// `text` on one line: control characters and runs of blanks become one blank. Of a longer one the
// first `bytes_max`, cut between two characters, and how much was left out.
std::string one_line_of(std::string_view text, std::size_t bytes_max = 1024);

// What becomes of the batch that met the fault, when it is not begun again.
store_failure_kind failure_kind(database_fault fault) noexcept;

} // namespace ledgerd
