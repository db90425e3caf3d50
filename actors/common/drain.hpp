// The end of an actor that holds deliveries: it pulls no more, finishes what it holds within a
// deadline and hands back the rest.
#pragma once

#include <caf/actor_clock.hpp>
#include <caf/typed_response_promise.hpp>

#include <chrono>
#include <cstddef>

#include "actors/common/protocol.hpp"

namespace ledgerd {

class draining {
public:
  // From now on `under_way`. Returns what answers the `drain_atom`. Whoever reads from a broker
  // does not end before `stragglers` are over: what was sent to him until he stopped asking is
  // handed back, or it would wait for the end of its lease.
  template <class Self>
  caf::typed_response_promise<drain_summary> begin(Self self, std::int64_t deadline_ms,
                                                   std::chrono::milliseconds stragglers = {}) {
    under_way_ = true;
    deadline_ = self->clock().now() + std::chrono::milliseconds{deadline_ms};
    earliest_ = self->clock().now() + stragglers;
    return promise_ = self->template make_response_promise<drain_summary>();
  }

  bool under_way() const { return under_way_; }

  // Whether it is time to hand back the rest and to `finish`.
  bool is_over(caf::actor_clock::time_point now, std::size_t held) const {
    return under_way_ && promise_.pending()
           && ((held == 0 && now >= earliest_) || now >= deadline_);
  }

  void count_settled() { summary_.settled += under_way_ ? 1 : 0; }
  void count_handed_back(std::size_t count = 1) { summary_.handed_back += count; }

  void finish() { promise_.deliver(summary_); }

private:
  bool under_way_ = false;
  caf::actor_clock::time_point deadline_;
  caf::actor_clock::time_point earliest_;
  caf::typed_response_promise<drain_summary> promise_;
  drain_summary summary_;
};

} // namespace ledgerd
