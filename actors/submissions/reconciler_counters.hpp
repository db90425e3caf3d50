// What a reconciler counts, and how it is reported and exported.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/letter_office.hpp"
#include "actors/common/numbers.hpp"
#include "actors/common/stages.hpp"
#include "actors/submissions/contrary_verdicts.hpp"

namespace ledgerd {

struct reconciler_counters {
  std::int64_t fetched = 0;
  std::int64_t settled = 0;
  std::int64_t known = 0;
  std::int64_t foreign = 0;  // of nobody here, and left alone
  std::int64_t contrary = 0; // say otherwise than their record
  std::int64_t batches = 0;
  std::int64_t failures = 0;
  duration_histogram result_pull; // from the stream to this process, by the broker's clock
  duration_histogram settle;      // from the arrival to the verdict in the record
};

struct reconciler_gauges {
  gauge aside;    // refused by the database, tried again
  gauge unstored; // letters that no stream takes
  gauge oldest_unconfirmed_ms;
  gauge acks_unanswered_ms;
  gauge held;
  gauge held_bytes;
};

struct reconciler_numbers : reconciler_counters, letter_counters, reconciler_gauges {
  static constexpr auto table() {
    using n = reconciler_numbers;
    constexpr std::string_view unplaced =
        "/readyz and the log tell of letters that cannot be stored.";
    return std::to_array<number_row<n>>({
        {&n::fetched, "fetched_total", not_exported("Each is counted again by what became of it.")},
        {&n::settled, "settled_total",
         exported("ledgerd_records_settled_total",
                  "Records that got their verdict from the result stream.")},
        {&n::known, "known_total", not_exported("Results that came twice, as they may.")},
        {&n::foreign, "foreign_total",
         exported("ledgerd_foreign_results_total",
                  "Results and dead letters of requests that are not of the account side.")},
        {&n::contrary, "contrary_total", contrary_verdicts("result")},
        {&n::parked, "parked_total",
         exported("ledgerd_results_parked_total", "Results that answer no record, or are none.")},
        {&n::batches, "batches_total", not_exported("Only how the results fell together.")},
        {&n::failures, "failures_total",
         not_exported("Attempts; ledgerd_standstill_seconds shows when none succeeds.")},
        {&n::aside, "aside", not_exported("Each is tried again until it is settled or parked.")},
        {&n::unconfirmed, "unconfirmed_total",
         exported("ledgerd_unconfirmed_total", "Publications without a PubAck, published again.")},
        {&n::postponed, "postponed_total", not_exported(unplaced)},
        {&n::known_before, "known_before_total", not_exported("It publishes no results.")},
        {&n::unstored, "unstored", not_exported(unplaced)},
        {&n::oldest_unconfirmed_ms, "oldest_unconfirmed_ms",
         not_exported("ledgerd_standstill_seconds shows a wait that is too long.")},
        {&n::acks_unanswered_ms, "acks_unanswered_ms", unanswered_acks()},
        {&n::held, "held",
         not_exported("Work in memory only; the consumer shows what it has not settled.")},
        {&n::held_bytes, "held_bytes",
         not_exported("It is bounded by the credit, and of interest only beside it.")},
        {&n::result_pull, "result_pull", stage_seconds("result_pull")},
        {&n::settle, "settle", stage_seconds("settle")},
    });
  }
};

} // namespace ledgerd
