// Which databases belong to a shadow: the table `ledger.shadow` stands in those, so that no daemon
// takes the rows of a shadow for its own, and no shadow writes where a daemon does.
#pragma once

#include <string>

namespace ledgerd {

// What is said of a database that is marked to whoever is no shadow.
inline constexpr const char* shadow_database_sentence =
    "the database is a shadow's (it has the table `shadow` beside those of the ledger): nobody was "
    "told of its rows; use another one";

// Whether the database is marked. Waits; throws as the functions of schema.hpp.
bool is_shadow_database(const std::string& database_url);

// Makes the database a shadow's, if it is not yet. Returns why it cannot be one, as a sentence;
// empty: it is. What an import has written is no obstacle. Waits; throws likewise.
std::string claim_for_shadow(const std::string& database_url);

} // namespace ledgerd
