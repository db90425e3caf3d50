// RESPONDER: answers questions about the ledger that come over NATS: balances, history, verdicts,
// currencies. Owns a database connection and waits for it, so the node spawns it detached. Only
// reads. The newest questions come first, and one whose asker has given up is not looked at: under
// overload some are answered in time instead of all too late.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <memory>

#include "actors/common/question_counters.hpp"
#include "actors/common/turns.hpp"
#include "actors/ledger/protocol.hpp"
#include "domain/currency.hpp"
#include "messaging/ports.hpp"
#include "persistence/ledger_reader.hpp"

namespace ledgerd {

struct responder_options {
  std::shared_ptr<question_desk> desk;
  std::shared_ptr<ledger_reader> ledger;
  std::shared_ptr<const currency_table> currencies;
};

struct responder_numbers : question_counters {
  static constexpr auto table() {
    return question_table<responder_numbers>("ledgerd_ledger_questions_dropped_total");
  }
};

struct responder_state {
  static inline const char* name = "responder";

  responder_options options{};
  std::unique_ptr<const currency_table> reread; // from the ledger, when `options` knew too little
  turns turn;
  question_counters counters; // expired: while the questions before them were answered

  actor_report report() const;
};

responder_actor::behavior_type responder(responder_actor::stateful_pointer<responder_state> self,
                                         responder_options options);

} // namespace ledgerd
