// What the redriver counts, and how it is reported and exported.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/numbers.hpp"
#include "actors/submissions/contrary_verdicts.hpp"

namespace ledgerd {

struct redriver_counters {
  std::int64_t claimed = 0;
  std::int64_t settled = 0;
  std::int64_t republished = 0;
  std::int64_t unanswered = 0;
  std::int64_t contrary = 0;
  std::int64_t failures = 0;
};

struct redriver_gauges {
  gauge publishing;
};

struct redriver_numbers : redriver_counters, redriver_gauges {
  static constexpr auto table() {
    using n = redriver_numbers;
    return std::to_array<number_row<n>>({
        {&n::claimed, "claimed_total",
         not_exported("Each is counted again as swept or republished, or is claimed anew.")},
        {&n::settled, "settled_total",
         exported("ledgerd_records_swept_total",
                  "Records that got their verdict from the ledger's own row.")},
        {&n::republished, "republished_total",
         exported("ledgerd_requests_republished_total",
                  "Requests published again for want of a verdict.")},
        {&n::unanswered, "unanswered_total",
         exported("ledgerd_verdict_questions_unanswered_total",
                  "Questions to the ledger for verdicts without an answer that can be read.")},
        {&n::contrary, "contrary_total", contrary_verdicts("ledger")},
        {&n::failures, "failures_total",
         exported("ledgerd_redrive_failures_total",
                  "Claims and verdicts that the database did not take, and requests published "
                  "again in vain.")},
        {&n::publishing, "publishing",
         not_exported("At most one claim at a time, of a few hundred.")},
    });
  }
};

} // namespace ledgerd
