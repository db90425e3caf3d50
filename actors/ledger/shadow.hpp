// SHADOW: compares what the present service publishes with what this node has decided beside it,
// and says where they differ. Owns a database connection and waits for it, so the node spawns it
// detached. Publishes nothing; settles what it has read of a consumer of its own.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "actors/common/protocol.hpp"
#include "actors/ledger/shadow_book.hpp"
#include "domain/currency.hpp"
#include "messaging/ports.hpp"
#include "messaging/shadow_ports.hpp"
#include "persistence/ledger_reader.hpp"

namespace ledgerd {

using shadow_actor = reporting_actor::extend<caf::reacts_to<wake_atom>, caf::reacts_to<tick_atom>>;

struct shadow_options {
  std::shared_ptr<delivery_source> results; // of the present service
  std::shared_ptr<ledger_reader> ledger;
  std::shared_ptr<shadow_notes> notes;
  std::shared_ptr<const currency_table> currencies;
  shadow_book_options book;
};

class shadow_state {
public:
  static inline const char* name = "shadow";

  explicit shadow_state(shadow_actor::pointer self) : self_(self) {}

  shadow_actor::behavior_type make_behavior(shadow_options options);

private:
  void turn();
  void take_results();
  void compare();
  void tell(const std::vector<result_difference>& differences);
  void tell_rest();
  actor_report report() const;

  const shadow_actor::pointer self_;
  shadow_options options_{};
  std::optional<shadow_book> book_;
  std::chrono::steady_clock::time_point say_unanswered_at_;
  bool away_ = false; // the ledger's database
};

shadow_actor::behavior_type shadow(shadow_actor::stateful_pointer<shadow_state> self,
                                   shadow_options options);

} // namespace ledgerd
