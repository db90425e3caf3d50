// PEER: another node, with the region's narrow interface: what it is given, that node decides. It
// sends entries in numbered frames, so many at a time, and hands the answers to whoever asked. What
// is not answered in time, or comes back undecided, it gives back to the region, which routes it by
// the ownership of that moment; the gate knows what was decided all the same.
//
// It says to the region whether the link carries anything, at each change, and at first it does
// not: the region forwards only over a link that does. What it is given meanwhile comes back at
// once. Everything that it holds goes back when the link goes down, at the deadline of a drain
// (0: at once), and when it is told to exit.
//
// Spawned by the region, one for each other node; never blocks.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "actors/common/drain.hpp"
#include "actors/ledger/peer_book.hpp"
#include "actors/ledger/protocol.hpp"
#include "domain/log_throttle.hpp"
#include "messaging/cluster_ports.hpp"

namespace ledgerd {

using peer_actor = entry_sink::extend_with<reporting_actor, drainable_actor>::extend<
    // It does not serve any more, says the region: give back what it has.
    caf::reacts_to<yield_atom>,
    // The line has something (from its thread).
    caf::reacts_to<wake_atom>,
    // Time passes: probes, deadlines.
    caf::reacts_to<tick_atom>>;

struct peer_options {
  boot_id self{}; // this node
  boot_id peer{};
  std::string peer_name; // for reports and log lines
  std::shared_ptr<peer_line> line;
  entry_sink region;  // what is given back
  link_sink observer; // the region, too
  peer_limits limits{};
  std::chrono::milliseconds beat{100};
};

class peer_state {
public:
  static inline const char* name = "peer";
  using pointer = peer_actor::stateful_pointer<peer_state>;

  explicit peer_state(pointer self) : self_(self) {}

  peer_actor::behavior_type begin(peer_options options);

private:
  void take_replies();
  void send_frames();
  void pass_on(); // what the book has decided
  void tell_link();
  void finish_drain();
  void give_back_all();
  actor_report report() const;

  const pointer self_;
  peer_options options_{};
  std::unique_ptr<peer_book> book_;
  bool told_up_ = false;
  std::string last_trouble_;
  bool drained_ = false;
  draining drain_;
  log_throttle lines_;
};

peer_actor::behavior_type peer(peer_state::pointer self, peer_options options);

} // namespace ledgerd
