// How a database tells which one it is.
#pragma once

namespace ledgerd {

// One text. Denied to a role that may not execute pg_control_system().
inline constexpr const char* identity_query =
    "SELECT system_identifier::text || '/' || oid::text FROM pg_control_system(), pg_database "
    "WHERE datname = current_database()";

} // namespace ledgerd
