// REDRIVER: brings records to their verdict that have been without one for too long: the process
// died between record and publication, a result was lost, or a stream lost its data. It claims them
// from the database, asks the ledger which are decided already and settles those from the ledger's
// own rows, and publishes the requests of the others again, under a message id of their own. The
// gate knows whatever was decided meanwhile.
//
// When the ledger does not answer, nothing is published: the requests may well wait in the stream
// for the ledger to come back. What is claimed is kept and asked for again, with growing pauses,
// and no more is claimed, for the database lets a record rest twice as long after each claim.
// A question without an answer that can be read is halved, down to one record and to none: a ledger
// that answers the last, but not about the one record, answers about the others.
//
// At most `claim_max` of what was published again may be undecided (copy_window.hpp): beside a
// backlog, in which the originals wait, copies stay a trickle.
//
// A claim that fails is made again at the next beat; several in a row show as a standstill aside.
// So does a publication that is not confirmed: its record is kept, and after a pause that grows the
// ledger is asked again and it is published under the same id. No more is claimed meanwhile.
//
// Spawned by the account root, one on every node; claims make sure that no record is driven twice
// at once.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/common/batch_course.hpp"
#include "actors/common/progress.hpp"
#include "actors/common/wall_clock.hpp"
#include "actors/submissions/copy_window.hpp"
#include "actors/submissions/protocol.hpp"
#include "actors/submissions/redriver_counters.hpp"
#include "domain/backoff.hpp"
#include "domain/currency.hpp"
#include "domain/currency_lookup.hpp"
#include "domain/log_throttle.hpp"
#include "messaging/codec.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

using redriver_actor = reporting_actor::extend<
    // The publisher has something (from its thread), or it is time to look at the copies.
    caf::reacts_to<wake_atom>,
    // Time passes: look for such records.
    caf::reacts_to<tick_atom>>;

struct redriver_options {
  recorder_actor recorder;
  settled_sink intake;
  question_sink ledger_client;
  std::shared_ptr<publisher> requests;
  std::shared_ptr<const currency_table> currencies;
  std::chrono::milliseconds redrive_after;
  // Where currencies are looked for that the table does not know; null: nowhere.
  std::shared_ptr<currency_lookup> lookup = nullptr;
  std::size_t claim_max = 500;
  std::chrono::milliseconds pause_max{30000}; // between two questions to a silent ledger
  std::int64_t (*wall_clock)() = &system_time_ns;
};

class redriver_state {
public:
  static inline const char* name = "redriver";

  explicit redriver_state(redriver_actor::pointer self) : self_(self) {}

  redriver_actor::behavior_type make_behavior(redriver_options options);

private:
  using time_point = caf::actor_clock::time_point;
  using records = std::vector<transaction_record>;

  void end_round();
  void next_round();
  void look_at_copies();
  void publish_again(const records& undecided);
  void give_up();
  void raise_alarm(const transaction_record& record);
  void tell_settled(std::vector<settled>& answers);
  void on_settled(settled_batch& done);
  void note_commit();
  void settle_next();
  void on_verdicts(records&& claimed, const std::vector<record_verdict>& found);
  void leave_out(const transaction_record& record, const rejection& why);
  void on_unanswered(const rejection& why);
  void on_reply(const api_reply& reply);
  void ask_ledger();
  void note_unclaimed(const store_failure& failure);
  void on_claimed(found_records& found);
  void claim();
  void begin_round();
  void note_unpublished(std::string why);
  void pause_questions(backoff& pauses);
  void take_confirmations();

  standstill wait(progress_time now) const;
  gauge oldest_held_ms() const;
  actor_report report(progress_time now) const;

  const redriver_actor::pointer self_;
  redriver_options options_{};
  // Claimed, and the ledger has not said what it decided, or has to say it again.
  records kept_;
  std::size_t ask_max_ = 0;   // of them in one question: halved by a failure, doubled by an answer
  std::size_t asked_ = 0;     // the first so many of them, in the question under way
  bool ledger_there_ = false; // it has answered the question before
  backoff pauses_{options_.pause_max, options_.pause_max}; // between two questions to it
  time_point next_question_ = time_point::min();
  std::vector<record_verdict> settling_; // not written yet; the first `batch` are with the recorder
  std::size_t batch_ = 0;
  batch_course course_;
  bool busy_ = false;         // a claim is being driven
  awaited answer_;            // of the recorder, while it is
  awaited ledger_;            // an answer of the ledger that can be read, while any is kept
  std::size_t unclaimed_ = 0; // claims that failed, in a row
  awaited failing_;           // a claim that does not, once several have
  std::string why_unclaimed_;
  std::unordered_map<ticket, transaction_record> publishing_; // and not answered yet
  copy_window copies_;                                        // those, and what is not decided yet
  backoff look_pauses_{options_.pause_max, options_.pause_max}; // between two looks at them
  time_point next_look_ = time_point::min();
  awaited unconfirmed_; // publications that are not confirmed
  std::string why_unconfirmed_;
  backoff republish_pauses_{options_.pause_max, options_.pause_max};
  log_throttle lines_;
  time_point to_recorder_;  // when the last claim or batch went there
  time_point last_claimed_; // or when it began

  redriver_counters counters_;
};

redriver_actor::behavior_type redriver(redriver_actor::stateful_pointer<redriver_state> self,
                                       redriver_options options);

} // namespace ledgerd
