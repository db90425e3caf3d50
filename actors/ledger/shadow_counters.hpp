// What the shadow counts, and how it is reported and exported.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/numbers.hpp"

namespace ledgerd {

struct shadow_counters {
  std::int64_t unreadable = 0;
  std::int64_t foreign = 0;
  std::int64_t parked_here = 0;
  std::int64_t lost = 0;
};

struct shadow_gauges {
  gauge results_waiting;
  gauge rows_unanswered;
  gauge accounts_off;
  gauge behind_ms;
};

// Those of the comparison.
struct shadow_verdicts {
  std::int64_t agreed = 0;
  std::int64_t differing = 0;
  std::int64_t carried = 0;
};

struct shadow_numbers : shadow_counters, shadow_verdicts, shadow_gauges {
  static constexpr auto table() {
    using n = shadow_numbers;
    constexpr std::string_view name = "ledgerd_shadow_results_total";
    constexpr std::string_view help =
        "Results of the present service, by what the shadow says of them.";
    return std::to_array<number_row<n>>({
        {&n::agreed, "agreed_total", exported(name, help, "agreed")},
        {&n::differing, "differing_total", exported(name, help, "differing")},
        {&n::parked_here, "parked_here_total", exported(name, help, "parked_here")},
        {&n::foreign, "foreign_total", exported(name, help, "no_row")},
        {&n::unreadable, "unreadable_total", exported(name, help, "unreadable")},
        {&n::carried, "carried_total",
         exported("ledgerd_shadow_carried_total",
                  "Differing results whose balance is off by as much as the one before.")},
        {&n::lost, "lost_total",
         not_exported("Verdicts of which nothing was noted; `ledgerd shadow report` sees them.")},
        {&n::results_waiting, "results_waiting",
         exported("ledgerd_shadow_results_waiting",
                  "Results that wait for the shadow to decide their record.")},
        {&n::rows_unanswered, "rows_unanswered",
         exported("ledgerd_shadow_rows_unanswered",
                  "Verdicts for which the present service has given no result for a minute.")},
        {&n::accounts_off, "accounts_off",
         exported("ledgerd_shadow_accounts_off",
                  "Accounts whose balance was another one at their last result.")},
        {&n::behind_ms, "behind_ms",
         not_exported("How long ago the request was stored that was pulled last.")},
    });
  }
};

} // namespace ledgerd
