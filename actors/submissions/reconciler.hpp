// RECONCILER: applies the results of the result stream to the records. Takes deliveries from the
// durable consumer up to its credit, has them settled in batches of one statement, tells the
// INTAKE, and only then acknowledges. A result that is none is parked; so is one with the account
// side's mark that answers no record, and one that says otherwise than its record, with an alarm.
//
// Another instance does the same with the dead letters: a request of the account side that was
// parked ends its record. All other letters are somebody else's.
//
// Spawned by the account root. Never blocks longer than the broker's write deadline.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/common/batch_course.hpp"
#include "actors/common/drain.hpp"
#include "actors/common/lease.hpp"
#include "actors/common/throttle.hpp"
#include "actors/common/unstored.hpp"
#include "actors/submissions/protocol.hpp"
#include "actors/submissions/reconciler_counters.hpp"
#include "domain/currency.hpp"
#include "domain/currency_lookup.hpp"
#include "domain/log_throttle.hpp"
#include "messaging/codec.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

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
  intake_actor intake;
  capacity credit;                 // what is held at most
  std::size_t batch_max;           // results of one statement
  std::chrono::milliseconds lease; // the consumer's acknowledgement wait
  std::chrono::milliseconds beat{100};
  // Time between two looks at source and publisher, so that a flow of single results is applied in
  // batches.
  std::chrono::milliseconds turn_pause{5};
  std::chrono::milliseconds pause_min{50};
  std::chrono::milliseconds pause_max{3000};
  std::chrono::milliseconds retry_pause{1000}; // of a dead letter without PubAck
  // After so long without PubAck the delivery is postponed, so that what cannot be stored does not
  // hold the credit of what can.
  std::chrono::milliseconds letter_patience{3000};
  std::uint32_t attempts_max = 3;             // of a result that the database refuses
  std::chrono::milliseconds aside_max{60000}; // between two tries of a result that is stuck
};

struct reconciler_state {
  static inline const char* name = "reconciler";
  using time_point = caf::actor_clock::time_point;

  struct held_result {
    delivery source;
    record_verdict verdict;
    lease_times leased;
    std::uint32_t attempts = 0;
    std::chrono::milliseconds pause{0}; // of one that is set aside, and when it is over
    time_point due;
  };

  struct parked_result {
    delivery source;
    rejection why;
    outgoing letter;       // empty until the incarnation of the source's stream is known
    std::size_t bytes = 0; // of credit
    time_point tried;      // when the letter was to be published first
    lease_times leased;
    time_point due;
    bool under_way = false; // handed to the publisher; else published again when `due`
  };

  // Its currency is not in the table: held until the table was brought up to date.
  struct looking_result {
    delivery source;
    lease_times leased;
    std::uint64_t look = 0; // the number of the look that tells
  };

  reconciler_options options{};
  std::vector<looking_result> looking;
  std::deque<held_result> waiting;
  std::vector<held_result> settling; // with the recorder, or waiting to be tried again
  std::vector<held_result> aside;    // refused by the database; each tried again when `due`
  std::unordered_map<std::uint64_t, parked_result> parking; // by token
  std::vector<std::uint64_t> nameless;                      // those without a letter yet
  std::uint64_t last_token = 0;
  batch_course course;
  time_point next_alarm = time_point::min();
  throttle turns;
  lease_rule leases;
  awaited answer; // of the recorder
  awaited puback; // of a dead letter
  std::string last_failure;

  draining drain;
  log_throttle lines;
  unstored_letters unstored;
  std::size_t held_bytes = 0;

  reconciler_counters counters;

  std::size_t held() const {
    return looking.size() + waiting.size() + settling.size() + aside.size() + parking.size();
  }
  capacity room() const;

  // For how long the oldest letter has been without a PubAck.
  std::chrono::milliseconds oldest_unconfirmed(time_point now) const;

  actor_report report(progress_time now) const;
};

reconciler_actor::behavior_type
reconciler(reconciler_actor::stateful_pointer<reconciler_state> self, reconciler_options options);

} // namespace ledgerd
