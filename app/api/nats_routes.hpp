// The account side's API over NATS request/reply: the subjects ledgerd.api.submit and
// ledgerd.api.record.
#pragma once

#include <caf/actor_system.hpp>

#include <memory>

#include "actors/common/question_counters.hpp"
#include "actors/ledger/protocol.hpp"
#include "app/api/submission_api.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

struct nats_api_numbers : question_counters {
  static constexpr auto table() {
    return question_table<nats_api_numbers>("ledgerd_account_questions_dropped_total");
  }
};

// The actor that answers; it ends when it is sent an exit. The desk must be made for these two
// subjects.
responder_actor spawn_nats_api(caf::actor_system& system, std::shared_ptr<question_desk> desk,
                               const std::shared_ptr<submission_api>& api);

} // namespace ledgerd
