#include "actors/ledger/fetcher.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "actors/common/failpoint.hpp"
#include "actors/common/unplaced.hpp"
#include "actors/common/waker.hpp"
#include "domain/assert.hpp"

namespace ledgerd {

namespace {

using fetcher_pointer = fetcher_actor::stateful_pointer<fetcher_state>;
using held_delivery = lease_table<fetcher_state::work>::held;
using stage = fetcher_state::stage;
using time_point = fetcher_state::time_point;

void publish(fetcher_pointer self, held_delivery& slot, outgoing&& letter, settlement after,
             time_point now) {
  slot.after = after;
  slot.at = stage::publishing;
  const auto when = after == settlement::terminate ? give_up::when_late : give_up::when_refused;
  self->state.letters.put(std::move(letter), self->state.options.postpones ? when : give_up::never,
                          now);
}

// A dead letter is named after the life of the stream that its message came from.
bool publish_letter(fetcher_pointer self, held_delivery& slot) {
  const auto& options = self->state.options;
  if (!options.source->identify(slot.source))
    return false;
  publish(self, slot,
          make_dead_letter(slot.tag(), std::move(slot.source), slot.why, options.node_name,
                           options.results->message_bytes_max()),
          settlement::terminate, self->clock().now());
  return true;
}

void park(fetcher_pointer self, held_delivery& slot, rejection why) {
  auto& state = self->state;
  if (const auto more = state.lines.admit(to_text(why.reason), self->clock().now()))
    spdlog::info("{}: parking {} of {}: {}: {}{}", state.options.instance, slot.source.stream_seq,
                 slot.source.stream, to_text(why.reason), why.detail, left_out_text(*more));
  ++state.counters.parked;
  slot.why = std::move(why);
  slot.at = stage::nameless;
  if (!publish_letter(self, slot))
    state.nameless.push_back(slot.tag());
}

void name_letters(fetcher_pointer self) {
  auto& state = self->state;
  std::erase_if(state.nameless,
                [&](ticket tag) { return publish_letter(self, state.deliveries.at(tag)); });
}

// Unknown here is not invalid: somebody may have inserted the currency a moment ago.
void look_up(fetcher_state& state, held_delivery& slot) {
  slot.look = state.options.lookup->request();
  slot.at = stage::looking;
  ++state.looking;
}

// Decodes a held delivery and adds its entry to the batch, or parks it.
void admit(fetcher_pointer self, held_delivery& slot, std::vector<asked_entry>& batch) {
  const auto& options = self->state.options;
  auto decoded =
      decode_entry(slot.source.subject, slot.source.payload, *options.currencies, options.rules);
  if (const auto* why = std::get_if<rejection>(&decoded)) {
    if (why->unknown_currency && options.lookup && slot.look == 0)
      return look_up(self->state, slot);
    return park(self, slot, *why);
  }
  slot.at = stage::deciding;
  batch.push_back({std::get<entry>(std::move(decoded)),
                   {fetcher_actor{self}, slot.tag()},
                   slot.source.stream_seq});
}

void apply(fetcher_pointer self, std::vector<asked_entry>&& batch) {
  if (!batch.empty())
    self->send(self->state.options.region, apply_atom_v, std::move(batch));
}

void take_deliveries(fetcher_pointer self) {
  auto& state = self->state;
  auto arrived = state.options.source->take();
  if (arrived.empty())
    return;
  failpoint("fetcher");
  const auto now = self->clock().now();
  std::vector<asked_entry> batch;
  batch.reserve(arrived.size());
  for (auto& next : arrived) {
    if (state.drain.under_way()) {
      state.options.source->settle(next.receipt, settlement::hand_back);
      state.drain.count_handed_back();
      continue;
    }
    ++state.counters.fetched;
    state.counters.redelivered += next.deliveries > 1 ? 1 : 0;
    admit(self, state.deliveries.hold(std::move(next), now), batch);
  }
  apply(self, std::move(batch));
}

void finish_drain(fetcher_pointer self) {
  auto& state = self->state;
  if (!state.drain.is_over(self->clock().now(), state.deliveries.size()))
    return;
  state.drain.count_handed_back(state.deliveries.hand_back_all());
  state.nameless.clear();
  note_unplaced(state.options.instance, 0, {}, {});
  state.drain.finish();
}

void settle(fetcher_pointer self, held_delivery& slot, time_point now) {
  auto& state = self->state;
  const auto took = now - slot.leased.arrived;
  state.counters.end_to_end.record(
      std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  state.drain.count_settled();
  state.last_refusal.clear();
  state.unstored.stored(slot.source.stream_seq);
  state.deliveries.settle(slot, slot.after);
}

// Nobody can do anything about it at present: it gives its credit back and comes again later.
void postpone(fetcher_pointer self, held_delivery& slot, const std::string& why,
              const outbox::letter& letter, time_point now) {
  auto& state = self->state;
  if (const auto more = state.lines.admit("postponed", now))
    spdlog::error(
        "{}: the {} for {} of {} is not stored, it stays in its stream and comes again in "
        "half a minute: {}{}",
        state.options.instance, slot.after == settlement::terminate ? "dead letter" : "result",
        slot.source.stream_seq, slot.source.stream, why, left_out_text(*more));
  ++state.counters.postponed;
  state.unstored.add(slot.source.stream_seq, letter.since, now, why);
  state.drain.count_handed_back();
  state.deliveries.settle(slot, settlement::postpone);
}

void on_not_stored(fetcher_pointer self, const confirmation& got, outbox::fate what,
                   const outbox::letter& letter, time_point now) {
  auto& state = self->state;
  ++state.counters.unconfirmed;
  state.last_refusal = got.error;
  if (what == outbox::fate::given_up)
    return postpone(self, state.deliveries.at(got.token), got.error, letter, now);
  if (letter.under_way)
    return; // it was made smaller
  const bool never = got.outcome != publish_outcome::unconfirmed;
  if (const auto more = state.lines.admit(never ? "refused" : "not confirmed", now))
    spdlog::warn("{}: {} not confirmed, publishing again ({} so far): {}{}", state.options.instance,
                 letter.message.message_id, state.counters.unconfirmed, got.error,
                 left_out_text(*more));
}

void take_confirmations(fetcher_pointer self) {
  const auto now = self->clock().now();
  self->state.letters.take(
      now, [&](const confirmation& got, outbox::fate what, const outbox::letter& letter) {
        if (what == outbox::fate::stored)
          settle(self, self->state.deliveries.at(got.token), now);
        else
          on_not_stored(self, got, what, letter, now);
      });
}

void answer_one(fetcher_pointer self, ticketed_answer& got, time_point now) {
  auto& state = self->state;
  auto& slot = state.deliveries.at(got.tag);
  LEDGERD_ASSERT(slot.at == stage::deciding);
  if (got.later) {
    // Not settled: its lease runs out, and the broker delivers it again.
    ++state.counters.let_go;
    return state.deliveries.let_go(slot);
  }
  if (!got.verdict) {
    ++state.counters.own_failures;
    if (++slot.attempts >= state.options.attempts_max)
      return park(self, slot, {dead_reason::attempts_exhausted, got.failure});
    slot.at = stage::failed;
    slot.due = now + state.options.retry_pause;
    return;
  }
  const auto& stored = got.verdict->stored;
  switch (got.verdict->verdict) {
  case outcome::conflict:
    return park(self, slot,
                {dead_reason::record_id_conflict,
                 "field \"recordId\": is taken by a request with other content, transaction "
                     + std::to_string(to_int(stored.id))});
  case outcome::duplicate:
    ++state.counters.duplicate;
    break;
  case outcome::applied:
    ++state.counters.applied;
    break;
  case outcome::insufficient_funds:
  case outcome::balance_overflow:
    ++state.counters.refused;
    break;
  }
  const auto exponent = state.options.currencies->exponent(stored.account.currency);
  LEDGERD_ASSERT(exponent.has_value());
  publish(self, slot, make_result(got.tag, stored, *exponent, slot.source), settlement::acknowledge,
          now);
}

// Decodes anew what waited for a look at the table of currencies.
void take_looked_up(fetcher_pointer self) {
  auto& state = self->state;
  if (state.looking == 0)
    return;
  const auto done = state.options.lookup->done();
  std::vector<asked_entry> batch;
  state.deliveries.for_each([&](held_delivery& slot) {
    if (slot.at != stage::looking || slot.look > done)
      return;
    --state.looking;
    admit(self, slot, batch);
  });
  apply(self, std::move(batch));
}

// Keeps what is held alive at the broker, and tries again what is due.
void upkeep(fetcher_pointer self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  if (now < state.next_upkeep)
    return;
  state.next_upkeep = now + state.options.retry_pause / 2;
  state.unstored.forget_old(now);
  note_unplaced(state.options.instance, state.unstored.size(), state.oldest_unconfirmed(now),
                state.unstored.cause());
  for (const auto& [kind, count] : state.lines.overdue(now))
    spdlog::info("{}: {} more: {}", state.options.instance, count, kind);
  state.deliveries.renew(now);
  std::vector<asked_entry> again;
  state.deliveries.for_each([&](held_delivery& slot) {
    if (slot.at == stage::failed && slot.due <= now)
      admit(self, slot, again);
  });
  apply(self, std::move(again));
  state.letters.publish_due(now);
}

void turn(fetcher_pointer self) {
  auto& state = self->state;
  state.turns.begun(self->clock().now(), state.options.turn_pause);
  take_deliveries(self);
  name_letters(self);
  take_confirmations(self);
  if (state.drain.under_way())
    finish_drain(self);
  else
    state.options.source->pull(state.room());
}

} // namespace

std::chrono::milliseconds fetcher_state::oldest_unconfirmed(time_point now) const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      now - letters.oldest(unstored.oldest(now)));
}

actor_report fetcher_state::report(progress_time now) const {
  return make_report(
      name, options.instance,
      fetcher_numbers{counters,
                      {.unstored = unstored.size(),
                       .oldest_unconfirmed_ms = oldest_unconfirmed(now).count(),
                       .held = deliveries.size(),
                       .held_bytes = deliveries.bytes(),
                       .paused = paused}},
      {letters.waiting(now), last_refusal.empty() ? "no PubAck" : "no PubAck: " + last_refusal});
}

fetcher_actor::behavior_type fetcher(fetcher_actor::stateful_pointer<fetcher_state> self,
                                     fetcher_options options) {
  auto& state = self->state;
  state.options = std::move(options);
  state.deliveries = {state.options.source, state.options.credit, state.options.lease};
  state.letters = outbox{{state.options.results, state.options.retry_pause,
                          state.options.letter_patience, shrink_letter}};
  const auto wake = make_waker(fetcher_actor{self});
  state.options.results->open(wake);
  state.options.source->open(wake);
  state.options.source->pull(state.room());
  self->delayed_send(self, state.options.beat, tick_atom_v);
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
        take_looked_up(self);
        upkeep(self);
        turn(self);
        self->delayed_send(self, self->state.options.beat, tick_atom_v);
      },
      [=](answer_atom, std::vector<ticketed_answer>& answers) {
        const auto now = self->clock().now();
        for (auto& got : answers)
          answer_one(self, got, now);
      },
      [=](circuit_atom, bool open) {
        self->state.paused = open;
        self->state.options.source->pull(self->state.room());
      },
      [=](pulse_atom, bool moving) {
        self->state.deliveries.pulse(moving, self->clock().now());
        if (!self->state.drain.under_way())
          self->state.options.source->pull(self->state.room());
      },
      [=](drain_atom, std::int64_t deadline_ms) {
        auto& s = self->state;
        s.options.source->close();
        auto promise = s.drain.begin(self, deadline_ms);
        turn(self);
        return promise;
      },
      [=](report_atom) { return self->state.report(self->clock().now()); },
  };
}

} // namespace ledgerd
