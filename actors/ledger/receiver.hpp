// RECEIVER: takes the entries that peers send, has them decided here, and answers. It settles
// nothing: the fetcher that pulled a delivery does, on the peer. What there is no room for, what is
// new while it drains, and what is left at the end of that goes back undecided.
//
// Spawned by the root, one for a node; never blocks.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>

#include "actors/common/drain.hpp"
#include "actors/ledger/protocol.hpp"
#include "actors/ledger/receiver_book.hpp"
#include "domain/log_throttle.hpp"
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
  capacity room{16384, std::size_t{8} << 20}; // what it holds at most, of all peers
  std::chrono::milliseconds beat{100};
};

class receiver_state {
public:
  static inline const char* name = "receiver";
  using pointer = receiver_actor::stateful_pointer<receiver_state>;

  explicit receiver_state(pointer self) : self_(self) {}

  receiver_actor::behavior_type begin(receiver_options options);

private:
  void take_frames();
  void send_letters();
  void log_losses(const receiver_counters& before);
  void finish_drain();
  receiver_counters counters() const; // with what the desk dropped
  actor_report report() const;

  const pointer self_;
  receiver_options options_{};
  std::unique_ptr<receiver_book> book_;
  draining drain_;
  log_throttle lines_;
};

receiver_actor::behavior_type receiver(receiver_state::pointer self, receiver_options options);

} // namespace ledgerd
