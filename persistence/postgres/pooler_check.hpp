// Finds a connection pooler that hands the statements of one session to several sessions of the
// server (transaction or statement pooling): prepared statements and settings would be lost there.
#pragma once

#include <string>

#include "persistence/postgres/database.hpp"

namespace ledgerd {

// A sentence when there is one between this program and the database; else empty. Throws
// database_error.
std::string pooler_fault(const std::string& database_url);

// The same for two sessions with one database, both at rest. Leaves a setting behind in them that
// means nothing to anybody else.
std::string pooler_fault(database& mine, database& other);

} // namespace ledgerd
