// A quick look whether a database accepts writes, within a time limit that also holds when the
// server hangs.
//
// One thread.
#pragma once

#include <chrono>
#include <optional>

#include "persistence/postgres/database.hpp"
#include "persistence/url_source.hpp"

namespace ledgerd {

class probe {
public:
  explicit probe(url_source url) : url_(std::move(url)) {}

  // Waits at most `limit`; a database that cannot be asked is not writable. Keeps its session for
  // the next time.
  bool writable(std::chrono::milliseconds limit);

private:
  bool ask();

  url_source url_;
  std::optional<database> session_;
};

} // namespace ledgerd
