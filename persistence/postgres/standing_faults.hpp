// What may change for the worse under a node that runs.
#pragma once

#include <string>

#include "persistence/postgres/database.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

// The sentences of check_database() about rights, about migrations that are missing, and about what
// the guarantees rest on: tables that a crash does not empty, unique indexes, triggers. A newer
// schema is none, and its indexes and triggers are not judged: nodes of this version go on beside
// newer ones. Empty: all is well. Between transactions; throws database_error.
std::string standing_faults(database& session, schema which);

// The sentence of check_database's warnings about commits that wait for no synchronous standby,
// though the server is to have one. Empty: they wait, or there is none. Likewise.
std::string standby_warning(database& session);

} // namespace ledgerd
