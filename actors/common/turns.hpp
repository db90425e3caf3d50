// The turns of an actor that works a queue off in parts: one message for each part, so that others
// get between, and never two of them in its mailbox, however often it is woken meanwhile.
// `throttle` is the same with a pause between the parts.
#pragma once

#include <utility>

#include "actors/common/protocol.hpp"

namespace ledgerd {

class turns {
public:
  // The actor gets a `turn_atom`, unless one is on its way, and calls `begun` then.
  template <class Self>
  void want(Self self) {
    if (!std::exchange(wanted_, true))
      self->send(self, turn_atom_v);
  }

  void begun() noexcept { wanted_ = false; }

private:
  bool wanted_ = false;
};

} // namespace ledgerd
