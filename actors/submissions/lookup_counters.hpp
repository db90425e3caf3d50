// What the lookup has counted since it was spawned.
#pragma once

#include <cstdint>

#include "actors/common/report.hpp"

namespace ledgerd {

struct lookup_counters {
  std::int64_t answered = 0;
  std::int64_t refused = 0;
};

} // namespace ledgerd
