// The PostgreSQL implementations, made by functions so that no libpqxx header leaves this room.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "persistence/ledger_reader.hpp"
#include "persistence/ledger_store.hpp"
#include "persistence/url_source.hpp"

namespace ledgerd {

// The store of one poster. Does not connect before the first post.
std::unique_ptr<ledger_store> make_postgres_store(url_source database_url);

// Its `snapshot` keeps each picture for `picture_max`, or four times as long as the database took
// to begin it, and until the account that is being shown then is complete.
std::unique_ptr<ledger_reader>
make_postgres_reader(const url_source& database_url,
                     std::chrono::milliseconds picture_max = std::chrono::seconds{30});

// The connection string of whoever only reads, and may wait for what a standby lacks yet: one
// server that is named alone may be one. Of several the primary is taken, as always.
std::string reading_connection(const std::string& database_url);

} // namespace ledgerd
