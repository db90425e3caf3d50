// What a database says about the migrations it has.
#pragma once

#include <string>
#include <vector>

#include "persistence/postgres/database.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

struct applied_migration {
  int version;
  std::string name;
  std::string checksum;
};

// In order of version; empty for a database without the schema.
std::vector<applied_migration> read_applied_migrations(database& session, schema which);

// A sentence when they are not the first ones of this program's, unchanged; else empty.
std::string migration_fault(const std::vector<applied_migration>& applied, schema which);

} // namespace ledgerd
