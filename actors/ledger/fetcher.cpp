#include "actors/ledger/fetcher.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "actors/common/consumer_look.hpp"
#include "actors/common/span.hpp"
#include "actors/common/unread_currency.hpp"
#include "actors/common/waker.hpp"
#include "domain/assert.hpp"
#include "domain/failpoint.hpp"

namespace ledgerd {

namespace {

std::int64_t microseconds(caf::actor_clock::duration_type time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

std::uint32_t counted(std::size_t bytes) {
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(bytes, std::numeric_limits<std::uint32_t>::max()));
}

} // namespace

void fetcher_state::park(held_delivery& slot, rejection why) {
  const auto now = self_->clock().now();
  slot.at = stage::publishing;
  slot.after = settlement::terminate;
  slot.since = now;
  log_process_span(slot.source, options_.instance, to_text(why.reason), now - slot.leased.arrived);
  letters_.park(slot.tag(), slot.source, std::move(why), now);
}

// Unknown here is not invalid: somebody may have inserted the currency a moment ago.
void fetcher_state::look_up(held_delivery& slot) {
  slot.look = options_.lookup->request();
  slot.at = stage::looking;
  slot.due = self_->clock().now() + options_.look_patience;
  ++looking_;
}

// Decodes a held delivery and adds its entry to the batch, or parks it.
void fetcher_state::admit(held_delivery& slot, std::vector<asked_entry>& batch) {
  auto decoded =
      decode_entry(slot.source.subject, slot.source.payload, *options_.currencies, options_.rules);
  if (const auto* why = std::get_if<rejection>(&decoded)) {
    if (why->unknown_currency && options_.lookup && slot.look == 0)
      return look_up(slot);
    return park(slot, *why);
  }
  slot.at = stage::deciding;
  batch.push_back({.asked = std::get<entry>(std::move(decoded)),
                   .from = {fetcher_actor{self_}, slot.tag()},
                   .stream_seq = slot.source.stream_seq,
                   .bytes = counted(slot.bytes)});
}

void fetcher_state::apply(std::vector<asked_entry>&& batch) {
  if (batch.empty())
    return;
  const auto now = self_->clock().now();
  failpoint("decoded");
  for (const auto& each : batch)
    deliveries_.at(each.from.tag).since = now;
  self_->send(options_.region, apply_atom_v, std::move(batch));
}

void fetcher_state::take_deliveries() {
  auto arrived = options_.source->take();
  if (arrived.empty())
    return;
  failpoint("fetcher");
  const auto now = self_->clock().now();
  const auto wall = options_.wall_clock();
  last_arrival_ = now;
  counters_.pulled.record(arrived.size());
  std::vector<asked_entry> batch;
  batch.reserve(arrived.size());
  for (auto& next : arrived) {
    if (drain_.under_way()) {
      options_.source->settle(next.receipt, settlement::hand_back);
      drain_.count_handed_back();
      continue;
    }
    ++counters_.fetched;
    counters_.redelivered += next.deliveries > 1 ? 1 : 0;
    if (next.stream_seq > pulled_.to)
      pulled_ = {next.subject, next.stream_seq};
    if (next.stored_at_ns > 0)
      counters_.pull.record(stored_for_us(wall, next.stored_at_ns));
    admit(deliveries_.hold(std::move(next), now), batch);
  }
  const auto decoded = static_cast<std::int64_t>(batch.size());
  counters_.decode.record(microseconds(self_->clock().now() - now), decoded);
  apply(std::move(batch));
}

void fetcher_state::finish_drain() {
  if (!drain_.is_over(self_->clock().now(), deliveries_.size()))
    return;
  drain_.count_handed_back(deliveries_.hand_back_all());
  letters_.close();
  drain_.finish();
}

void fetcher_state::settle(held_delivery& slot, time_point now) {
  counters_.publish.record(microseconds(now - slot.since));
  counters_.end_to_end.record(microseconds(now - slot.leased.arrived));
  if (slot.after == settlement::acknowledge)
    log_process_span(slot.source, options_.instance, "decided", now - slot.leased.arrived);
  drain_.count_settled();
  deliveries_.settle(slot, slot.after);
}

// It gives its credit back and comes again later.
void fetcher_state::postpone(held_delivery& slot) {
  drain_.count_handed_back();
  deliveries_.settle(slot, settlement::postpone);
}

void fetcher_state::take_confirmations() {
  const auto now = self_->clock().now();
  std::int64_t settled = 0;
  letters_.take(
      now, [this](ticket tag) -> held_delivery& { return deliveries_.at(tag); },
      [&](held_delivery& slot, bool stored) {
        if (!stored)
          return postpone(slot);
        settle(slot, now);
        ++settled;
      });
  if (settled > 0)
    counters_.ack.record(microseconds(self_->clock().now() - now), settled);
}

void fetcher_state::answer_one(ticketed_answer& got, time_point now) {
  auto& slot = deliveries_.at(got.tag);
  LEDGERD_ASSERT(slot.at == stage::deciding);
  if (got.later) {
    ++counters_.let_go;
    return deliveries_.settle(slot, settlement::let_go);
  }
  if (!got.verdict) {
    ++counters_.own_failures;
    if (++slot.attempts >= options_.attempts_max)
      return park(slot, {dead_reason::attempts_exhausted, got.failure});
    slot.at = stage::failed;
    slot.due = now + options_.retry_pause;
    return;
  }
  counters_.decide.record(microseconds(now - slot.since));
  slot.since = now;
  const auto& stored = got.verdict->stored;
  switch (got.verdict->verdict) {
  case outcome::conflict:
    return park(slot, {dead_reason::record_id_conflict,
                       "field \"recordId\": is taken by a request with other content, transaction "
                           + std::to_string(to_int(stored.id))});
  case outcome::duplicate:
    ++counters_.duplicate;
    break;
  case outcome::applied:
    ++counters_.applied;
    break;
  case outcome::insufficient_funds:
    ++counters_.refused;
    ++counters_.insufficient_funds;
    break;
  case outcome::balance_overflow:
    ++counters_.refused;
    ++counters_.balance_overflow;
    break;
  }
  const auto exponent = options_.currencies->exponent(stored.account.currency);
  LEDGERD_ASSERT(exponent.has_value());
  slot.at = stage::publishing;
  slot.after = settlement::acknowledge;
  auto result = make_result(got.tag, stored, *exponent, slot.source);
  result.new_row = is_new(got.verdict->verdict) ? to_int(stored.id) : 0;
  add_origin(result, {slot.source.stream_seq, options_.node_name});
  letters_.publish(std::move(result), now);
}

// Decodes anew what waited for a look at the table of currencies. What nobody could look up does
// not hold the credit of what needs no look.
void fetcher_state::take_looked_up() {
  if (looking_ == 0)
    return;
  const auto done = options_.lookup->done();
  const auto now = self_->clock().now();
  std::vector<asked_entry> batch;
  deliveries_.for_each([&](held_delivery& slot) {
    const bool is_done = slot.look <= done;
    if (slot.at != stage::looking || (!is_done && slot.due > now))
      return;
    --looking_;
    if (is_done)
      return admit(slot, batch);
    note_unread_currency(options_.instance, slot.source.stream_seq);
    postpone(slot);
  });
  apply(std::move(batch));
}

// Keeps what is held alive at the broker, and tries again what is due.
void fetcher_state::upkeep() {
  const auto now = self_->clock().now();
  if (now < next_upkeep_)
    return;
  next_upkeep_ = now + options_.retry_pause / 2;
  letters_.upkeep(now);
  deliveries_.renew(now);
  deliveries_.trim(now);
  std::vector<asked_entry> again;
  deliveries_.for_each([&](held_delivery& slot) {
    if (slot.at == stage::failed && slot.due <= now)
      admit(slot, again);
  });
  apply(std::move(again));
}

void fetcher_state::turn() {
  turns_.begun(self_->clock().now(), options_.turn_pause);
  take_deliveries();
  letters_.name_letters(self_->clock().now());
  take_confirmations();
  if (drain_.under_way())
    finish_drain();
  else
    options_.source->pull(room());
}

fetcher_state::held_look fetcher_state::look_at_held(progress_time now) const {
  held_look result{.arrived = now};
  deliveries_.for_each([&](const held_delivery& one) {
    result.deciding += one.at == stage::deciding ? 1 : 0;
    result.publishing += one.at == stage::publishing ? 1 : 0;
    result.arrived = std::min(result.arrived, one.leased.arrived);
    if (one.source.stored_at_ns > 0)
      result.stored_at_ns = std::min(result.stored_at_ns, one.source.stored_at_ns);
  });
  return result;
}

std::optional<std::uint64_t> fetcher_state::backlog() const {
  return known_backlog(*options_.source, room());
}

gauge fetcher_state::oldest_undecided_ms(const held_look& held, progress_time now) const {
  if (deliveries_.size() == 0)
    return age_of_nothing(backlog(), room());
  return oldest_delivery{held.arrived, held.stored_at_ns}.age_ms(now, options_.wall_clock());
}

actor_report fetcher_state::report(progress_time now) const {
  const auto waiting = backlog();
  const auto held = look_at_held(now);
  return make_report(
      name, options_.instance,
      fetcher_numbers{counters_,
                      letters_.counters(),
                      {.unstored = letters_.unstored(now),
                       .oldest_unconfirmed_ms = letters_.oldest_unconfirmed(now).count(),
                       .acks_unanswered_ms = letters_.acks_unanswered().count(),
                       .held = deliveries_.size(),
                       .held_bytes = deliveries_.bytes(),
                       .paused = paused_,
                       .deciding = held.deciding,
                       .publishing = held.publishing,
                       .credit = options_.credit.messages,
                       .pending = waiting ? static_cast<std::int64_t>(*waiting) : not_known,
                       .oldest_undecided_ms = oldest_undecided_ms(held, now),
                       .idle_ms = microseconds(now - last_arrival_) / 1000}},
      letters_.wait(now));
}

// Nothing when its currency is not known.
std::optional<account_key> fetcher_state::account_of(const held_delivery& slot) const {
  auto decoded =
      decode_entry(slot.source.subject, slot.source.payload, *options_.currencies, options_.rules);
  auto* asked = std::get_if<entry>(&decoded);
  return asked == nullptr ? std::nullopt : std::optional{std::move(asked->account)};
}

// For people who ask: goes through all that is held, and reads what may be it.
fetcher_look fetcher_state::look(record_id id) {
  constexpr const char* stages[] = {"deciding", "looking", "failed", "publishing"};
  fetcher_look result{std::nullopt, pulled_, std::nullopt};
  const auto now = self_->clock().now();
  deliveries_.for_each([&](const held_delivery& slot) {
    if (result.held || !may_name(slot.source.payload, id)
        || record_in_payload(slot.source.payload) != id)
      return;
    const auto since =
        std::chrono::duration_cast<std::chrono::milliseconds>(now - slot.leased.arrived).count();
    result.held = held_request{
        options_.instance,      stages[static_cast<std::size_t>(slot.at)],
        slot.source.stream_seq, static_cast<std::uint64_t>(std::max<std::int64_t>(since, 0)),
        slot.source.deliveries, slot.attempts};
    if (slot.at != stage::publishing)
      result.account = account_of(slot);
  });
  return result;
}

fetcher_actor::behavior_type fetcher_state::make_behavior(fetcher_options options) {
  options_ = std::move(options);
  paused_ = options_.paused;
  last_arrival_ = self_->clock().now();
  deliveries_ = {options_.source, options_.credit, options_.lease};
  letters_ = letter_office{{.instance = options_.instance,
                            .node_name = options_.node_name,
                            .source = options_.source,
                            .letters = options_.results,
                            .retry_pause = options_.retry_pause,
                            .letter_patience = options_.letter_patience}};
  const auto wake = make_waker(fetcher_actor{self_});
  options_.results->open(wake);
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
        take_looked_up();
        upkeep();
        turn();
        self_->delayed_send(self_, options_.beat, tick_atom_v);
      },
      [this](answer_atom, std::vector<ticketed_answer>& answers) {
        const auto now = self_->clock().now();
        for (auto& got : answers)
          answer_one(got, now);
      },
      [this](circuit_atom, bool open) {
        paused_ = open;
        options_.source->pull(room());
      },
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
      [this](held_atom, std::int64_t id) { return look(record_id{id}); },
  };
}

fetcher_actor::behavior_type fetcher(fetcher_actor::stateful_pointer<fetcher_state> self,
                                     fetcher_options options) {
  return self->state.make_behavior(std::move(options));
}

} // namespace ledgerd
