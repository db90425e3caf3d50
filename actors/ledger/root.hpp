// ROOT: the root of the ledger's actors. Spawns bottom-up (posters, gates, region, fetchers,
// responder) and passes the state of the circuits on; all else follows from the list of its
// children: fetchers drain first, then all go, the last spawned first.
//
// With the account root, the only place that constructs actors and chooses `detached`.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/common/child_list.hpp"
#include "actors/ledger/protocol.hpp"
#include "domain/currency_lookup.hpp"
#include "messaging/codec.hpp"
#include "messaging/ports.hpp"
#include "persistence/ledger_reader.hpp"

namespace ledgerd {

struct ledger_root_options {
  struct fetcher_ports {
    std::string instance;
    std::shared_ptr<delivery_source> source;
    std::shared_ptr<publisher> results;
    capacity credit;       // what it holds at most
    bool postpones = true; // whether the source delivers again what is postponed
  };

  std::string node_name;
  std::vector<fetcher_ports> fetchers; // one fetcher for each
  // One gate for each, and as many again for the gates' side lanes.
  std::vector<std::shared_ptr<ledger_store>> stores;
  std::vector<std::shared_ptr<ledger_store>> side_stores;
  // For questions about the ledger; null: none are answered.
  std::shared_ptr<question_desk> desk = nullptr;
  std::shared_ptr<ledger_reader> reader = nullptr;
  std::shared_ptr<const currency_table> currencies;
  request_rules rules;
  std::shared_ptr<currency_lookup> lookup = nullptr; // may be null
  std::size_t batch_max;                             // entries of one transaction
  std::size_t ledgers_max;
  std::chrono::milliseconds ledger_idle;
  std::uint32_t attempts_max;
  std::chrono::milliseconds lease;                 // the consumers' acknowledgement wait
  std::shared_ptr<progress_board> board = nullptr; // null: nobody watches
  bool detach = true; // whoever blocks; false only in deterministic tests
};

struct ledger_root_state {
  static inline const char* name = "node";

  child_list<ledger_root_actor::stateful_pointer<ledger_root_state>> children;
  std::vector<group_sink> gates;
  entry_sink region;
  std::vector<pausable_actor> fetchers;

  std::vector<bool> circuits; // by gate: open
  bool paused = false;
};

ledger_root_actor::behavior_type
ledger_root(ledger_root_actor::stateful_pointer<ledger_root_state> self,
            const ledger_root_options& options);

} // namespace ledgerd
