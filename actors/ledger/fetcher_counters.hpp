// What a fetcher has counted since it was spawned.
#pragma once

#include <cstdint>

#include "actors/common/report.hpp"

namespace ledgerd {

struct fetcher_counters {
  std::int64_t fetched = 0;
  std::int64_t redelivered = 0;
  std::int64_t applied = 0;
  std::int64_t refused = 0;
  std::int64_t duplicate = 0;
  std::int64_t parked = 0;
  std::int64_t own_failures = 0;
  std::int64_t let_go = 0; // there was no room for it: its account is stuck
  std::int64_t unconfirmed = 0;
  std::int64_t postponed = 0;
  duration_histogram end_to_end; // from arrival at this process to the acknowledgement
};

} // namespace ledgerd
