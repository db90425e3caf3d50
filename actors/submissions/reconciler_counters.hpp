// What a reconciler counts, and how it is reported and exported.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/letter_office.hpp"
#include "actors/common/numbers.hpp"
#include "actors/common/stages.hpp"
#include "actors/submissions/account_stages.hpp"
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
  duration_histogram commit;      // of a batch, until the recorder answers
  size_histogram pulled;          // deliveries taken at once
  size_histogram posted;          // results of a batch
};

struct reconciler_gauges {
  gauge aside;    // refused by the database, tried again
  gauge unstored; // letters that no stream takes
  gauge oldest_unconfirmed_ms;
  gauge acks_unanswered_ms;
  gauge held;
  gauge held_bytes;
  gauge credit;  // in messages
  gauge pending; // at the consumer
  gauge oldest_unsettled_ms;
  gauge idle_ms; // since the last delivery
};

struct reconciler_numbers : reconciler_counters, letter_counters, reconciler_gauges {
  static constexpr auto table() {
    using n = reconciler_numbers;
    const auto of_consumer = [](std::string_view series, std::string_view help) {
      return exported(series, help).by("consumer", label_of::instance);
    };
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
         exported("ledgerd_results_in_flight",
                  "Results and dead letters held, from pull to settlement.")},
        {&n::held_bytes, "held_bytes",
         not_exported("It is bounded by the credit, and of interest only beside it.")},
        {&n::credit, "credit",
         exported("ledgerd_results_credit",
                  "Results and dead letters that may be held at once, at most.")},
        {&n::pending, "pending",
         of_consumer("ledgerd_results_pending",
                     "Results or dead letters that wait at the consumer, as the broker said last "
                     "with a delivery.")
             .merging_by(merging::greatest)},
        {&n::oldest_unsettled_ms, "oldest_unsettled_ms",
         of_consumer("ledgerd_oldest_unsettled_result_seconds",
                     "Age of the oldest result or dead letter that this node holds and that is "
                     "not in its record, by the broker's clock.")
             .merging_by(merging::greatest)
             .as_seconds()},
        {&n::idle_ms, "idle_ms",
         of_consumer("ledgerd_results_idle_seconds", "Since the last delivery came.")
             .merging_by(merging::least)
             .as_seconds()},
        {&n::result_pull, "result_pull", stage_seconds("result_pull")},
        {&n::settle, "settle", stage_seconds("settle")},
        {&n::commit, "settle_commit", account_commit_seconds("results")},
        {&n::pulled, "results_pulled", account_batch_entries("results_pulled")},
        {&n::posted, "results_settled", account_batch_entries("results")},
    });
  }
};

} // namespace ledgerd
