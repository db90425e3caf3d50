// INTAKE: records what callers submit, publishes it to the request stream, and answers. Group
// commit without a timer: what arrives while one batch is being recorded forms the next. An answer
// may wait for the record's verdict; it holds a place in a table then, not a thread.
//
// A record that was committed is never given up: this actor publishes it until it is confirmed, and
// should the process die before that, the REDRIVER of any node does. Spawned by the account root.
// Never blocks longer than the broker's write deadline.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "actors/common/batch_course.hpp"
#include "actors/common/drain.hpp"
#include "actors/common/outbox.hpp"
#include "actors/common/progress.hpp"
#include "actors/submissions/intake_counters.hpp"
#include "actors/submissions/protocol.hpp"
#include "domain/currency.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

using intake_actor =
    submission_sink::extend_with<settled_sink, drainable_actor, reporting_actor>::extend<
        // The publisher has something (from its thread).
        caf::reacts_to<wake_atom>,
        // Time passes: publishing again, waits that are over.
        caf::reacts_to<tick_atom>>;

struct intake_options {
  recorder_actor recorder; // for new records
  record_finder finder;    // to look at records whose verdict another node may have applied
  std::shared_ptr<publisher> requests;
  std::shared_ptr<const currency_table> currencies;
  std::size_t submissions_max;     // from arrival to PubAck; more are refused
  std::size_t waiters_max = 10000; // answers that wait; beyond that they do not
  std::size_t batch_max = 500;     // records of one transaction
  std::chrono::milliseconds beat{25};
  std::chrono::milliseconds look_after{
      100}; // a wait so old looks at the record itself, and as often
  std::chrono::milliseconds retry_pause{1000};
};

struct intake_state {
  static inline const char* name = "intake";
  using time_point = caf::actor_clock::time_point;

  struct waiter {
    submit_outcome outcome;
    transaction_record record; // as it was when it was recorded
    time_point since;
    time_point until;
    std::function<void(const submit_answer&)> answer;
  };

  intake_options options{};
  std::vector<submit_request> forming;
  std::vector<submit_request> recording;
  outbox publishing;                                     // the token is the record id
  std::unordered_multimap<std::int64_t, waiter> waiters; // by record id
  batch_course course;
  std::int64_t failing = 0; // batches in a row that were not recorded
  bool looking = false;     // at the records of waiters
  time_point next_look;

  awaited answer; // of the recorder

  draining drain;

  intake_counters counters;

  std::size_t held() const { return forming.size() + recording.size() + publishing.size(); }

  actor_report report(progress_time now) const;
};

intake_actor::behavior_type intake(intake_actor::stateful_pointer<intake_state> self,
                                   intake_options options);

} // namespace ledgerd
