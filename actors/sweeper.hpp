// SWEEPER: brings records to their verdict that have been without one for too long: the process
// died between record and publication, a result was lost, or a stream lost its data. It claims them
// from the database, asks the ledger which are decided already and settles those from the ledger's
// own rows, and publishes the requests of the others again, under a message id of their own. The
// gate knows whatever was decided meanwhile.
//
// When the ledger does not answer, nothing is published: the requests may well wait in the stream
// for the ledger to come back. The database lets a record rest twice as long after each claim.
//
// Spawned by the account root, one on every node; claims make sure that no record is driven twice
// at once.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "actors/account_protocol.hpp"
#include "actors/progress.hpp"
#include "domain/currency.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

struct sweeper_options {
  recorder_actor recorder;
  intake_actor intake;
  courier_actor courier;
  std::shared_ptr<publisher> requests;
  std::shared_ptr<const currency_table> currencies;
  std::chrono::milliseconds redrive_after{30000};
  std::size_t claim_max = 500;
};

struct sweeper_state {
  static inline const char* name = "sweeper";

  sweeper_options options;
  bool busy = false;          // a claim is being driven
  awaited answer;             // of the recorder or the ledger, while it is
  std::size_t publishing = 0; // handed to the publisher and not answered yet

  std::int64_t claimed = 0;
  std::int64_t settled = 0;
  std::int64_t republished = 0;
  std::int64_t unanswered = 0;

  actor_report report(progress_time now) const;
};

sweeper_actor::behavior_type sweeper(sweeper_actor::stateful_pointer<sweeper_state> self,
                                     sweeper_options options);

} // namespace ledgerd
