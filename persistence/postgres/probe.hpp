// A quick look whether a database accepts writes and keeps them, within a time limit that also
// holds when the server hangs.
//
// One thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "persistence/postgres/database.hpp"
#include "persistence/url_source.hpp"

namespace ledgerd {

class probe {
public:
  explicit probe(url_source url) : url_(std::move(url)) {}

  // Why the database takes no writes that last, in a line without secrets; empty: it does. Waits at
  // most `limit`; a database that cannot be asked does not. Keeps its session for the next time.
  std::string fault(std::chrono::milliseconds limit);

private:
  std::string ask();

  url_source url_;
  std::optional<database> session_;
};

} // namespace ledgerd
