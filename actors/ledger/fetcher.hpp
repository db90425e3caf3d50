// FETCHER: pulls deliveries from one durable consumer up to its credit, decodes them, has them
// decided, publishes the results and settles. The only one that settles, and only after the verdict
// is committed and its result confirmed.
//
// Spawned by the node, one or more for each consumer. Never blocks longer than the broker's write
// deadline.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/common/drain.hpp"
#include "actors/common/lease_table.hpp"
#include "actors/common/letter_office.hpp"
#include "actors/common/throttle.hpp"
#include "actors/common/wall_clock.hpp"
#include "actors/ledger/fetcher_counters.hpp"
#include "actors/ledger/protocol.hpp"
#include "domain/currency_lookup.hpp"
#include "messaging/codec.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

using fetcher_actor = answer_sink::extend_with<pausable_actor, pulsed_actor, drainable_actor,
                                               reporting_actor, holding_actor>::
    extend<
        // The source or the publisher has something (from their threads).
        caf::reacts_to<wake_atom>,
        // Its own reminder to look, when it was woken too soon after the last look.
        caf::reacts_to<turn_atom>,
        // Time passes: deadlines, leases, republishing.
        caf::reacts_to<tick_atom>>;

struct fetcher_options {
  std::string instance; // for reports: the consumer and a number
  std::string node_name;
  std::shared_ptr<delivery_source> source;
  std::shared_ptr<publisher> results;
  std::shared_ptr<const currency_table> currencies;
  request_rules rules;
  // Where currencies are looked for that the table does not know; null: nowhere, they are none.
  std::shared_ptr<currency_lookup> lookup = nullptr;
  entry_sink region;
  capacity credit;                 // what is held at most
  bool paused = false;             // as it begins: pulls nothing until it is told to
  std::uint32_t attempts_max;      // for failures that are the entry's own
  std::chrono::milliseconds lease; // the consumer's acknowledgement wait
  std::chrono::milliseconds beat{100};
  // Time between two looks at source and publisher, so that a flood of small arrivals is taken in
  // batches.
  std::chrono::milliseconds turn_pause{1};
  std::chrono::milliseconds retry_pause{1000};
  // At its end, for so long it hands back what the broker had sent when the source was closed.
  std::chrono::milliseconds stragglers{0};
  // How long a dead letter may be without a PubAck before its delivery is postponed, so that what
  // cannot be stored does not hold the credit of what can.
  std::chrono::milliseconds letter_patience{3000};
  // Likewise a request whose currency nobody can look up.
  std::chrono::milliseconds look_patience{5000};
  std::int64_t (*wall_clock)() = &system_time_ns;
};

class fetcher_state {
public:
  static inline const char* name = "fetcher";

  explicit fetcher_state(fetcher_actor::pointer self) : self_(self) {}

  fetcher_actor::behavior_type make_behavior(fetcher_options options);

private:
  using time_point = caf::actor_clock::time_point;

  // Where a delivery is on its road.
  enum class stage : std::uint8_t {
    deciding,  // with region, ledger, gate
    looking,   // its currency is not in the table: held until the table was brought up to date
    failed,    // its processing failed by its own fault; decided again when `due`
    publishing // its result or dead letter is in the outbox
  };

  // What is noted about a delivery.
  struct work {
    stage at = stage::deciding;
    std::uint32_t attempts = 0;
    std::uint64_t look = 0; // the look that tells whether its currency exists; 0: none was needed
    settlement after = settlement::acknowledge; // once the PubAck is there
    time_point due;                             // failed: decided again; looking: postponed
    time_point since;                           // the beginning of its stage
  };
  using held_delivery = lease_table<work>::held;

  void park(held_delivery& slot, rejection why);
  void look_up(held_delivery& slot);
  void admit(held_delivery& slot, std::vector<asked_entry>& batch);
  void apply(std::vector<asked_entry>&& batch);
  void take_deliveries();
  void finish_drain();
  void settle(held_delivery& slot, time_point now);
  void postpone(held_delivery& slot);
  void take_confirmations();
  void answer_one(ticketed_answer& got, time_point now);
  void take_looked_up();
  void upkeep();
  void turn();

  // For how many more deliveries there is room.
  capacity room() const { return paused_ ? capacity{0, 0} : deliveries_.room(); }
  std::optional<std::uint64_t> backlog() const;

  // What a look at all that is held tells.
  struct held_look {
    std::int64_t deciding = 0;
    std::int64_t publishing = 0;
    progress_time arrived;                                                // the oldest
    std::int64_t stored_at_ns = std::numeric_limits<std::int64_t>::max(); // the oldest, or none
  };
  held_look look_at_held(progress_time now) const;

  // How old the oldest request is that is held and not settled.
  gauge oldest_undecided_ms(const held_look& held, progress_time now) const;
  actor_report report(progress_time now) const;
  std::optional<account_key> account_of(const held_delivery& slot) const;
  fetcher_look look(record_id id);

  const fetcher_actor::pointer self_;
  fetcher_options options_{};
  lease_table<work> deliveries_;
  letter_office letters_;
  std::size_t looking_ = 0; // deliveries in that stage
  pulled_subject pulled_;   // for whoever asks
  bool paused_ = false;     // pulls nothing, as the root says
  time_point next_upkeep_;
  throttle turns_;
  time_point last_arrival_; // or when it began

  draining drain_;

  fetcher_counters counters_;
};

fetcher_actor::behavior_type fetcher(fetcher_actor::stateful_pointer<fetcher_state> self,
                                     fetcher_options options);

} // namespace ledgerd
