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
using held_result = reconciler_state::held_result;
using parked_result = reconciler_state::parked_result;
using time_point = reconciler_state::time_point;

void settle_waiting(reconciler_pointer self);

// A dead letter is named after the life of the stream that its message came from.
bool publish_letter(reconciler_state& state, std::uint64_t token, time_point now) {
  const auto& options = state.options;
  auto& parked = state.parking.at(token);
  if (!options.source->identify(parked.source))
    return false;
  parked.letter = make_dead_letter(token, std::move(parked.source), parked.why, options.node_name,
                                   options.dead_letters->message_bytes_max());
  state.puback.begin(now);
  options.dead_letters->publish(parked.letter);
  return true;
}

void name_letters(reconciler_state& state, time_point now) {
  std::erase_if(state.nameless,
                [&](std::uint64_t token) { return publish_letter(state, token, now); });
}

void park(reconciler_pointer self, delivery&& source, lease_times leased, const rejection& why) {
  auto& state = self->state;
  const auto& options = state.options;
  const auto now = self->clock().now();
  if (const auto more = state.lines.admit(to_text(why.reason), now))
    spdlog::info("{}: parking {} of {}: {}: {}{}", options.instance, source.stream_seq,
                 source.stream, to_text(why.reason), why.detail, left_out_text(*more));
  ++state.counters.parked;
  const auto token = ++state.last_token;
  const auto bytes = bytes_of(source);
  state.parking[token] = {std::move(source), why, {}, bytes, now, leased, {}, true};
  if (!publish_letter(state, token, now))
    state.nameless.push_back(token);
}

void acknowledge(reconciler_state& state, const delivery& source) {
  state.held_bytes -= bytes_of(source);
  state.options.source->settle(source.receipt, settlement::acknowledge);
  state.drain.count_settled();
}

void finish_drain(reconciler_pointer self) {
  auto& state = self->state;
  if (!state.drain.is_over(self->clock().now(), state.held()))
    return;
  const auto hand_back = [&state](const delivery& source) {
    state.options.source->settle(source.receipt, settlement::hand_back);
    state.drain.count_handed_back();
  };
  for (const auto& each : state.looking)
    hand_back(each.source);
  for (const auto& each : state.waiting)
    hand_back(each.source);
  for (const auto& each : state.settling)
    hand_back(each.source);
  for (const auto& each : state.aside)
    hand_back(each.source);
  for (const auto& [token, each] : state.parking)
    hand_back(each.source);
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
void raise_alarm(reconciler_pointer self, held_result&& held, const transaction_record& record) {
  auto& state = self->state;
  ++state.counters.contrary;
  const auto why = says_otherwise(held.verdict, record);
  if (const auto now = self->clock().now(); now >= state.next_alarm) {
    state.next_alarm = now + std::chrono::seconds{1};
    spdlog::error("{}: {} of {} is contrary ({} so far): {}", state.options.instance,
                  held.source.stream_seq, held.source.stream, state.counters.contrary, why.detail);
  }
  if (state.options.letters)
    return acknowledge(state, held.source); // it is kept as it is
  park(self, std::move(held.source), held.leased, why);
}

void leave_alone(reconciler_state& state, const delivery& source) {
  ++state.counters.foreign;
  acknowledge(state, source);
}

// What becomes of a delivery whose record is known.
void conclude(reconciler_pointer self, held_result&& held, const settled& answer) {
  auto& state = self->state;
  switch (answer.outcome) {
  case settle_outcome::settled:
    ++state.counters.settled;
    return acknowledge(state, held.source);
  case settle_outcome::known:
    ++state.counters.known;
    return acknowledge(state, held.source);
  case settle_outcome::contrary:
    return raise_alarm(self, std::move(held), answer.record);
  case settle_outcome::conflict:
    if (state.options.letters)
      return acknowledge(state, held.source);
    return park(self, std::move(held.source), held.leased, other_content(held.verdict));
  case settle_outcome::unknown:
    if (state.options.letters || !has_account_mark(held.source.headers))
      return leave_alone(state, held.source);
    return park(self, std::move(held.source), held.leased, unknown_record(held.verdict));
  }
}

void on_settled(reconciler_pointer self, std::vector<settled>& answers) {
  auto& state = self->state;
  ++state.counters.batches;
  auto batch = std::exchange(state.settling, {});
  LEDGERD_ASSERT(batch.size() == answers.size());
  auto changed = std::make_shared<std::vector<transaction_record>>();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    conclude(self, std::move(batch[i]), answers[i]);
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
  auto batch = std::exchange(state.settling, {});
  state.waiting.insert(state.waiting.begin(), std::make_move_iterator(batch.begin()),
                       std::make_move_iterator(batch.end()));
}

// The one result of the batch waits beside the others, each time longer.
void set_aside(reconciler_pointer self, held_result&& one) {
  auto& state = self->state;
  one.pause = std::clamp(one.pause * 2, state.options.retry_pause, state.options.aside_max);
  one.due = self->clock().now() + one.pause;
  state.aside.push_back(std::move(one));
}

// Refused for its content it has a few attempts; stuck behind a lock it has as many as it takes.
void on_one(reconciler_pointer self, bool is_refused, const store_failure& failure) {
  auto& state = self->state;
  auto one = std::move(state.settling.front());
  state.settling.clear();
  if (is_refused && ++one.attempts >= state.options.attempts_max)
    return park(self, std::move(one.source), one.leased,
                {dead_reason::attempts_exhausted, failure.detail});
  set_aside(self, std::move(one));
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
  for (const auto& held : state.settling)
    batch->push_back(held.verdict);
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
    state.settling.push_back(std::move(state.waiting.front()));
    state.waiting.pop_front();
  }
  settle_batch(self);
}

// Decodes a delivery and lets it wait for its batch. One whose currency is not known is held until
// the table was brought up to date: unknown here is not invalid.
void admit(reconciler_pointer self, delivery&& next, lease_times leased, bool may_look) {
  auto& state = self->state;
  const auto& options = state.options;
  if (options.letters) {
    auto parked = decode_parked_request(next.headers);
    if (!parked)
      return leave_alone(state, next);
    state.waiting.push_back({std::move(next), std::move(*parked), leased});
    return;
  }
  auto decoded = decode_result(next.payload, *options.currencies);
  const auto* why = std::get_if<rejection>(&decoded);
  if (why == nullptr)
    state.waiting.push_back(
        {std::move(next), std::get<record_verdict>(std::move(decoded)), leased});
  else if (why->unknown_currency && may_look && options.lookup)
    state.looking.push_back({std::move(next), leased, options.lookup->request()});
  else
    park(self, std::move(next), leased, *why);
}

void take_looked_up(reconciler_pointer self) {
  auto& state = self->state;
  if (state.looking.empty())
    return;
  const auto done = state.options.lookup->done();
  for (auto& each : std::exchange(state.looking, {}))
    if (each.look <= done)
      admit(self, std::move(each.source), each.leased, false);
    else
      state.looking.push_back(std::move(each));
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
    state.held_bytes += bytes_of(next);
    admit(self, std::move(next), {now, now}, true);
  }
  settle_waiting(self);
}

void give_up(reconciler_state& state, std::uint64_t token, settlement how) {
  const auto found = state.parking.find(token);
  state.options.source->settle(found->second.source.receipt, how);
  state.held_bytes -= found->second.bytes;
  state.parking.erase(found);
}

void on_not_stored(reconciler_pointer self, parked_result& parked, const confirmation& got) {
  auto& state = self->state;
  const auto now = self->clock().now();
  if (got.outcome == publish_outcome::too_large && shrink_letter(parked.letter, got.bytes_max)) {
    state.options.dead_letters->publish(parked.letter);
    return;
  }
  const bool postponed = got.outcome != publish_outcome::unconfirmed
                         || now - parked.tried >= state.options.letter_patience;
  if (const auto more = state.lines.admit(postponed ? "postponed" : "not confirmed", now))
    spdlog::error("{}: the dead letter for {} of {} is not stored, {}: {}{}",
                  state.options.instance, parked.source.stream_seq, parked.source.stream,
                  postponed ? "it stays in its stream and comes again in half a minute"
                            : "publishing again",
                  got.error, left_out_text(*more));
  if (postponed) {
    ++state.counters.postponed;
    state.unstored.add(parked.source.stream_seq, parked.tried, now, got.error);
    state.drain.count_handed_back();
    give_up(state, got.token, settlement::postpone);
    if (state.parking.empty())
      state.puback.end();
    return;
  }
  parked.under_way = false;
  parked.due = now + state.options.retry_pause;
}

void take_confirmations(reconciler_pointer self) {
  auto& state = self->state;
  for (const auto& got : state.options.dead_letters->take()) {
    const auto found = state.parking.find(got.token);
    LEDGERD_ASSERT(found != state.parking.end());
    if (!got.confirmed()) {
      on_not_stored(self, found->second, got);
      continue;
    }
    state.drain.count_settled();
    state.unstored.stored(found->second.source.stream_seq);
    give_up(state, got.token, settlement::terminate);
    state.puback.came(self->clock().now(), !state.parking.empty());
  }
}

// What was set aside goes in front again when its time has come.
void take_due(reconciler_state& state, time_point now) {
  std::erase_if(state.aside, [&](held_result& each) {
    if (each.due > now)
      return false;
    state.waiting.push_front(std::move(each));
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
  const auto renew = [&](auto& held) {
    if (!state.leases.due(held.leased, now))
      return;
    state.options.source->settle(held.source.receipt, settlement::progress);
    held.leased.renewed = now;
  };
  std::for_each(state.looking.begin(), state.looking.end(), renew);
  std::for_each(state.waiting.begin(), state.waiting.end(), renew);
  std::for_each(state.settling.begin(), state.settling.end(), renew);
  std::for_each(state.aside.begin(), state.aside.end(), renew);
  take_looked_up(self);
  take_due(state, now);
  settle_waiting(self);
  for (auto& [token, parked] : state.parking) {
    renew(parked);
    if (!parked.under_way && parked.due <= now) {
      parked.under_way = true;
      state.options.dead_letters->publish(parked.letter);
    }
  }
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

capacity reconciler_state::room() const {
  if (course.pause().count() > 0 || leases.full(held()) || held() >= options.credit.messages
      || held_bytes >= options.credit.bytes)
    return {0, 0};
  return {options.credit.messages - held(), options.credit.bytes - held_bytes};
}

std::chrono::milliseconds reconciler_state::oldest_unconfirmed(time_point now) const {
  auto oldest = unstored.oldest(now);
  for (const auto& [token, each] : parking)
    oldest = std::min(oldest, each.tried);
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - oldest);
}

actor_report reconciler_state::report(progress_time now) const {
  return make_report(
      name, options.instance,
      reconciler_numbers{counters,
                         {.aside = aside.size(),
                          .unstored = unstored.size(),
                          .oldest_unconfirmed_ms = oldest_unconfirmed(now).count(),
                          .held = held(),
                          .held_bytes = held_bytes}},
      longer({answer.since(now), last_failure.empty() ? "the database does not answer a batch"
                                                      : "results wait: " + last_failure},
             {puback.since(now), "no PubAck of a dead letter"}));
}

reconciler_actor::behavior_type
reconciler(reconciler_actor::stateful_pointer<reconciler_state> self, reconciler_options options) {
  self->state.course = {options.batch_max, options.pause_min, options.pause_max};
  self->state.options = std::move(options);
  self->state.leases = lease_rule{self->state.options.lease};
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
        self->state.leases.pulse(moving, self->clock().now());
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
