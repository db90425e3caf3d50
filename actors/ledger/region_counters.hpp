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
  std::int64_t forwarded = 0;
  std::int64_t held_back = 0;  // each time
  std::int64_t hand_overs = 0; // changes of the owners
  std::int64_t yielded = 0;    // ledgers whose account another node owns now
};

struct region_gauges {
  gauge ledgers;
  gauge waiting; // entries, for the old owner of their account
  gauge owed;    // ledgers that another node waits for
  gauge shards;
  gauge peers;
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
        {&n::forwarded, "forwarded_total",
         exported("ledgerd_forwarded_entries_total",
                  "Entries given to the node that owns them, each time they were.")},
        {&n::held_back, "held_back_total",
         not_exported("ledgerd_hand_over_waiting shows a wait that is too long.")},
        {&n::hand_overs, "hand_overs_total",
         exported("ledgerd_hand_overs_total", "How often the owners of the accounts changed.")},
        {&n::yielded, "ledgers_yielded_total",
         not_exported("How often accounts move, ledgerd_hand_overs_total says.")},
        {&n::waiting, "waiting",
         exported("ledgerd_hand_over_waiting",
                  "Entries that wait for the old owner of their account to let it go.")},
        {&n::owed, "owed",
         exported("ledgerd_hand_over_ledgers",
                  "Ledgers of accounts that another node owns now and that still have work here.")},
        {&n::shards, "shards",
         exported("ledgerd_shards", "Shards of 16384 whose accounts this node decides.")},
        {&n::peers, "peers", not_exported("/v1/cluster shows each of them.")},
    });
  }
};

} // namespace ledgerd
