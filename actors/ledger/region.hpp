// REGION: one per node. Finds the ledger of each account, spawns it on demand, and passivates
// ledgers that have been idle for long or that are too many, the least recently used first.
//
// A ledger is asked to go and may refuse; what arrives for it meanwhile is held here, so nothing is
// sent to an actor that has quit. Spawned by the node; never blocks.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "actors/ledger/protocol.hpp"
#include "actors/ledger/region_counters.hpp"

namespace ledgerd {

using region_actor = entry_sink::extend_with<idle_sink, reporting_actor>::extend<
    // Time passes: look for idle ledgers.
    caf::reacts_to<tick_atom>>;

struct region_options {
  std::vector<group_sink> gates; // at least one
  std::size_t ledgers_max;
  std::chrono::milliseconds ledger_idle;
  std::chrono::milliseconds beat{1000};
  std::size_t group_max; // entries of an account that go to its gate at once
};

struct region_state {
  static inline const char* name = "region";

  // An account in use.
  struct tenant {
    account_key account;
    ledger_actor ledger;
    caf::actor_clock::time_point used;
    bool leaving = false;          // asked to go, has not answered yet
    std::vector<asked_entry> held; // arrived while leaving, or in the batch that is being split
  };
  using tenants = std::list<tenant>;

  region_options options{};
  tenants staying; // least recently used first; each either here ...
  tenants leaving; // ... or here
  std::unordered_map<account_key, tenants::iterator, account_key_hash> by_account;

  region_counters counters;

  actor_report report() const;
};

region_actor::behavior_type region(region_actor::stateful_pointer<region_state> self,
                                   region_options options);

} // namespace ledgerd
