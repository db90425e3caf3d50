// The migrations of migrations/<schema>/*.sql, embedded at build time.
#pragma once

#include <string_view>
#include <vector>

#include "persistence/schema.hpp"

namespace ledgerd {

struct migration {
  int version;
  std::string_view name;     // 0001_ledger
  std::string_view checksum; // SHA-256 of the file, hexadecimal
  std::string_view sql;
};

// In order of version: 1, 2, 3, ...
const std::vector<migration>& migrations(schema which);

// As the SQL of this room calls it, whatever it is called in the database.
constexpr std::string_view to_text(schema which) noexcept {
  return which == schema::ledger ? "ledger" : "account";
}

} // namespace ledgerd
