// Finds a connection pooler that hands the statements of one session to several sessions of the
// server (transaction or statement pooling): prepared statements and settings would be lost there.
#pragma once

#include <string>

namespace ledgerd {

// A sentence when there is one between this program and the database; else empty. Throws
// database_error.
std::string pooler_fault(const std::string& database_url);

} // namespace ledgerd
