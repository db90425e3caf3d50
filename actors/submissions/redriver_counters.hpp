// What the redriver counts, and how it is reported and exported.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/numbers.hpp"
#include "actors/submissions/account_stages.hpp"
#include "actors/submissions/contrary_verdicts.hpp"

namespace ledgerd {

struct redriver_counters {
  std::int64_t claimed = 0;
  std::int64_t settled = 0;
  std::int64_t republished = 0;
  std::int64_t unanswered = 0;
  std::int64_t contrary = 0;
  std::int64_t failures = 0;
  duration_histogram commit; // of a claim or of verdicts, until the recorder answers
  size_histogram claims;     // records claimed at once
};

struct redriver_gauges {
  gauge publishing;
  gauge held; // claimed, and neither settled nor published again
  gauge oldest_held_ms;
  gauge credit;  // in requests that are published again and not confirmed
  gauge idle_ms; // since the last record was claimed
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
        {&n::held, "held",
         exported("ledgerd_redriven_in_flight",
                  "Records without a verdict that were claimed, until they are settled or their "
                  "request is published again.")},
        {&n::oldest_held_ms, "oldest_held_ms",
         exported("ledgerd_oldest_redriven_seconds", "Age of the oldest record that the redriver "
                                                     "holds, or of its verdict once that is known.")
             .merging_by(merging::greatest)
             .as_seconds()},
        {&n::credit, "credit",
         not_exported("A constant; ledgerd_redriven_in_flight is hardly ever near it.")},
        {&n::idle_ms, "idle_ms", not_exported("As a rule there is nothing for it to do.")},
        {&n::commit, "redrive_commit", account_commit_seconds("redriven")},
        {&n::claims, "claimed", account_batch_entries("redriven")},
    });
  }
};

} // namespace ledgerd
