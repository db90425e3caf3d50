// The PostgreSQL implementations, made by functions so that no libpqxx header leaves this room.
#pragma once

#include <memory>

#include "persistence/ledger_reader.hpp"
#include "persistence/ledger_store.hpp"
#include "persistence/url_source.hpp"

namespace ledgerd {

// The store of one poster. Does not connect before the first post.
std::unique_ptr<ledger_store> make_postgres_store(url_source database_url);

std::unique_ptr<ledger_reader> make_postgres_reader(url_source database_url);

} // namespace ledgerd
