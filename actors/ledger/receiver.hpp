// RECEIVER: takes the entries that peers send, has them decided here, and answers. It settles
// nothing: the fetcher that pulled a delivery does, on the peer.
//
// Spawned by the root, one for a node; never blocks.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>

#include "actors/ledger/protocol.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

using receiver_actor = answer_sink::extend_with<drainable_actor, reporting_actor>::extend<
    // The desk has something (from its thread).
    caf::reacts_to<wake_atom>,
    // Time passes: subscriptions are renewed.
    caf::reacts_to<tick_atom>>;

struct receiver_options {
  boot_id self{};
  std::shared_ptr<question_desk> desk; // on this node's own subject
  entry_sink region;
  capacity room{16384}; // what it holds at most, of all peers
  std::chrono::milliseconds beat{100};
};

} // namespace ledgerd
