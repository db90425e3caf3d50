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

// Reads the row of a statement that selects `posting_columns` first. Throws what `unreadable_row`
// does when it holds what this binary cannot have written.
posting read_posting(const rows& answer, std::size_t row);

// Throws database_error (blocked): the row of `whose` in `table`, such as ledger.accounts, cannot
// be read, and why.
[[noreturn]] void unreadable_row(const std::string& whose, std::string_view table,
                                 std::string_view why);

// What a word of the database means. Throws std::runtime_error, naming the column and the word,
// when this binary does not know it.
template <class T>
T known_word(std::optional<T> value, std::string_view column, std::string_view word) {
  constexpr std::size_t shown_bytes_max = 64;
  if (!value)
    throw std::runtime_error("its " + std::string(column) + " is the unknown word '"
                             + one_line_of(word, shown_bytes_max) + "'");
  return *value;
}

// Reads two neighbouring columns, user and currency; the same error.
account_key read_account_key(const rows& answer, std::size_t row, int column);

} // namespace ledgerd
