// Where a page of a user's history over all currencies begins.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "domain/entry.hpp"

namespace ledgerd {

// The page holds postings with an id below `before` and, in the currencies that are named, a
// sequence number below theirs. An account's sequence numbers grow with its ids, so the second only
// saves looking at what earlier pages showed. Without values: from the newest.
struct history_position {
  std::int64_t before = 0; // a transaction id; 0: no limit
  std::vector<std::pair<currency_code, std::int64_t>> seqs;

  friend bool operator==(const history_position&, const history_position&) = default;
};

// The position after a page that began at `page` and holds `shown`, newest first, not empty.
history_position next_position(history_position page, const std::vector<posting>& shown);

} // namespace ledgerd
