// Where the URLs of the two databases come from: their files, read again for each new connection,
// or the configuration.
#pragma once

#include "app/config/server_settings.hpp"
#include "persistence/url_source.hpp"

namespace ledgerd {

url_source ledger_database(const database_settings& settings);
url_source account_database(const database_settings& settings);

} // namespace ledgerd
