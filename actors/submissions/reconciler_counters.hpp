// What a reconciler has counted since it was spawned.
#pragma once

#include <cstdint>

#include "actors/common/report.hpp"

namespace ledgerd {

struct reconciler_counters {
  std::int64_t fetched = 0;
  std::int64_t settled = 0;
  std::int64_t known = 0;
  std::int64_t foreign = 0;  // of nobody here, and left alone
  std::int64_t contrary = 0; // say otherwise than their record
  std::int64_t parked = 0;
  std::int64_t batches = 0;
  std::int64_t failures = 0;
  std::int64_t postponed = 0;
};

} // namespace ledgerd
