// About how many rows a ledger has, for whoever only wants to see that it is there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ledgerd {

// As the database noted it when it last looked at its tables. Nothing: it never has.
struct rough_totals {
  std::optional<std::int64_t> accounts;
  std::optional<std::int64_t> transactions;
};

// Reads no row and waits for no lock; at most some seconds. Throws std::runtime_error likewise as
// read_schema.
rough_totals read_rough_totals(const std::string& database_url);

} // namespace ledgerd
