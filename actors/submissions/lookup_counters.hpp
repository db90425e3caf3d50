// What the lookup counts, and how it is reported and exported.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/numbers.hpp"

namespace ledgerd {

struct lookup_counters {
  std::int64_t answered = 0;
  std::int64_t refused = 0;
};

struct lookup_gauges {
  gauge waiting; // callers
};

struct lookup_numbers : lookup_counters, lookup_gauges {
  static constexpr auto table() {
    using n = lookup_numbers;
    return std::to_array<number_row<n>>({
        {&n::answered, "answered_total", not_exported("Only a refused question tells of trouble.")},
        {&n::refused, "refused_total",
         exported("ledgerd_lookups_refused_total", "Questions for a record that were refused.")},
        {&n::waiting, "waiting",
         not_exported("Bounded; who waits too long is refused and counted.")},
    });
  }
};

} // namespace ledgerd
