// Which groups of a batch, written one by one, are to blame for its slowness. A pure function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace ledgerd {

// The places of the groups that took at least 20 ms and ten times as long as the others do on
// average: when all are slow, the world is, and none is named. `took` is in microseconds; 0 for a
// group that was not reached.
inline std::vector<std::size_t> slow_groups(const std::vector<std::int64_t>& took) {
  constexpr std::int64_t floor_us = 20'000;
  constexpr std::int64_t factor = 10;
  std::int64_t quick_sum = 0, quick_count = 0;
  for (const auto each : took) {
    const bool is_quick = each > 0 && each < floor_us;
    quick_sum += is_quick ? each : 0;
    quick_count += is_quick ? 1 : 0;
  }
  std::vector<std::size_t> result;
  // Among few, and where hardly any is quick, slowness says nothing.
  if (quick_count * 2 < static_cast<std::int64_t>(took.size()) || quick_count == 0)
    return result;
  for (std::size_t place = 0; place < took.size(); ++place)
    if (took[place] >= floor_us && took[place] * quick_count >= factor * quick_sum)
      result.push_back(place);
  return result;
}

} // namespace ledgerd
