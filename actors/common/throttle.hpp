// How often an actor does one thing: at rest at once, otherwise with a pause between the
// beginnings, so that what comes meanwhile is done together.
#pragma once

#include <caf/actor_clock.hpp>

#include <chrono>
#include <utility>

#include "actors/common/protocol.hpp"

namespace ledgerd {

class throttle {
public:
  using time_point = caf::actor_clock::time_point;

  // Whether the pause since the last beginning is over. If not, the actor gets one `turn_atom` when
  // it is, and calls `reminded` then.
  template <class Self>
  bool may_begin(Self self) {
    const auto now = self->clock().now();
    if (now >= next_)
      return true;
    if (!std::exchange(scheduled_, true))
      self->delayed_send(self, next_ - now, turn_atom_v);
    return false;
  }

  void begun(time_point now, std::chrono::milliseconds pause) { next_ = now + pause; }

  void reminded() { scheduled_ = false; }

private:
  time_point next_ = time_point::min();
  bool scheduled_ = false;
};

} // namespace ledgerd
