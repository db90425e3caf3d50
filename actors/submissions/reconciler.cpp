#include "actors/submissions/reconciler.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "actors/common/failpoint.hpp"
#include "actors/common/unplaced.hpp"
#include "actors/common/waker.hpp"
#include "domain/assert.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

using reconciler_pointer = reconciler_actor::stateful_pointer<reconciler_state>;
using held_delivery = lease_table<reconciler_state::work>::held;
using time_point = reconciler_state::time_point;

void settle_waiting(reconciler_pointer self);

// A dead letter is named after the life of the stream that its message came from.
bool publish_letter(reconciler_state& state, held_delivery& held, time_point now) {
  const auto& options = state.options;
  if (!options.source->identify(held.source))
    return false;
  state.dead_letters.put(make_dead_letter(held.tag(), std::move(held.source), held.why,
                                          options.node_name,
                                          options.dead_letters->message_bytes_max()),
                         give_up::when_late, now);
  return true;
}

void name_letters(reconciler_state& state, time_point now) {
  std::erase_if(state.nameless,
                [&](ticket tag) { return publish_letter(state, state.deliveries.at(tag), now); });
}

void park(reconciler_pointer self, held_delivery& held, rejection why) {
  auto& state = self->state;
  const auto now = self->clock().now();
  if (const auto more = state.lines.admit(to_text(why.reason), now))
    spdlog::info("{}: parking {} of {}: {}: {}{}", state.options.instance, held.source.stream_seq,
                 held.source.stream, to_text(why.reason), why.detail, left_out_text(*more));
  ++state.counters.parked;
  held.why = std::move(why);
  if (!publish_letter(state, held, now))
    state.nameless.push_back(held.tag());
}

void acknowledge(reconciler_state& state, held_delivery& held) {
  state.deliveries.settle(held, settlement::acknowledge);
  state.drain.count_settled();
}

void finish_drain(reconciler_pointer self) {
  auto& state = self->state;
  if (!state.drain.is_over(self->clock().now(), state.deliveries.size()))
    return;
  state.drain.count_handed_back(state.deliveries.hand_back_all());
  state.nameless.clear();
  note_unplaced(state.options.instance, 0, {}, {});
  state.drain.finish();
}

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

// A verdict is for ever, so one that says otherwise is a forgery, or the record's was. The letter
// keeps it for whoever finds out.
void raise_alarm(reconciler_pointer self, held_delivery& held, const transaction_record& record) {
  auto& state = self->state;
  ++state.counters.contrary;
  const auto why = says_otherwise(held.verdict, record);
  if (const auto now = self->clock().now(); now >= state.next_alarm) {
    state.next_alarm = now + std::chrono::seconds{1};
    spdlog::error("{}: {} of {} is contrary ({} so far): {}", state.options.instance,
                  held.source.stream_seq, held.source.stream, state.counters.contrary, why.detail);
  }
  if (state.options.letters)
    return acknowledge(state, held); // it is kept as it is
  park(self, held, why);
}

void leave_alone(reconciler_state& state, held_delivery& held) {
  ++state.counters.foreign;
  acknowledge(state, held);
}

// What becomes of a delivery whose record is known.
void conclude(reconciler_pointer self, held_delivery& held, const settled& answer) {
  auto& state = self->state;
  switch (answer.outcome) {
  case settle_outcome::settled:
    ++state.counters.settled;
    return acknowledge(state, held);
  case settle_outcome::known:
    ++state.counters.known;
    return acknowledge(state, held);
  case settle_outcome::contrary:
    return raise_alarm(self, held, answer.record);
  case settle_outcome::conflict:
    if (state.options.letters)
      return acknowledge(state, held);
    return park(self, held, other_content(held.verdict));
  case settle_outcome::unknown:
    if (state.options.letters || !has_account_mark(held.source.headers))
      return leave_alone(state, held);
    return park(self, held, unknown_record(held.verdict));
  }
}

void on_settled(reconciler_pointer self, std::vector<settled>& answers) {
  auto& state = self->state;
  ++state.counters.batches;
  const auto batch = std::exchange(state.settling, {});
  LEDGERD_ASSERT(batch.size() == answers.size());
  auto changed = std::make_shared<std::vector<transaction_record>>();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    conclude(self, state.deliveries.at(batch[i]), answers[i]);
    if (answers[i].outcome != settle_outcome::unknown)
      changed->push_back(std::move(answers[i].record));
  }
  if (!changed->empty())
    self->send(state.options.intake, settled_atom_v, records_ptr{changed});
}

// The database is away: what is held stays, nothing more is pulled, and the same batch is tried
// again.
void try_again_later(reconciler_pointer self, const store_failure& failure) {
  auto& state = self->state;
  if (state.counters.failures++ % 100 == 0)
    spdlog::warn("{}: {} results not applied, trying again: {}", state.options.instance,
                 state.settling.size(), failure.detail);
  state.last_failure = failure.detail;
  self->delayed_send(self, state.course.pause(), retry_atom_v);
}

// The database refuses the batch for its content: it goes again in smaller ones.
void split(reconciler_state& state) {
  const auto batch = std::exchange(state.settling, {});
  state.waiting.insert(state.waiting.begin(), batch.begin(), batch.end());
}

// The one result of the batch waits beside the others, each time longer.
void set_aside(reconciler_pointer self, held_delivery& one) {
  auto& state = self->state;
  if (!one.pauses)
    one.pauses.emplace(state.options.retry_pause, state.options.aside_max);
  one.due = self->clock().now() + one.pauses->grow();
  state.aside.push_back(one.tag());
}

// Refused for its content it has a few attempts; stuck behind a lock it has as many as it takes.
void on_one(reconciler_pointer self, bool is_refused, const store_failure& failure) {
  auto& state = self->state;
  auto& one = state.deliveries.at(state.settling.front());
  state.settling.clear();
  if (is_refused && ++one.attempts >= state.options.attempts_max)
    return park(self, one, {dead_reason::attempts_exhausted, failure.detail});
  set_aside(self, one);
}

void on_failure(reconciler_pointer self, const store_failure& failure) {
  auto& state = self->state;
  switch (state.course.failed(failure.kind, state.settling.size())) {
  case batch_step::done:
  case batch_step::again:
    return try_again_later(self, failure);
  case batch_step::split:
    state.answer.end();
    split(state);
    break;
  case batch_step::refuse:
  case batch_step::set_aside:
    state.answer.end();
    on_one(self, failure.kind == store_failure_kind::rejected, failure);
    break;
  }
  settle_waiting(self);
}

void on_answer(reconciler_pointer self, settled_batch& done) {
  if (auto* answers = std::get_if<std::vector<settled>>(&done.result)) {
    self->state.course.succeeded();
    self->state.answer.end();
    self->state.last_failure.clear();
    on_settled(self, *answers);
    settle_waiting(self);
  } else {
    on_failure(self, std::get<store_failure>(done.result));
  }
  finish_drain(self);
}

void settle_batch(reconciler_pointer self) {
  auto& state = self->state;
  failpoint("reconciler");
  state.answer.begin(self->clock().now());
  auto batch = std::make_shared<std::vector<record_verdict>>();
  batch->reserve(state.settling.size());
  for (const auto tag : state.settling)
    batch->push_back(state.deliveries.at(tag).verdict);
  self->request(state.options.recorder, caf::infinite, settle_atom_v, verdicts_ptr{batch})
      .then([self](settled_batch& done) { on_answer(self, done); },
            [self](const caf::error&) {
              settled_batch gone{
                  store_failure{store_failure_kind::unavailable, "the recorder ended"}};
              on_answer(self, gone);
            });
}

void settle_waiting(reconciler_pointer self) {
  auto& state = self->state;
  if (!state.settling.empty() || state.waiting.empty())
    return;
  for (auto size = state.course.next(state.waiting.size()); size > 0; --size) {
    state.settling.push_back(state.waiting.front());
    state.waiting.pop_front();
  }
  settle_batch(self);
}

// Decodes a delivery and lets it wait for its batch. One whose currency is not known is held until
// the table was brought up to date: unknown here is not invalid.
void admit(reconciler_pointer self, held_delivery& held, bool may_look) {
  auto& state = self->state;
  const auto& options = state.options;
  if (options.letters) {
    auto parked = decode_parked_request(held.source.headers);
    if (!parked)
      return leave_alone(state, held);
    held.verdict = std::move(*parked);
    state.waiting.push_back(held.tag());
    return;
  }
  auto decoded = decode_result(held.source.payload, *options.currencies);
  if (auto* verdict = std::get_if<record_verdict>(&decoded)) {
    held.verdict = std::move(*verdict);
    state.waiting.push_back(held.tag());
    return;
  }
  auto& why = std::get<rejection>(decoded);
  if (!why.unknown_currency || !may_look || !options.lookup)
    return park(self, held, std::move(why));
  held.look = options.lookup->request();
  state.looking.push_back(held.tag());
}

void take_looked_up(reconciler_pointer self) {
  auto& state = self->state;
  if (state.looking.empty())
    return;
  const auto done = state.options.lookup->done();
  for (const auto tag : std::exchange(state.looking, {}))
    if (auto& held = state.deliveries.at(tag); held.look <= done)
      admit(self, held, false);
    else
      state.looking.push_back(tag);
}

void take_deliveries(reconciler_pointer self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  for (auto& next : state.options.source->take()) {
    if (state.drain.under_way()) {
      state.options.source->settle(next.receipt, settlement::hand_back);
      state.drain.count_handed_back();
      continue;
    }
    ++state.counters.fetched;
    admit(self, state.deliveries.hold(std::move(next), now), true);
  }
  settle_waiting(self);
}

void on_not_stored(reconciler_pointer self, const confirmation& got, outbox::fate what,
                   const outbox::letter& letter, time_point now) {
  auto& state = self->state;
  const bool postponed = what == outbox::fate::given_up;
  if (!postponed && letter.under_way)
    return; // it was made smaller
  auto& held = state.deliveries.at(got.token);
  if (const auto more = state.lines.admit(postponed ? "postponed" : "not confirmed", now))
    spdlog::error("{}: the dead letter for {} of {} is not stored, {}: {}{}",
                  state.options.instance, held.source.stream_seq, held.source.stream,
                  postponed ? "it stays in its stream and comes again in half a minute"
                            : "publishing again",
                  got.error, left_out_text(*more));
  if (!postponed)
    return;
  ++state.counters.postponed;
  state.unstored.add(held.source.stream_seq, letter.since, now, got.error);
  state.drain.count_handed_back();
  state.deliveries.settle(held, settlement::postpone);
}

void take_confirmations(reconciler_pointer self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  state.dead_letters.take(
      now, [&](const confirmation& got, outbox::fate what, const outbox::letter& letter) {
        if (what != outbox::fate::stored)
          return on_not_stored(self, got, what, letter, now);
        auto& held = state.deliveries.at(got.token);
        state.drain.count_settled();
        state.unstored.stored(held.source.stream_seq);
        state.deliveries.settle(held, settlement::terminate);
      });
}

// What was set aside goes in front again when its time has come.
void take_due(reconciler_state& state, time_point now) {
  std::erase_if(state.aside, [&](ticket tag) {
    if (state.deliveries.at(tag).due > now)
      return false;
    state.waiting.push_front(tag);
    return true;
  });
}

// Keeps what is held alive at the broker, and tries again what is due.
void upkeep(reconciler_pointer self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  state.unstored.forget_old(now);
  note_unplaced(state.options.instance, state.unstored.size(), state.oldest_unconfirmed(now),
                state.unstored.cause());
  for (const auto& [kind, count] : state.lines.overdue(now))
    spdlog::info("{}: {} more: {}", state.options.instance, count, kind);
  state.deliveries.renew(now);
  take_looked_up(self);
  take_due(state, now);
  settle_waiting(self);
  state.dead_letters.publish_due(now);
}

void turn(reconciler_pointer self) {
  self->state.turns.begun(self->clock().now(), self->state.options.turn_pause);
  take_deliveries(self);
  name_letters(self->state, self->clock().now());
  take_confirmations(self);
  if (self->state.drain.under_way())
    finish_drain(self);
  else
    self->state.options.source->pull(self->state.room());
}

} // namespace

std::chrono::milliseconds reconciler_state::oldest_unconfirmed(time_point now) const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      now - dead_letters.oldest(unstored.oldest(now)));
}

actor_report reconciler_state::report(progress_time now) const {
  return make_report(
      name, options.instance,
      reconciler_numbers{counters,
                         {.aside = aside.size(),
                          .unstored = unstored.size(),
                          .oldest_unconfirmed_ms = oldest_unconfirmed(now).count(),
                          .held = deliveries.size(),
                          .held_bytes = deliveries.bytes()}},
      longer({answer.since(now), last_failure.empty() ? "the database does not answer a batch"
                                                      : "results wait: " + last_failure},
             {dead_letters.waiting(now), "no PubAck of a dead letter"}));
}

reconciler_actor::behavior_type
reconciler(reconciler_actor::stateful_pointer<reconciler_state> self, reconciler_options options) {
  self->state.course = {options.batch_max, options.pause_min, options.pause_max};
  self->state.options = std::move(options);
  const auto& given = self->state.options;
  self->state.deliveries = {given.source, given.credit, given.lease};
  self->state.dead_letters =
      outbox{{given.dead_letters, given.retry_pause, given.letter_patience, shrink_letter}};
  const auto wake = make_waker(reconciler_actor{self});
  self->state.options.dead_letters->open(wake);
  self->state.options.source->open(wake);
  self->state.options.source->pull(self->state.room());
  self->delayed_send(self, self->state.options.beat, tick_atom_v);
  return {
      [=](wake_atom) {
        if (self->state.turns.may_begin(self))
          turn(self);
      },
      [=](turn_atom) {
        self->state.turns.reminded();
        turn(self);
      },
      [=](tick_atom) {
        upkeep(self);
        turn(self);
        self->delayed_send(self, self->state.options.beat, tick_atom_v);
      },
      [=](retry_atom) { settle_batch(self); },
      [=](pulse_atom, bool moving) {
        self->state.deliveries.pulse(moving, self->clock().now());
        if (!self->state.drain.under_way())
          self->state.options.source->pull(self->state.room());
      },
      [=](drain_atom, std::int64_t deadline_ms) {
        auto& state = self->state;
        state.options.source->close();
        auto promise = state.drain.begin(self, deadline_ms);
        turn(self);
        return promise;
      },
      [=](report_atom) { return self->state.report(self->clock().now()); },
  };
}

} // namespace ledgerd
