// What a fetcher counts, and how it is reported and exported.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/letter_office.hpp"
#include "actors/common/numbers.hpp"
#include "actors/common/stages.hpp"

namespace ledgerd {

struct fetcher_counters {
  std::int64_t fetched = 0;
  std::int64_t redelivered = 0;
  std::int64_t applied = 0;
  std::int64_t refused = 0; // by reason:
  std::int64_t insufficient_funds = 0;
  std::int64_t balance_overflow = 0;
  std::int64_t duplicate = 0;
  std::int64_t own_failures = 0;
  std::int64_t let_go = 0;       // there was no room for it: its account is stuck
  duration_histogram end_to_end; // from arrival at this process to the acknowledgement
  // Its parts; what a pull took, by the broker's clock, comes before it.
  duration_histogram pull;    // from the stream to this process
  duration_histogram decode;  // to the region
  duration_histogram decide;  // to the verdict: region, ledger, gate and commit
  duration_histogram publish; // to the PubAck
  duration_histogram ack;     // to the acknowledgement on its way
  size_histogram pulled;      // deliveries taken at once
};

struct fetcher_gauges {
  gauge unstored; // letters that no stream takes
  gauge oldest_unconfirmed_ms;
  gauge acks_unanswered_ms;
  gauge held;
  gauge held_bytes;
  gauge paused; // 1: the circuit is open
  gauge deciding;
  gauge publishing;
  gauge credit;  // in messages
  gauge pending; // at the consumer
  gauge oldest_undecided_ms;
  gauge idle_ms; // since the last delivery
};

// In the words of the results.
constexpr exposure refused_for(std::string_view reason) {
  return exported("ledgerd_refused_total", "Refused entries by reason.", reason).by("reason");
}

struct fetcher_numbers : fetcher_counters, letter_counters, fetcher_gauges {
  static constexpr auto table() {
    using n = fetcher_numbers;
    constexpr std::string_view entries = "Entries by what became of them.";
    constexpr std::string_view unplaced =
        "/readyz and the log tell of letters that cannot be stored.";
    return std::to_array<number_row<n>>({
        {&n::fetched, "fetched_total",
         not_exported("It is the sum of the entries by outcome and of what is in flight.")},
        {&n::redelivered, "redelivered_total",
         exported("ledgerd_redelivered_total",
                  "Deliveries that were not the first of their message.")},
        {&n::applied, "applied_total", exported("ledgerd_entries_total", entries, "applied")},
        {&n::refused, "refused_total", exported("ledgerd_entries_total", entries, "refused")},
        {&n::insufficient_funds, "insufficient_funds_total", refused_for("INSUFFICIENT_FUNDS")},
        {&n::balance_overflow, "balance_overflow_total", refused_for("BALANCE_OVERFLOW")},
        {&n::duplicate, "duplicate_total", exported("ledgerd_entries_total", entries, "duplicate")},
        {&n::parked, "parked_total", exported("ledgerd_entries_total", entries, "parked")},
        {&n::own_failures, "own_failures_total",
         not_exported("An entry that fails for good is counted as parked.")},
        {&n::let_go, "let_go_total",
         exported("ledgerd_let_go_total",
                  "Deliveries left to their lease: an account that is set aside holds its share.")},
        {&n::unconfirmed, "unconfirmed_total",
         exported("ledgerd_unconfirmed_total", "Publications without a PubAck, published again.")},
        {&n::postponed, "postponed_total", not_exported(unplaced)},
        {&n::known_before, "known_before_total",
         exported("ledgerd_results_known_before_total",
                  "Verdicts written just now of whose record their stream had another one.")},
        {&n::unstored, "unstored", not_exported(unplaced)},
        {&n::oldest_unconfirmed_ms, "oldest_unconfirmed_ms",
         not_exported("ledgerd_standstill_seconds shows a wait that is too long.")},
        {&n::acks_unanswered_ms, "acks_unanswered_ms", unanswered_acks()},
        {&n::held, "held",
         exported("ledgerd_in_flight", "Deliveries held, from pull to settlement.")},
        {&n::held_bytes, "held_bytes",
         not_exported("It is bounded by the credit, and of interest only beside it.")},
        {&n::paused, "paused", not_exported("ledgerd_circuit_open says it for all fetchers.")},
        {&n::deciding, "deciding", not_exported("A part of ledgerd_in_flight.")},
        {&n::publishing, "publishing", not_exported("A part of ledgerd_in_flight.")},
        {&n::credit, "credit",
         exported("ledgerd_credit", "Deliveries that may be held at once, at most.")},
        {&n::pending, "pending",
         exported("ledgerd_pending",
                  "Requests that wait at the consumer, as the broker said last with a delivery.")
             .by("consumer", label_of::instance)
             .merging_by(merging::greatest)},
        {&n::oldest_undecided_ms, "oldest_undecided_ms",
         exported("ledgerd_oldest_undecided_seconds",
                  "Age of the oldest request that this node holds unsettled, by the broker's "
                  "clock.")
             .by("consumer", label_of::instance)
             .merging_by(merging::greatest)
             .as_seconds()},
        {&n::idle_ms, "idle_ms",
         exported("ledgerd_idle_seconds", "Since the last delivery came.")
             .merging_by(merging::least)
             .as_seconds()},
        {&n::end_to_end, "end_to_end",
         exported("ledgerd_end_to_end_seconds",
                  "From the arrival of a delivery to its settlement.")},
        {&n::pull, "pull", stage_seconds("pull")},
        {&n::decode, "decode", stage_seconds("decode")},
        {&n::decide, "decide", stage_seconds("decide")},
        {&n::publish, "publish", stage_seconds("publish")},
        {&n::ack, "ack", stage_seconds("ack")},
        {&n::pulled, "pulled", batch_entries("pulled")},
    });
  }
};

} // namespace ledgerd
