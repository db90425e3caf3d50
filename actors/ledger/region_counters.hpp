// What the region has counted since it was spawned.
#pragma once

#include <cstdint>

#include "actors/common/report.hpp"

namespace ledgerd {

struct region_counters {
  std::int64_t entries = 0;
  std::int64_t spawned = 0;
  std::int64_t passivated = 0;
};

} // namespace ledgerd
