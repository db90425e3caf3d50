// What may change for the worse under a node that runs.
#pragma once

#include <string>

#include "persistence/postgres/database.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

// The sentences of check_database() about rights, and about migrations that are missing. A newer
// schema is none: nodes of this version go on beside newer ones. Empty: all is well.
std::string standing_faults(database& session, schema which);

} // namespace ledgerd
