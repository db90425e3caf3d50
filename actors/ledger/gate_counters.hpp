// What a gate counts, and how it is reported and exported.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/numbers.hpp"
#include "actors/common/stages.hpp"

namespace ledgerd {

struct gate_counters {
  std::int64_t batches = 0;
  std::int64_t rows = 0;
  std::int64_t fence_rejections = 0;
  std::int64_t heads_lost = 0;
  std::int64_t heads_read = 0;
  std::int64_t raced = 0;
  std::int64_t in_doubt = 0;
  std::int64_t unavailable = 0;
  std::int64_t rejected = 0;
  std::int64_t blocked = 0;
  std::int64_t set_aside = 0;
  duration_histogram commit;
  duration_histogram gate_wait; // of the oldest group of a batch, until it is posted
  size_histogram posted;        // entries of a batch
};

struct gate_gauges {
  gauge circuit_open; // 1: the database is away
  gauge waiting;      // entries of the batches that form
  gauge under_way;    // entries of the batch with the poster
  gauge oldest_waiting_ms;
  gauge aside_accounts;
  gauge aside_waiting; // entries
  gauge aside_oldest_ms;
};

struct gate_numbers : gate_counters, gate_gauges {
  static constexpr auto table() {
    using n = gate_numbers;
    return std::to_array<number_row<n>>({
        {&n::batches, "batches_total", exported("ledgerd_commits_total", "Committed batches.")},
        {&n::rows, "rows_total", exported("ledgerd_rows_total", "Postings written.")},
        {&n::fence_rejections, "fence_rejections_total",
         exported("ledgerd_fence_rejections_total",
                  "Groups whose head was not the database's any more.")},
        {&n::heads_lost, "heads_lost_total",
         exported("ledgerd_heads_lost_total",
                  "Accounts whose last posting, committed before, the database has no more.")},
        {&n::heads_read, "heads_read_total",
         not_exported("Ordinary work of the store: one for each ledger that is new in memory.")},
        {&n::raced, "raced_total",
         not_exported("A race costs time only, and ledgerd_commit_seconds has it.")},
        {&n::in_doubt, "in_doubt_total",
         exported("ledgerd_in_doubt_total", "Commits whose outcome was not known.")},
        {&n::unavailable, "unavailable_total", not_exported("ledgerd_circuit_open says it.")},
        {&n::rejected, "rejected_total",
         not_exported("What comes of it is exported: an account set aside, or an entry parked.")},
        {&n::blocked, "blocked_total",
         exported("ledgerd_blocked_total",
                  "Batches that a lock or the time for a statement stopped.")},
        {&n::set_aside, "set_aside_total",
         exported("ledgerd_set_aside_total", "Times an account was set aside.")},
        {&n::circuit_open, "circuit_open",
         exported("ledgerd_circuit_open", "Gates whose database is away.")},
        {&n::waiting, "waiting", not_exported("A part of ledgerd_in_flight.")},
        {&n::under_way, "under_way", not_exported("A part of ledgerd_in_flight.")},
        {&n::oldest_waiting_ms, "oldest_waiting_ms",
         not_exported("ledgerd_standstill_seconds shows a wait that is too long.")},
        {&n::aside_accounts, "aside_accounts",
         exported("ledgerd_aside_accounts",
                  "Accounts that are set aside: locked, refused or slow.")},
        {&n::aside_waiting, "aside_waiting",
         exported("ledgerd_aside_waiting", "Entries at the gates of accounts that are set aside.")},
        {&n::aside_oldest_ms, "aside_oldest_ms",
         exported("ledgerd_aside_oldest_milliseconds",
                  "How long the longest of them waits, added up over the gates.")},
        {&n::commit, "commit",
         exported("ledgerd_commit_seconds", "How long the store took for a batch.")},
        {&n::gate_wait, "gate_wait", stage_seconds("gate")},
        {&n::posted, "posted", batch_entries("posted")},
    });
  }
};

} // namespace ledgerd
