#include "actors/submissions/reconciler.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "actors/common/consumer_look.hpp"
#include "actors/common/log.hpp"
#include "actors/common/span.hpp"
#include "actors/common/unread_currency.hpp"
#include "actors/common/waker.hpp"
#include "domain/assert.hpp"
#include "domain/failpoint.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

rejection unknown_record(const record_verdict& verdict) {
  return {dead_reason::unknown_record,
          "field \"recordId\": there is no record " + std::to_string(to_int(verdict.id))};
}

rejection other_content(const record_verdict& verdict) {
  return {dead_reason::unknown_record, "field \"recordId\": record "
                                           + std::to_string(to_int(verdict.id))
                                           + " asked for something else than this result answers"};
}

rejection says_otherwise(const record_verdict& verdict, const transaction_record& record) {
  return {dead_reason::contrary_verdict, "field \"recordId\": record "
                                             + std::to_string(to_int(verdict.id)) + " is "
                                             + std::string{to_text(record.status)}
                                             + " by another verdict: one of the two is false"};
}

} // namespace

void reconciler_state::park(held_delivery& held, rejection why) {
  log_process_span(held.source, options_.instance, to_text(why.reason),
                   self_->clock().now() - held.leased.arrived);
  dead_letters_.park(held.tag(), held.source, std::move(why), self_->clock().now());
}

// Without an outcome nothing was done that a trace should tell of.
void reconciler_state::acknowledge(held_delivery& held, std::string_view outcome) {
  if (!outcome.empty())
    log_process_span(held.source, options_.instance, outcome,
                     self_->clock().now() - held.leased.arrived);
  deliveries_.settle(held, settlement::acknowledge);
  drain_.count_settled();
}

void reconciler_state::finish_drain() {
  if (!drain_.is_over(self_->clock().now(), deliveries_.size()))
    return;
  drain_.count_handed_back(deliveries_.hand_back_all());
  dead_letters_.close();
  drain_.finish();
}

// A verdict is for ever, so one that says otherwise is a forgery, or the record's was. The letter
// keeps it for whoever finds out.
void reconciler_state::raise_alarm(held_delivery& held, const transaction_record& record) {
  ++counters_.contrary;
  const auto why = says_otherwise(held.verdict, record);
  if (const auto now = self_->clock().now(); now >= next_alarm_) {
    next_alarm_ = now + std::chrono::seconds{1};
    log(log_event::verdict_contrary,
        {{"recordId", to_int(record.id)},
         {"stream", held.source.stream},
         {"seq", held.source.stream_seq}},
        "{}: {} of {} is contrary ({} so far): {}", options_.instance, held.source.stream_seq,
        held.source.stream, counters_.contrary, why.detail);
  }
  if (options_.letters)
    return acknowledge(held, "contrary"); // it is kept as it is
  park(held, why);
}

void reconciler_state::note_settled(const held_delivery& held) {
  const auto took = self_->clock().now() - held.leased.arrived;
  if (!options_.letters)
    counters_.settle.record(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
}

void reconciler_state::leave_alone(held_delivery& held) {
  ++counters_.foreign;
  acknowledge(held, {});
}

// A letter that bears the mark of a record and is not about its request: whoever publishes requests
// can write that header. It ends nothing.
void reconciler_state::disbelieve(held_delivery& held, std::string_view why) {
  log(log_event::letter_mismatched,
      {{"stream", held.source.stream}, {"seq", held.source.stream_seq}, {"why", why}},
      "{}: {} of {} bears the mark of a record and is not about its request: {}", options_.instance,
      held.source.stream_seq, held.source.stream, why);
  leave_alone(held);
}

// What becomes of a delivery whose record is known.
void reconciler_state::conclude(held_delivery& held, const settled& answer) {
  switch (answer.outcome) {
  case settle_outcome::settled:
    ++counters_.settled;
    note_settled(held);
    return acknowledge(held, "settled");
  case settle_outcome::known:
    ++counters_.known;
    return acknowledge(held, "known");
  case settle_outcome::contrary:
    return raise_alarm(held, answer.record);
  case settle_outcome::conflict:
    if (options_.letters)
      return acknowledge(held, "conflict");
    return park(held, other_content(held.verdict));
  case settle_outcome::unrelated:
    return disbelieve(held, "its record asked for something else");
  case settle_outcome::unknown:
    if (options_.letters || !has_account_mark(held.source.headers))
      return leave_alone(held);
    return park(held, unknown_record(held.verdict));
  }
}

void reconciler_state::on_settled(std::vector<settled>& answers) {
  ++counters_.batches;
  const auto batch = std::exchange(settling_, {});
  LEDGERD_ASSERT(batch.size() == answers.size());
  auto changed = std::make_shared<std::vector<transaction_record>>();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    conclude(deliveries_.at(batch[i]), answers[i]);
    if (answers[i].outcome != settle_outcome::unknown
        && answers[i].outcome != settle_outcome::unrelated)
      changed->push_back(std::move(answers[i].record));
  }
  if (!changed->empty())
    self_->send(options_.intake, settled_atom_v, records_ptr{changed});
}

// The database is away: what is held stays, nothing more is pulled, and the same batch is tried
// again.
void reconciler_state::try_again_later(const store_failure& failure) {
  ++counters_.failures;
  log(log_event::results_unapplied,
      {{"consumer", options_.instance}, {"results", settling_.size()}, {"why", failure.detail}},
      "{}: {} results not applied, trying again: {}", options_.instance, settling_.size(),
      failure.detail);
  last_failure_ = failure.detail;
  refused_ = failure.refused;
  self_->delayed_send(self_, course_.pause(), retry_atom_v);
}

// The database answers, whatever it says.
void reconciler_state::note_answer() {
  answer_.end();
  last_failure_.clear();
  refused_ = false;
}

// One of the batch is at fault: it goes again in smaller ones.
void reconciler_state::split() {
  const auto batch = std::exchange(settling_, {});
  waiting_.insert(waiting_.begin(), batch.begin(), batch.end());
}

// What is stuck holds a quarter of the credit at most.
bool reconciler_state::is_aside_full() const {
  return aside_.size() >= std::max<std::size_t>(1, options_.credit.messages / 4)
         || aside_.bytes() >= options_.credit.bytes / 4;
}

void reconciler_state::postpone(held_delivery& one) {
  drain_.count_handed_back();
  deliveries_.settle(one, settlement::postpone);
}

// The result waits beside the others, each time longer. Those that are only locked cost little
// together, and are to follow soon when the lock has gone.
void reconciler_state::set_aside(held_delivery& one, const std::string& why, next_try how) {
  if (!one.pauses)
    one.pauses.emplace(options_.retry_pause, options_.aside_max);
  const auto most = how == next_try::together ? options_.locked_max : options_.aside_max;
  const auto pause = std::min(one.pauses->grow(), most);
  aside_.add(one.tag(), one.bytes, self_->clock().now() + pause, how);
  log(log_event::results_unapplied,
      {{"consumer", options_.instance}, {"recordId", to_int(one.verdict.id)}, {"why", why}},
      "{}: the result of record {} is not applied and waits beside the others: {}",
      options_.instance, to_int(one.verdict.id), why);
}

// Those that the store names wait beside the others, which go again at once.
void reconciler_state::set_culprits_aside(const store_failure& failure) {
  const auto batch = std::exchange(settling_, {});
  auto culprit = failure.culprits.begin();
  std::vector<ticket> others;
  for (std::size_t place = 0; place < batch.size(); ++place) {
    if (culprit == failure.culprits.end() || *culprit != place) {
      others.push_back(batch[place]);
      continue;
    }
    ++culprit;
    auto& one = deliveries_.at(batch[place]);
    spell_.failed(one.verdict.decided.account, failure.detail, self_->clock().now());
    is_aside_full() ? postpone(one) : set_aside(one, failure.detail, next_try::together);
  }
  waiting_.insert(waiting_.begin(), others.begin(), others.end());
}

// Refused for its content it has a few attempts, unless whatever comes is refused, and they are
// soon over, so that it has them however much is stuck; behind a lock it has as many as it takes.
void reconciler_state::on_one(bool is_refused, const store_failure& failure) {
  const auto now = self_->clock().now();
  auto& one = deliveries_.at(settling_.front());
  settling_.clear();
  spell_.failed(one.verdict.decided.account, failure.detail, now);
  const bool its_own = is_refused && !spell_.is_common(now);
  if (its_own && ++one.attempts >= options_.attempts_max)
    return park(one, {dead_reason::attempts_exhausted, failure.detail});
  if (!its_own && is_aside_full())
    return postpone(one);
  const bool is_locked = !is_refused && !failure.culprits.empty();
  set_aside(one, failure.detail, is_locked ? next_try::together : next_try::alone);
}

// Nobody says which of those that were set aside is at fault.
void reconciler_state::go_alone() {
  for (const auto tag : std::exchange(settling_, {}))
    aside_.add_due(tag, deliveries_.at(tag).bytes);
}

void reconciler_state::on_failure(const store_failure& failure) {
  const bool answers =
      failure.kind == store_failure_kind::rejected || failure.kind == store_failure_kind::blocked;
  const bool says_nothing_of_others = answers && (was_aside_ || !failure.culprits.empty());
  if (answers)
    note_answer();
  if (says_nothing_of_others)
    course_.answered();
  const auto step = says_nothing_of_others ? batch_step::set_aside
                                           : course_.failed(failure.kind, settling_.size());
  switch (step) {
  case batch_step::done:
  case batch_step::again:
    return try_again_later(failure);
  case batch_step::split:
    split();
    break;
  case batch_step::refuse:
  case batch_step::set_aside:
    if (settling_.size() == 1)
      on_one(failure.kind == store_failure_kind::rejected, failure);
    else if (failure.culprits.empty())
      go_alone();
    else
      set_culprits_aside(failure);
    break;
  }
  settle_waiting();
}

void reconciler_state::on_answer(settled_batch& done) {
  if (auto* answers = std::get_if<std::vector<settled>>(&done.result)) {
    course_.succeeded();
    note_answer();
    spell_.posted();
    on_settled(*answers);
    settle_waiting();
  } else {
    on_failure(std::get<store_failure>(done.result));
  }
  finish_drain();
}

void reconciler_state::note_commit() {
  using std::chrono::duration_cast, std::chrono::microseconds;
  counters_.commit.record(duration_cast<microseconds>(self_->clock().now() - asked_).count());
}

void reconciler_state::settle_batch() {
  failpoint("reconciler");
  answer_.begin(self_->clock().now());
  auto batch = std::make_shared<std::vector<record_verdict>>();
  batch->reserve(settling_.size());
  asked_ = self_->clock().now();
  counters_.posted.record(settling_.size());
  for (const auto tag : settling_)
    batch->push_back(deliveries_.at(tag).verdict);
  self_->request(options_.recorder, caf::infinite, settle_atom_v, verdicts_ptr{batch})
      .then(
          [this](settled_batch& done) {
            note_commit();
            on_answer(done);
          },
          [this](const caf::error&) {
            settled_batch gone{
                store_failure{store_failure_kind::unavailable, "the recorder ended"}};
            on_answer(gone);
          });
}

// What was set aside goes apart from the others and in turn with them: it holds up none again.
void reconciler_state::settle_waiting() {
  if (!settling_.empty() || (waiting_.empty() && !aside_.has_due()))
    return;
  was_aside_ = aside_.has_due() && (waiting_.empty() || !was_aside_);
  if (was_aside_) {
    settling_ = aside_.take(options_.batch_max);
  } else {
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(course_.next(waiting_.size()));
    settling_.assign(waiting_.begin(), end);
    waiting_.erase(waiting_.begin(), end);
  }
  settle_batch();
}

// Decodes a delivery and lets it wait for its batch. One whose currency is not known is held until
// the table was brought up to date: unknown here is not invalid.
void reconciler_state::admit(held_delivery& held, bool may_look) {
  std::variant<record_verdict, rejection> decoded;
  if (options_.letters) {
    auto parked =
        decode_parked_request(held.source.headers, held.source.payload, *options_.currencies);
    if (!parked)
      return leave_alone(held);
    decoded = std::move(*parked);
  } else {
    decoded = decode_result(held.source.payload, *options_.currencies);
  }
  if (auto* verdict = std::get_if<record_verdict>(&decoded)) {
    held.verdict = std::move(*verdict);
    waiting_.push_back(held.tag());
    return;
  }
  auto& why = std::get<rejection>(decoded);
  if (!why.unknown_currency || !may_look || !options_.lookup)
    return options_.letters ? disbelieve(held, why.detail) : park(held, std::move(why));
  held.look = options_.lookup->request();
  held.due = self_->clock().now() + options_.look_patience;
  looking_.push_back(held.tag());
}

// What nobody could look up does not hold the credit of what needs no look.
void reconciler_state::take_looked_up() {
  if (looking_.empty())
    return;
  const auto done = options_.lookup->done();
  for (const auto tag : std::exchange(looking_, {}))
    if (auto& held = deliveries_.at(tag); held.look <= done) {
      admit(held, false);
    } else if (held.due > self_->clock().now()) {
      looking_.push_back(tag);
    } else {
      note_unread_currency(options_.instance, held.source.stream_seq);
      postpone(held);
    }
}

void reconciler_state::take_deliveries() {
  auto arrived = options_.source->take();
  if (arrived.empty())
    return settle_waiting();
  const auto now = self_->clock().now();
  const auto wall = options_.wall_clock();
  last_arrival_ = now;
  counters_.pulled.record(arrived.size());
  for (auto& next : arrived) {
    if (drain_.under_way()) {
      options_.source->settle(next.receipt, settlement::hand_back);
      drain_.count_handed_back();
      continue;
    }
    ++counters_.fetched;
    if (next.stored_at_ns > 0 && !options_.letters)
      counters_.result_pull.record(stored_for_us(wall, next.stored_at_ns));
    admit(deliveries_.hold(std::move(next), now), true);
  }
  settle_waiting();
}

void reconciler_state::take_confirmations() {
  dead_letters_.take(
      self_->clock().now(), [this](ticket tag) -> held_delivery& { return deliveries_.at(tag); },
      [this](held_delivery& held, bool stored) {
        if (stored)
          drain_.count_settled();
        else
          drain_.count_handed_back();
        deliveries_.settle(held, stored ? settlement::terminate : settlement::postpone);
      });
}

// Keeps what is held alive at the broker, and tries again what is due.
void reconciler_state::upkeep() {
  const auto now = self_->clock().now();
  dead_letters_.upkeep(now);
  deliveries_.renew(now);
  deliveries_.trim(now);
  take_looked_up();
  aside_.take_due(now);
  settle_waiting();
}

void reconciler_state::turn() {
  turns_.begun(self_->clock().now(), options_.turn_pause);
  take_deliveries();
  dead_letters_.name_letters(self_->clock().now());
  take_confirmations();
  if (drain_.under_way())
    finish_drain();
  else
    options_.source->pull(room());
}

actor_report reconciler_state::report(progress_time now) const {
  const auto backlog = known_backlog(*options_.source, room());
  oldest_delivery oldest{now};
  deliveries_.for_each(
      [&](const held_delivery& one) { oldest.add(one.leased.arrived, one.source.stored_at_ns); });
  using std::chrono::duration_cast, std::chrono::milliseconds;
  return make_report(
      name, options_.instance,
      reconciler_numbers{counters_,
                         dead_letters_.counters(),
                         {.aside = aside_.size(),
                          .unstored = dead_letters_.unstored(now),
                          .oldest_unconfirmed_ms = dead_letters_.oldest_unconfirmed(now).count(),
                          .acks_unanswered_ms = dead_letters_.acks_unanswered().count(),
                          .held = deliveries_.size(),
                          .held_bytes = deliveries_.bytes(),
                          .credit = options_.credit.messages,
                          .pending = backlog ? static_cast<std::int64_t>(*backlog) : not_known,
                          .oldest_unsettled_ms = deliveries_.size() == 0
                                                     ? age_of_nothing(backlog, room())
                                                     : oldest.age_ms(now, options_.wall_clock()),
                          .idle_ms = duration_cast<milliseconds>(now - last_arrival_).count()}},
      longer({.since = answer_.since(now),
              .what = last_failure_.empty() ? "the database does not answer a batch"
                                            : "results wait: " + last_failure_,
              .refused = refused_},
             longer(spell_.wait(now, "no result is applied"), dead_letters_.wait(now))));
}

reconciler_actor::behavior_type reconciler_state::make_behavior(reconciler_options options) {
  course_ = {options.batch_max, options.pause_min, options.pause_max};
  options_ = std::move(options);
  deliveries_ = {options_.source, options_.credit, options_.lease};
  dead_letters_ = letter_office{{.instance = options_.instance,
                                 .node_name = options_.node_name,
                                 .source = options_.source,
                                 .letters = options_.dead_letters,
                                 .retry_pause = options_.retry_pause,
                                 .letter_patience = options_.letter_patience}};
  const auto wake = make_waker(reconciler_actor{self_});
  last_arrival_ = self_->clock().now();
  options_.dead_letters->open(wake);
  options_.source->open(wake);
  options_.source->pull(room());
  self_->delayed_send(self_, options_.beat, tick_atom_v);
  return {
      [this](wake_atom) {
        if (turns_.may_begin(self_))
          turn();
      },
      [this](turn_atom) {
        turns_.reminded();
        turn();
      },
      [this](tick_atom) {
        upkeep();
        turn();
        self_->delayed_send(self_, options_.beat, tick_atom_v);
      },
      [this](retry_atom) { settle_batch(); },
      [this](pulse_atom, bool moving) {
        deliveries_.pulse(moving, self_->clock().now());
        if (!drain_.under_way())
          options_.source->pull(room());
      },
      [this](drain_atom, std::int64_t deadline_ms) {
        options_.source->close();
        auto promise = drain_.begin(self_, deadline_ms, options_.stragglers);
        turn();
        return promise;
      },
      [this](report_atom) { return report(self_->clock().now()); },
  };
}

reconciler_actor::behavior_type
reconciler(reconciler_actor::stateful_pointer<reconciler_state> self, reconciler_options options) {
  return self->state.make_behavior(std::move(options));
}

} // namespace ledgerd
