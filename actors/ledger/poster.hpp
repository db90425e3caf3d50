// POSTER: owns one store, which is one database connection, and nothing else. It blocks, so the
// node spawns it detached; it runs one batch at a time, since the gate sends it the next only after
// the answer.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <memory>

#include "actors/ledger/protocol.hpp"

namespace ledgerd {

struct poster_state {
  static inline const char* name = "poster";

  std::shared_ptr<ledger_store> store;
};

poster_actor::behavior_type poster(poster_actor::stateful_pointer<poster_state> self,
                                   std::shared_ptr<ledger_store> store);

} // namespace ledgerd
