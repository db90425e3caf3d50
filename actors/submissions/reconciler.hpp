// RECONCILER: applies the results of the result stream to the records. Takes deliveries from the
// durable consumer up to its credit, has them settled in batches of one statement, tells the
// INTAKE, and only then acknowledges. A result that is none is parked; so is one with the account
// side's mark that answers no record, and one that says otherwise than its record, with an alarm.
//
// Another instance does the same with the dead letters: a request of the account side that was
// parked ends its record. All other letters are somebody else's, also one that only bears the mark
// of a record: the letter's payload must ask for what the record asked for.
//
// Spawned by the account root. Never blocks longer than the broker's write deadline.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/common/batch_course.hpp"
#include "actors/common/drain.hpp"
#include "actors/common/dry_spell.hpp"
#include "actors/common/lease_table.hpp"
#include "actors/common/letter_office.hpp"
#include "actors/common/throttle.hpp"
#include "actors/common/wall_clock.hpp"
#include "actors/submissions/aside_queue.hpp"
#include "actors/submissions/protocol.hpp"
#include "actors/submissions/reconciler_counters.hpp"
#include "domain/backoff.hpp"
#include "domain/currency.hpp"
#include "domain/currency_lookup.hpp"
#include "messaging/codec.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

using reconciler_actor = pulsed_actor::extend_with<drainable_actor, reporting_actor>::extend<
    // The source or the publisher has something (from their threads).
    caf::reacts_to<wake_atom>,
    // Its own reminder to look, when it was woken too soon after the last look.
    caf::reacts_to<turn_atom>,
    // Time passes: leases, publishing again.
    caf::reacts_to<tick_atom>,
    // Time to try the failed batch again.
    caf::reacts_to<retry_atom>>;

struct reconciler_options {
  std::string instance; // for reports: the consumer and a number
  std::string node_name;
  std::shared_ptr<delivery_source> source;
  std::shared_ptr<publisher> dead_letters;
  bool letters = false; // the source holds dead letters, not results
  std::shared_ptr<const currency_table> currencies;
  // Where currencies are looked for that the table does not know; null: nowhere, they are none.
  std::shared_ptr<currency_lookup> lookup = nullptr;
  recorder_actor recorder;
  settled_sink intake;
  capacity credit;                 // what is held at most
  std::size_t batch_max;           // results of one statement
  std::chrono::milliseconds lease; // the consumer's acknowledgement wait
  std::chrono::milliseconds beat{100};
  // At its end, for so long it hands back what the broker had sent when the source was closed.
  std::chrono::milliseconds stragglers{0};
  // Time between two looks at source and publisher, so that a flow of single results is applied in
  // batches.
  std::chrono::milliseconds turn_pause{5};
  std::chrono::milliseconds pause_min{50};
  std::chrono::milliseconds pause_max{3000};
  std::chrono::milliseconds retry_pause{1000}; // of a dead letter without PubAck
  // After so long without PubAck the delivery is postponed, so that what cannot be stored does not
  // hold the credit of what can.
  std::chrono::milliseconds letter_patience{3000};
  // How long a result's currency may be looked for before its delivery is postponed.
  std::chrono::milliseconds look_patience{5000};
  std::uint32_t attempts_max = 3; // of a result that the database refuses
  // Between two tries of a result that is stuck, and of one whose record somebody has locked.
  std::chrono::milliseconds aside_max{60000};
  std::chrono::milliseconds locked_max{5000};
  std::int64_t (*wall_clock)() = &system_time_ns;
};

class reconciler_state {
public:
  static inline const char* name = "reconciler";

  explicit reconciler_state(reconciler_actor::pointer self) : self_(self) {}

  reconciler_actor::behavior_type make_behavior(reconciler_options options);

private:
  using time_point = caf::actor_clock::time_point;

  // What is noted about a delivery.
  struct work {
    record_verdict verdict;
    std::uint64_t look = 0; // the look that tells whether its currency exists
    std::uint32_t attempts = 0;
    std::optional<backoff> pauses; // of one that is set aside
    time_point due;                // of one whose currency is looked for: when it is postponed
  };
  using held_delivery = lease_table<work>::held;

  void park(held_delivery& held, rejection why);
  void acknowledge(held_delivery& held, std::string_view outcome);
  void finish_drain();
  void raise_alarm(held_delivery& held, const transaction_record& record);
  void note_settled(const held_delivery& held);
  void leave_alone(held_delivery& held);
  void disbelieve(held_delivery& held, std::string_view why);
  void conclude(held_delivery& held, const settled& answer);
  void on_settled(std::vector<settled>& answers);
  void try_again_later(const store_failure& failure);
  void split();
  bool is_aside_full() const;
  void go_alone();
  void postpone(held_delivery& one);
  void set_aside(held_delivery& one, const std::string& why, next_try how);
  void set_culprits_aside(const store_failure& failure);
  void note_answer();
  void on_one(bool is_refused, const store_failure& failure);
  void on_failure(const store_failure& failure);
  void on_answer(settled_batch& done);
  void note_commit();
  void settle_batch();
  void settle_waiting();
  void admit(held_delivery& held, bool may_look);
  void take_looked_up();
  void take_deliveries();
  void take_confirmations();
  void upkeep();
  void turn();

  // For how many more deliveries there is room.
  capacity room() const {
    return course_.pause().count() > 0 ? capacity{0, 0} : deliveries_.room();
  }

  actor_report report(progress_time now) const;

  const reconciler_actor::pointer self_;
  reconciler_options options_{};
  lease_table<work> deliveries_;
  // Where each of them is on its road; those that are nowhere here are parked.
  std::vector<ticket> looking_; // its currency is not in the table, which is being looked at again
  std::deque<ticket> waiting_;
  std::vector<ticket> settling_; // with the recorder, or waiting to be tried again
  aside_queue aside_;            // refused by the database, or locked in it
  bool was_aside_ = false;       // the last batch was of them
  letter_office dead_letters_;
  batch_course course_;
  time_point next_alarm_ = time_point::min();
  throttle turns_;
  awaited answer_;  // of the recorder, to a batch or its parts
  dry_spell spell_; // of results that fail one by one
  std::string last_failure_;
  bool refused_ = false;    // by the server's own word
  time_point asked_;        // when the last batch went to the recorder
  time_point last_arrival_; // or when it began

  draining drain_;

  reconciler_counters counters_;
};

reconciler_actor::behavior_type
reconciler(reconciler_actor::stateful_pointer<reconciler_state> self, reconciler_options options);

} // namespace ledgerd
