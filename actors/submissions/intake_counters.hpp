// What the intake has counted since it was spawned.
#pragma once

#include <cstdint>

#include "actors/common/report.hpp"

namespace ledgerd {

struct intake_counters {
  std::int64_t accepted = 0;
  std::int64_t repeated = 0;
  std::int64_t conflict = 0;
  std::int64_t unavailable = 0;
  std::int64_t expired = 0; // of these, those whose deadline passed
  std::int64_t unconfirmed = 0;
  std::int64_t batches = 0;
  duration_histogram verdict_wait; // from the record to the verdict, of those that wait
};

} // namespace ledgerd
