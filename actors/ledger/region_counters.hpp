// What the region counts, and how it is reported and exported.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/numbers.hpp"

namespace ledgerd {

struct region_counters {
  std::int64_t entries = 0;
  std::int64_t spawned = 0;
  std::int64_t passivated = 0;
};

struct region_gauges {
  gauge ledgers;
};

struct region_numbers : region_counters, region_gauges {
  static constexpr auto table() {
    using n = region_numbers;
    return std::to_array<number_row<n>>({
        {&n::entries, "entries_total",
         not_exported("The fetchers count the same entries, by what became of them.")},
        {&n::ledgers, "ledgers", exported("ledgerd_ledgers", "Ledger actors in memory.")},
        {&n::spawned, "ledgers_spawned_total",
         not_exported("How full the memory is, ledgerd_ledgers says.")},
        {&n::passivated, "ledgers_passivated_total",
         not_exported("How full the memory is, ledgerd_ledgers says.")},
    });
  }
};

} // namespace ledgerd
