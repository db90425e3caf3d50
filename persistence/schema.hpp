// The databases' schemas, `ledger` and `account`: numbered migrations, applied under an advisory
// lock. The two may live in one database or in two; each keeps its own list of migrations.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ledgerd {

enum class schema { ledger, account };

struct schema_state {
  int version = 0; // highest migration the database has, 0: none
  int known = 0;   // highest migration this binary has
};

// All wait for the database and throw std::runtime_error with a clear sentence of one line (never
// the password). A database_error tells what only somebody else can change (fault `refused`: a
// wrong password, no such database, no right, a pooler in between) from what may pass.

// Applies what is missing, each migration in a transaction of its own; two processes at once are
// safe. A table that another session has in use is tried for a second at a time, so that nobody
// waits behind the migration, and given up after `patience`. Returns the names of what was applied.
// Throws when the database is newer than this binary.
std::vector<std::string> migrate(const std::string& database_url, schema which = schema::ledger,
                                 std::chrono::milliseconds patience = std::chrono::minutes{1});

schema_state read_schema(const std::string& database_url, schema which = schema::ledger);

// One sentence for each thing that would make posting unsafe or impossible: fsync or
// full_page_writes off, a server in recovery, a read-only database, synchronous_commit off, a
// schema older or newer than this binary's, a missing privilege, a pooler that shares sessions, a
// table that a crash would empty, a unique index or trigger that is gone.
// Empty: all is well. Of several servers in the URL the one that can be written to counts.
std::vector<std::string> check_database(const std::string& database_url,
                                        schema which = schema::ledger);

// Whether such a fault passes by itself: a standby is promoted, a server that has just been started
// recovers.
bool may_pass(const std::string& fault);

// What tells this database from all others: the server's system identifier and the database's oid.
// A physical copy that took over is the same one. Empty: the server does not tell this role.
std::string database_identity(const std::string& database_url);

// What tells this ledger from all others, the same for whoever asks: a digest of its database's
// identity and the schema's name. 0: it does not tell.
std::uint64_t ledger_identity(const std::string& of_database);

// One sentence for each thing that makes posting slower than it need be, or other nodes harder to
// tell, or will stop it one day (server_warnings). Empty: there is none.
std::vector<std::string> database_warnings(const std::string& database_url);

// How near the server is to giving no transaction ids any more, and who keeps it from going back;
// whether commits wait for no standby though there is to be one. Empty: all is well.
std::vector<std::string> server_warnings(const std::string& database_url);

} // namespace ledgerd
