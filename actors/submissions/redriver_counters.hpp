// What the redriver has counted since it was spawned.
#pragma once

#include <cstdint>

#include "actors/common/report.hpp"

namespace ledgerd {

struct redriver_counters {
  std::int64_t claimed = 0;
  std::int64_t settled = 0;
  std::int64_t republished = 0;
  std::int64_t unanswered = 0;
  std::int64_t contrary = 0;
};

} // namespace ledgerd
