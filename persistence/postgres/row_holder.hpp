// Which session holds the lock on an account's row: told by the row itself, whoever asks and
// whether or not anybody waits. And which one keeps everybody from writing to the tables.
#pragma once

#include <optional>

#include "persistence/locks.hpp"
#include "persistence/postgres/database.hpp"

namespace ledgerd {

// Its parameters are user and currency.
const statement& row_holder_question();

// Who has, or waits for, a lock on a whole table of the ledger that lets nobody write. Without
// parameters.
const statement& table_holder_question();

// The same of the account side's table.
const statement& record_table_holder_question();

// Nothing: nobody has it, several share it, or a prepared transaction does.
std::optional<session_name> read_row_holder(const rows& found);

} // namespace ledgerd
