// What a gate has counted since it was spawned.
#pragma once

#include <cstdint>

#include "actors/common/report.hpp"

namespace ledgerd {

struct gate_counters {
  std::int64_t batches = 0;
  std::int64_t rows = 0;
  std::int64_t fence_rejections = 0;
  std::int64_t heads_read = 0;
  std::int64_t raced = 0;
  std::int64_t in_doubt = 0;
  std::int64_t unavailable = 0;
  std::int64_t rejected = 0;
  std::int64_t blocked = 0;
  std::int64_t set_aside = 0;
  duration_histogram commit;
};

} // namespace ledgerd
