// Whether a database gives a node as many sessions at once as it may need.
#pragma once

#include <cstddef>
#include <string>

namespace ledgerd {

// A sentence when it does not: the role's, the database's or the server's limit of connections is
// lower, or a pooler in between has fewer left, which shows only by asking for all of them for a
// moment. Empty: it does. Waits up to some seconds; throws as check_database does.
std::string session_room_warning(const std::string& database_url, std::size_t needed);

} // namespace ledgerd
