// RECORDER: owns one record store, which is one database connection, and nothing else. It blocks,
// so it is spawned detached.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <memory>

#include "actors/submissions/protocol.hpp"

namespace ledgerd {

struct recorder_state {
  static inline const char* name = "recorder";

  std::shared_ptr<record_store> store;
};

recorder_actor::behavior_type recorder(recorder_actor::stateful_pointer<recorder_state> self,
                                       std::shared_ptr<record_store> store);

} // namespace ledgerd
