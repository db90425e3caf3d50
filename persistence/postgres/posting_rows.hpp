// Rows of ledger.transactions as postings.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "domain/entry.hpp"
#include "persistence/postgres/database.hpp"

namespace ledgerd {

// Microseconds since the epoch, exactly: extract() gives a decimal number.
inline const std::string posting_columns =
    "id, record_id, user_id, currency, seq, type, amount, reason, balance_after, "
    "(extract(epoch FROM created_at) * 1000000)::bigint";

constexpr int posting_column_count = 10;

// Reads the row of a statement that selects `posting_columns` first. Throws std::runtime_error when
// it holds what this binary cannot have written.
posting read_posting(const rows& answer, std::size_t row);

// What a word of the database means. Throws std::runtime_error when this binary does not know it.
template <class T>
T known_word(std::optional<T> value, std::string_view word) {
  if (!value)
    throw std::runtime_error("the database holds the unknown word '" + std::string(word) + "'");
  return *value;
}

// Reads two neighbouring columns, user and currency; the same error.
account_key read_account_key(const rows& answer, std::size_t row, int column);

} // namespace ledgerd
