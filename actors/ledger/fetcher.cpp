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
using held_delivery = fetcher_state::held_delivery;
using stage = fetcher_state::stage;
using time_point = fetcher_state::time_point;

void publish(fetcher_pointer self, held_delivery& slot, outgoing&& letter, settlement after,
             time_point now) {
  slot.letter = std::move(letter);
  slot.after = after;
  slot.at = stage::publishing;
  ++self->state.publishing;
  self->state.puback.begin(now);
  slot.tried = now;
  self->state.options.results->publish(slot.letter);
}

// A dead letter is named after the life of the stream that its message came from.
bool publish_letter(fetcher_pointer self, held_delivery& slot) {
  const auto& options = self->state.options;
  if (!options.source->identify(slot.source))
    return false;
  publish(self, slot,
          make_dead_letter(self->state.tag_of(slot), std::move(slot.source), slot.why,
                           options.node_name, options.results->message_bytes_max()),
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
    state.nameless.push_back(state.tag_of(slot));
}

void name_letters(fetcher_pointer self) {
  auto& state = self->state;
  std::erase_if(state.nameless, [&](ticket tag) { return publish_letter(self, state.at(tag)); });
}

// Unknown here is not invalid: somebody may have inserted the currency a moment ago.
void look_up(fetcher_state& state, held_delivery& slot) {
  slot.look = state.options.lookup->request();
  slot.at = stage::looking;
  ++state.looking;
}

// Decodes a held delivery and adds its entry to the batch, or parks it.
void admit(fetcher_pointer self, held_delivery& slot, entry_batch& batch) {
  const auto& options = self->state.options;
  auto decoded =
      decode_entry(slot.source.subject, slot.source.payload, *options.currencies, options.rules);
  if (const auto* why = std::get_if<rejection>(&decoded)) {
    if (why->unknown_currency && options.lookup && slot.look == 0)
      return look_up(self->state, slot);
    return park(self, slot, *why);
  }
  slot.at = stage::deciding;
  batch.entries.push_back({self->state.tag_of(slot), std::get<entry>(std::move(decoded))});
}

void apply(fetcher_pointer self, entry_batch&& batch) {
  if (batch.entries.empty())
    return;
  batch.from = fetcher_actor{self};
  self->send(self->state.options.region, apply_atom_v, std::move(batch));
}

void take_deliveries(fetcher_pointer self) {
  auto& state = self->state;
  auto arrived = state.options.source->take();
  if (arrived.empty())
    return;
  failpoint("fetcher");
  const auto now = self->clock().now();
  entry_batch batch;
  batch.entries.reserve(arrived.size());
  for (auto& next : arrived) {
    if (state.drain.under_way()) {
      state.options.source->settle(next.receipt, settlement::hand_back);
      state.drain.count_handed_back();
      continue;
    }
    ++state.counters.fetched;
    state.counters.redelivered += next.deliveries > 1 ? 1 : 0;
    const auto tag = state.hold(std::move(next), now);
    admit(self, state.at(tag), batch);
  }
  apply(self, std::move(batch));
}

void finish_drain(fetcher_pointer self) {
  auto& state = self->state;
  if (!state.drain.is_over(self->clock().now(), state.held))
    return;
  for (auto& slot : state.slots) {
    if (slot.at == stage::free)
      continue;
    state.options.source->settle(slot.source.receipt, settlement::hand_back);
    state.drain.count_handed_back();
  }
  state.nameless.clear();
  note_unplaced(state.options.instance, 0, {}, {});
  state.drain.finish();
}

void settle(fetcher_pointer self, held_delivery& slot, time_point now) {
  auto& state = self->state;
  state.options.source->settle(slot.source.receipt, slot.after);
  const auto took = now - slot.arrived;
  state.counters.end_to_end.record(
      std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  state.drain.count_settled();
  --state.publishing;
  state.puback.came(now, state.publishing > 0);
  state.last_refusal.clear();
  state.unstored.stored(slot.source.stream_seq);
  state.release(slot);
}

// Nobody can do anything about it at present: it gives its credit back and comes again later.
void postpone(fetcher_pointer self, held_delivery& slot, const confirmation& why) {
  auto& state = self->state;
  const auto now = self->clock().now();
  if (const auto more = state.lines.admit("postponed", now))
    spdlog::error(
        "{}: the {} for {} of {} is not stored, it stays in its stream and comes again in "
        "half a minute: {}{}",
        state.options.instance, slot.after == settlement::terminate ? "dead letter" : "result",
        slot.source.stream_seq, slot.source.stream, why.error, left_out_text(*more));
  ++state.counters.postponed;
  state.unstored.add(slot.source.stream_seq, slot.tried, now, why.error);
  state.options.source->settle(slot.source.receipt, settlement::postpone);
  state.drain.count_handed_back();
  if (--state.publishing == 0)
    state.puback.end();
  state.release(slot);
}

void on_not_stored(fetcher_pointer self, held_delivery& slot, const confirmation& got) {
  auto& state = self->state;
  const auto now = self->clock().now();
  ++state.counters.unconfirmed;
  state.last_refusal = got.error;
  if (got.outcome == publish_outcome::too_large && shrink_letter(slot.letter, got.bytes_max)) {
    state.options.results->publish(slot.letter);
    return;
  }
  const bool never = got.outcome != publish_outcome::unconfirmed;
  const bool letter_waits =
      slot.after == settlement::terminate && now - slot.tried >= state.options.letter_patience;
  if (state.options.postpones && (never || letter_waits))
    return postpone(self, slot, got);
  if (const auto more = state.lines.admit(never ? "refused" : "not confirmed", now))
    spdlog::warn("{}: {} not confirmed, publishing again ({} so far): {}{}", state.options.instance,
                 slot.letter.message_id, state.counters.unconfirmed, got.error,
                 left_out_text(*more));
  slot.at = stage::unconfirmed;
  slot.due = now + state.options.retry_pause;
}

void take_confirmations(fetcher_pointer self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  for (const auto& got : state.options.results->take()) {
    auto& slot = state.at(got.token);
    LEDGERD_ASSERT(slot.at == stage::publishing);
    if (got.confirmed())
      settle(self, slot, now);
    else
      on_not_stored(self, slot, got);
  }
}

void answer_one(fetcher_pointer self, ticketed_answer& got, time_point now) {
  auto& state = self->state;
  auto& slot = state.at(got.tag);
  LEDGERD_ASSERT(slot.at == stage::deciding);
  if (got.later) {
    // Not settled: its lease runs out, and the broker delivers it again.
    ++state.counters.let_go;
    return state.release(slot);
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
  entry_batch batch;
  for (auto& slot : state.slots)
    if (slot.at == stage::looking && slot.look <= done) {
      --state.looking;
      admit(self, slot, batch);
    }
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
  entry_batch again;
  for (auto& slot : state.slots) {
    if (slot.at == stage::free)
      continue;
    if (state.leases.due({slot.arrived, slot.leased}, now)) {
      state.options.source->settle(slot.source.receipt, settlement::progress);
      slot.leased = now;
    }
    if (slot.at == stage::failed && slot.due <= now) {
      admit(self, slot, again);
    } else if (slot.at == stage::unconfirmed && slot.due <= now) {
      slot.at = stage::publishing;
      state.options.results->publish(slot.letter);
    }
  }
  apply(self, std::move(again));
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

ticket fetcher_state::hold(delivery&& arrived, time_point now) {
  if (free_slots.empty()) {
    free_slots.push_back(static_cast<std::uint32_t>(slots.size()));
    slots.emplace_back();
  }
  const auto index = free_slots.back();
  free_slots.pop_back();
  auto& slot = slots[index];
  slot.source = std::move(arrived);
  slot.bytes = bytes_of(slot.source);
  held_bytes += slot.bytes;
  slot.attempts = 0;
  slot.look = 0;
  slot.arrived = now;
  slot.leased = now;
  slot.at = stage::deciding;
  ++held;
  return tag_of(slot);
}

void fetcher_state::release(held_delivery& slot) {
  slot.at = stage::free;
  held_bytes -= slot.bytes;
  ++slot.generation;
  slot.source = {};
  slot.why = {};
  slot.letter = {};
  free_slots.push_back(static_cast<std::uint32_t>(&slot - slots.data()));
  --held;
}

ticket fetcher_state::tag_of(const held_delivery& slot) const {
  const auto index = static_cast<ticket>(&slot - slots.data());
  return (static_cast<ticket>(slot.generation) << 32) | index;
}

fetcher_state::held_delivery& fetcher_state::at(ticket tag) {
  const auto index = static_cast<std::size_t>(tag & 0xffff'ffffU);
  LEDGERD_ASSERT(index < slots.size());
  auto& slot = slots[index];
  LEDGERD_ASSERT(slot.at != stage::free && slot.generation == tag >> 32);
  return slot;
}

capacity fetcher_state::room() const {
  if (paused || leases.full(held) || held >= options.credit.messages
      || held_bytes >= options.credit.bytes)
    return {0, 0};
  return {options.credit.messages - held, options.credit.bytes - held_bytes};
}

std::chrono::milliseconds fetcher_state::oldest_unconfirmed(time_point now) const {
  auto oldest = unstored.oldest(now);
  for (const auto& slot : slots)
    if (slot.at == stage::publishing || slot.at == stage::unconfirmed)
      oldest = std::min(oldest, slot.tried);
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - oldest);
}

actor_report fetcher_state::report(progress_time now) const {
  return make_report(
      name, options.instance,
      fetcher_numbers{counters,
                      {.unstored = unstored.size(),
                       .oldest_unconfirmed_ms = oldest_unconfirmed(now).count(),
                       .held = held,
                       .held_bytes = held_bytes,
                       .paused = paused}},
      {puback.since(now), last_refusal.empty() ? "no PubAck" : "no PubAck: " + last_refusal});
}

fetcher_actor::behavior_type fetcher(fetcher_actor::stateful_pointer<fetcher_state> self,
                                     fetcher_options options) {
  auto& state = self->state;
  state.options = std::move(options);
  state.leases = lease_rule{state.options.lease};
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
        self->state.leases.pulse(moving, self->clock().now());
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
