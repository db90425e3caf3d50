// Which databases belong to a shadow: the table `ledger.shadow` stands in those, so that no daemon
// takes the rows of a shadow for its own, and no shadow writes where a daemon does.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "persistence/url_source.hpp"

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

// What a shadow's database says of its past.
struct shadow_past {
  std::int64_t since_ns = 0; // it is a shadow's, since 1970; 0: not known
  bool decided = false;      // it holds a row that no import has written
};

// Waits; throws likewise.
shadow_past read_shadow_past(const std::string& database_url);

// That one shadow at a time works in a database: two would share the consumers, and each would
// compare a part. A lock of a session of its own, which ends with the process. Belongs to one
// thread at a time.
class shadow_claim {
public:
  virtual ~shadow_claim() = default;

  // Takes the database, or sees that it is still this process's: the session may have ended. Waits
  // for a shadow that is about to end, at most so long. Returns why not, as a sentence; empty: it
  // has it. Throws likewise.
  virtual std::string hold(std::chrono::milliseconds patience) = 0;
};

std::unique_ptr<shadow_claim> make_shadow_claim(url_source database_url);

} // namespace ledgerd
