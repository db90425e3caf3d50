// What the intake counts, and how it is reported and exported.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/numbers.hpp"
#include "actors/common/stages.hpp"
#include "actors/submissions/account_stages.hpp"

namespace ledgerd {

struct intake_counters {
  std::int64_t accepted = 0;
  std::int64_t repeated = 0;
  std::int64_t conflict = 0;
  std::int64_t unavailable = 0;
  std::int64_t expired = 0; // of these, those whose deadline passed
  std::int64_t unconfirmed = 0;
  std::int64_t left = 0; // to the redriver, for want of room
  std::int64_t batches = 0;
  std::int64_t looks_failed = 0;      // for verdicts that other nodes applied
  duration_histogram record;          // from the arrival to the commit
  duration_histogram record_commit;   // of a batch, until the recorder answers
  duration_histogram request_publish; // to the PubAck
  duration_histogram verdict_wait;    // from the record to the verdict, of those that wait
  size_histogram recorded;            // submissions of a batch
};

struct intake_gauges {
  gauge held;
  gauge oldest_held_ms;
  gauge credit;  // in submissions
  gauge idle_ms; // since the last submission
  gauge waiting; // for a verdict
};

struct intake_numbers : intake_counters, intake_gauges {
  static constexpr auto table() {
    using n = intake_numbers;
    constexpr std::string_view submissions = "Submissions by what was answered.";
    return std::to_array<number_row<n>>({
        {&n::accepted, "accepted_total",
         exported("ledgerd_submissions_total", submissions, "accepted")},
        {&n::repeated, "repeated_total",
         exported("ledgerd_submissions_total", submissions, "repeated")},
        {&n::conflict, "conflict_total",
         exported("ledgerd_submissions_total", submissions, "conflict")},
        {&n::unavailable, "unavailable_total",
         exported("ledgerd_submissions_total", submissions, "unavailable")},
        {&n::expired, "expired_total",
         exported("ledgerd_submissions_expired_total",
                  "Submissions that were refused because the database was too slow.")},
        {&n::unconfirmed, "unconfirmed_total",
         not_exported("The log warns of it; what is not published stays in flight.")},
        {&n::left, "left_total",
         exported("ledgerd_submissions_left_total",
                  "Recorded submissions whose request the broker did not take while many waited: "
                  "the redriver publishes them.")},
        {&n::batches, "batches_total", not_exported("Only how the submissions fell together.")},
        {&n::looks_failed, "looks_failed_total",
         exported("ledgerd_verdict_looks_failed_total", "Looks for awaited verdicts that failed.")},
        {&n::held, "held",
         exported("ledgerd_submissions_in_flight",
                  "Submissions held, from arrival to the PubAck of their request.")},
        {&n::oldest_held_ms, "oldest_held_ms",
         exported("ledgerd_oldest_submission_seconds",
                  "Age of the oldest submission that is held, from its arrival until it is "
                  "recorded, and from then to the PubAck of its request.")
             .merging_by(merging::greatest)
             .as_seconds()},
        {&n::credit, "credit",
         exported("ledgerd_submissions_credit", "Submissions that may be held at once, at most.")},
        {&n::idle_ms, "idle_ms",
         exported("ledgerd_submissions_idle_seconds", "Since the last submission came.")
             .merging_by(merging::least)
             .as_seconds()},
        {&n::waiting, "waiting",
         not_exported("Callers who wait; ledgerd_verdict_wait_seconds says for how long.")},
        {&n::record, "record", stage_seconds("record")},
        {&n::record_commit, "record_commit", account_commit_seconds("submissions")},
        {&n::request_publish, "request_publish", stage_seconds("request_publish")},
        {&n::verdict_wait, "verdict_wait",
         exported("ledgerd_verdict_wait_seconds",
                  "From a record to its verdict, of submissions that wait for it.")},
        {&n::recorded, "recorded", account_batch_entries("submissions")},
    });
  }
};

} // namespace ledgerd
