// INTAKE: records what callers submit, publishes it to the request stream, and answers. Group
// commit without a timer: what arrives while one batch is being recorded forms the next. An answer
// may wait for the record's verdict; it holds a place in a table then, not a thread.
//
// A record that was committed is never given up: this actor publishes it until it is confirmed.
// Should the process die before that, or more wait for the broker than there is room for, the
// REDRIVER of any node does. Spawned by the account root.
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
#include "actors/submissions/recording_trouble.hpp"
#include "domain/currency.hpp"
#include "domain/log_throttle.hpp"
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
      100}; // a wait so old looks at the record itself, and as often while few wait
  std::size_t look_max = 500; // records in one look; the others have their turn afterwards
  std::chrono::milliseconds retry_pause{1000};
};

class intake_state {
public:
  static inline const char* name = "intake";

  explicit intake_state(intake_actor::pointer self) : self_(self) {}

  intake_actor::behavior_type make_behavior(intake_options options);

private:
  using time_point = caf::actor_clock::time_point;

  struct waiter {
    submit_outcome outcome;
    transaction_record record; // as it was when it was recorded
    time_point since;
    time_point next_look;
    time_point until;
    std::function<void(const submit_answer&)> answer;
  };

  void refuse(submit_request& request, const std::string& why);
  void expire(time_point now);
  void add_trace(outgoing& message, const submit_request& from);
  void log_publication(const outbox::letter& stored, time_point now);
  void publish(const transaction_record& record, const submit_request& from);
  void answer(submit_request& request, submit_outcome outcome, transaction_record&& record);
  void take_recorded(submit_request& request, recorded& got);
  void finish_drain();
  void note_failure(const std::vector<submit_request>& requests, const store_failure& failure,
                    batch_step step);
  void on_failure(std::vector<submit_request>&& requests, const store_failure& failure);
  void note_recorded();
  void on_recorded(recorded_batch& done);
  void record_next_batch();
  void try_recording(time_point now);
  void submit(submit_request& request);
  void make_room(const std::vector<std::uint64_t>& unconfirmed, progress_time now);
  void take_confirmations();
  void on_settled(const std::vector<transaction_record>& records);
  void end_waits(time_point now);
  std::vector<record_id> take_turns(time_point now);
  void look_at_records(time_point now);
  void on_looked(std::size_t asked, found_records& found);

  std::size_t held() const { return forming_.size() + recording_.size() + publishing_.size(); }

  // When the oldest submission came that is held, or was recorded if it is by now.
  progress_time oldest(progress_time otherwise) const;

  actor_report report(progress_time now) const;

  const intake_actor::pointer self_;
  intake_options options_{};
  std::vector<submit_request> forming_;
  std::vector<submit_request> recording_;
  outbox publishing_;                                     // the token is the record id
  std::unordered_multimap<std::int64_t, waiter> waiters_; // by record id
  // By token, of those in `publishing_` whose trace wants a span: the traceparent that came.
  std::unordered_map<std::uint64_t, std::string> traced_;
  batch_course course_;
  recording_trouble trouble_;
  log_throttle lines_;   // of publications that are not confirmed
  bool trying_ = false;  // an empty batch is with the recorder
  bool looking_ = false; // at the records of waiters
  time_point next_look_;
  time_point asked_;        // when the last batch went to the recorder
  time_point last_arrival_; // or when it began

  awaited answer_; // of the recorder

  draining drain_;

  intake_counters counters_;
};

intake_actor::behavior_type intake(intake_actor::stateful_pointer<intake_state> self,
                                   intake_options options);

} // namespace ledgerd
