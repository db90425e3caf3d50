// Rows of account.transaction_records.
#pragma once

#include <cstddef>
#include <string>

#include "domain/record.hpp"
#include "persistence/postgres/database.hpp"

namespace ledgerd {

inline const std::string record_columns =
    "id, user_id, currency, type, amount, status, transaction_id, reason, balance_after, "
    "(extract(epoch FROM created_at) * 1000000)::bigint, "
    "(extract(epoch FROM updated_at) * 1000000)::bigint";

constexpr int record_column_count = 11;

// Reads the row of a statement that selects `record_columns` first. Throws what
// `unreadable_row` (posting_rows.hpp) does when it holds what this binary cannot have written.
transaction_record read_record(const rows& answer, std::size_t row);

} // namespace ledgerd
