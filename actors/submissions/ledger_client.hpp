// LEDGER_CLIENT: asks other nodes over NATS request/reply and brings the answer, or word that none
// came in time. Never blocks.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "actors/submissions/protocol.hpp"

namespace ledgerd {

using ledger_client_actor = question_sink::extend_with<reporting_actor>::extend<
    // The inquirer has something (from its thread).
    caf::reacts_to<wake_atom>,
    // Time passes: deadlines.
    caf::reacts_to<tick_atom>>;

struct ledger_client_options {
  std::shared_ptr<inquirer> questions;
  std::chrono::milliseconds beat{100};
};

struct ledger_client_state {
  static inline const char* name = "ledger_client";

  ledger_client_options options{};
  std::uint64_t last_token = 0;
  std::unordered_map<std::uint64_t, caf::typed_response_promise<api_reply>> under_way;
};

ledger_client_actor::behavior_type
ledger_client(ledger_client_actor::stateful_pointer<ledger_client_state> self,
              ledger_client_options options);

} // namespace ledgerd
