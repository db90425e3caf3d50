// A session with the server that the stores would write to, or, where none of the URL's servers
// lets itself be written to, with any of them, which can say why. Throws database_error.
#pragma once

#include <memory>
#include <string>

#include "persistence/postgres/connection_string.hpp"
#include "persistence/postgres/database.hpp"

namespace ledgerd {

inline std::unique_ptr<database> primary_first(const std::string& database_url) {
  try {
    return std::make_unique<database>(connection_string(database_url));
  } catch (const database_error&) {
    return std::make_unique<database>(any_server_connection_string(database_url));
  }
}

} // namespace ledgerd
