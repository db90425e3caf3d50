// The way from a broker's thread into an actor's mailbox.
#pragma once

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/send.hpp>

#include "actors/common/protocol.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

// A waker that sends `wake_atom`. It holds a weak handle: a strong one would keep the actor alive.
template <class Handle>
waker make_waker(const Handle& whom) {
  return [weak = caf::actor_cast<caf::weak_actor_ptr>(whom)] {
    if (const auto strong = caf::actor_cast<caf::strong_actor_ptr>(weak))
      caf::anon_send(caf::actor_cast<Handle>(strong), wake_atom_v);
  };
}

} // namespace ledgerd
