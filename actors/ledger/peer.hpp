// PEER: another node, with the region's narrow interface: what it is given, that node decides. It
// sends entries in numbered frames, so many at a time, and hands the answers to whoever asked. What
// is not answered in time, or comes back undecided, it gives back to the region, which routes it by
// the ownership of that moment; the gate knows what was decided all the same.
//
// It says to the region whether the link carries anything, both ways: the region forwards only over
// a link that does. Spawned by the region, one for each other node; never blocks.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "actors/ledger/protocol.hpp"
#include "messaging/cluster_ports.hpp"

namespace ledgerd {

using peer_actor = entry_sink::extend_with<reporting_actor, drainable_actor>::extend<
    // The line has something (from its thread).
    caf::reacts_to<wake_atom>,
    // Time passes: probes, deadlines.
    caf::reacts_to<tick_atom>>;

struct peer_options {
  boot_id self{}; // this node
  boot_id peer{};
  std::string peer_name; // for reports and log lines
  std::shared_ptr<peer_line> line;
  entry_sink region;              // what is given back
  link_sink observer;             // the region, too
  std::size_t frames_max = 8;     // under way
  std::size_t entries_max = 1000; // of one frame
  std::chrono::milliseconds beat{100};
  std::chrono::milliseconds patience{3000}; // without any sign of the peer, while it owes one
};

} // namespace ledgerd
