#include "actors/submissions/redriver.hpp"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include <spdlog/spdlog.h>

#include "actors/common/failpoint.hpp"
#include "actors/common/waker.hpp"
#include "messaging/names.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

using redriver_pointer = redriver_actor::stateful_pointer<redriver_state>;
using records = std::vector<transaction_record>;

constexpr auto beat_min = std::chrono::milliseconds{100};
constexpr auto beat_max = std::chrono::milliseconds{5000};
constexpr std::size_t publishing_max = 5000;

void claim(redriver_pointer self);

void end_round(redriver_pointer self) {
  self->state.busy = false;
  self->state.answer.end();
}

// There may be more, but not more than the broker confirms.
void next_round(redriver_pointer self) {
  if (self->state.publishing < publishing_max)
    claim(self);
  else
    end_round(self);
}

// The moment of the claim makes the message id one of its own.
void publish_again(redriver_pointer self, const records& undecided) {
  auto& state = self->state;
  for (const auto& record : undecided) {
    const auto exponent = state.options.currencies->exponent(record.asked.account.currency);
    if (!exponent) {
      if (state.options.lookup)
        state.options.lookup->request();
      spdlog::warn("redriver: record {} is in a currency that this node does not know yet",
                   to_int(record.id));
      continue;
    }
    const auto attempt = static_cast<std::uint64_t>(to_int(record.updated_at));
    const auto token = static_cast<std::uint64_t>(to_int(record.id));
    state.options.requests->publish(make_request(token, record, *exponent, attempt));
    ++state.publishing;
    ++state.counters.republished;
  }
}

void settle_next(redriver_pointer self);

void give_up(redriver_pointer self) {
  self->state.settling.clear();
  end_round(self);
}

void raise_alarm(redriver_state& state, const transaction_record& record) {
  if (state.counters.contrary++ % 100 == 0)
    spdlog::error("redriver: record {} is {} by another verdict than the ledger's own row ({} such "
                  "records so far)",
                  to_int(record.id), to_text(record.status), state.counters.contrary);
}

void tell_settled(redriver_pointer self, std::vector<settled>& answers) {
  auto& state = self->state;
  auto changed = std::make_shared<records>();
  for (auto& each : answers) {
    if (each.outcome == settle_outcome::unknown)
      continue;
    if (each.outcome == settle_outcome::contrary)
      raise_alarm(state, each.record);
    changed->push_back(std::move(each.record));
  }
  state.counters.settled += static_cast<std::int64_t>(changed->size());
  self->send(state.options.intake, settled_atom_v, records_ptr{changed});
}

// Whatever is not written now is claimed again later.
void on_settled(redriver_pointer self, settled_batch& done) {
  auto& state = self->state;
  state.answer.came(self->clock().now(), true);
  const auto first = state.settling.begin();
  const auto end = first + static_cast<std::ptrdiff_t>(state.batch);
  if (auto* answers = std::get_if<std::vector<settled>>(&done.result)) {
    state.course.succeeded();
    tell_settled(self, *answers);
    state.settling.erase(first, end);
    return settle_next(self);
  }
  const auto& failure = std::get<store_failure>(done.result);
  switch (state.course.failed(failure.kind, state.batch)) {
  case batch_step::done:
  case batch_step::again:
    return give_up(self);
  case batch_step::split:
    break;
  case batch_step::refuse:
  case batch_step::set_aside:
    spdlog::warn("redriver: the database does not settle record {}: {}", to_int(first->id),
                 failure.detail);
    state.settling.erase(first);
    break;
  }
  settle_next(self);
}

void settle_next(redriver_pointer self) {
  auto& state = self->state;
  if (state.settling.empty())
    return next_round(self);
  state.batch = state.course.next(state.settling.size());
  const auto end = state.settling.begin() + static_cast<std::ptrdiff_t>(state.batch);
  auto batch = std::make_shared<std::vector<record_verdict>>(state.settling.begin(), end);
  self->request(state.options.recorder, caf::infinite, settle_atom_v, verdicts_ptr{batch})
      .then([self](settled_batch& done) { on_settled(self, done); },
            [self](const caf::error&) { give_up(self); });
}

void on_verdicts(redriver_pointer self, records&& claimed,
                 const std::vector<record_verdict>& found) {
  auto& state = self->state;
  std::unordered_set<std::int64_t> decided;
  for (const auto& verdict : found)
    decided.insert(to_int(verdict.id));
  std::erase_if(claimed, [&](const auto& each) { return decided.contains(to_int(each.id)); });
  if (!claimed.empty() || !found.empty())
    spdlog::info("redriver: {} records without a verdict: {} were decided, {} are published again",
                 claimed.size() + found.size(), found.size(), claimed.size());
  publish_again(self, claimed);
  state.settling = found;
  settle_next(self);
}

// The ledger is silent, or says what cannot be understood yet: the same question again, later.
void ask_later(redriver_pointer self, const rejection& why) {
  auto& state = self->state;
  if (why.unknown_currency && state.options.lookup)
    state.options.lookup->request();
  state.next_question = self->clock().now() + state.pauses.grow();
  if (state.counters.unanswered++ % 100 == 0)
    spdlog::warn("redriver: the ledger does not say what it decided of {} records: {}",
                 state.kept.size(), why.detail);
  end_round(self);
}

void on_reply(redriver_pointer self, const api_reply& reply) {
  auto& state = self->state;
  state.answer.came(self->clock().now(), true);
  const auto verdicts = reply.answered ? decode_verdicts(reply.payload, *state.options.currencies)
                                       : rejection{dead_reason::malformed_json, "no answer"};
  if (const auto* why = std::get_if<rejection>(&verdicts))
    return ask_later(self, *why);
  state.pauses.end();
  on_verdicts(self, std::exchange(state.kept, {}), std::get<std::vector<record_verdict>>(verdicts));
}

void ask_ledger(redriver_pointer self) {
  auto& state = self->state;
  state.busy = true;
  state.answer.came(self->clock().now(), true);
  std::vector<record_id> ids;
  ids.reserve(state.kept.size());
  for (const auto& each : state.kept)
    ids.push_back(each.id);
  self->request(state.options.ledger_client, caf::infinite, ask_atom_v,
                std::string{names::api_verdicts}, encode_verdict_question(ids))
      .then([self](const api_reply& reply) { on_reply(self, reply); },
            [self](const caf::error&) { end_round(self); });
}

void on_claimed(redriver_pointer self, found_records& found) {
  auto* claimed = std::get_if<records>(&found.result);
  if (claimed == nullptr || claimed->empty())
    return end_round(self);
  self->state.answer.came(self->clock().now(), true);
  self->state.counters.claimed += static_cast<std::int64_t>(claimed->size());
  self->state.kept = std::move(*claimed);
  ask_ledger(self);
}

void claim(redriver_pointer self) {
  auto& state = self->state;
  failpoint("redriver");
  state.busy = true;
  state.answer.came(self->clock().now(), true);
  self->request(state.options.recorder, caf::infinite, claim_atom_v,
                std::int64_t{state.options.redrive_after.count()},
                static_cast<std::uint64_t>(state.options.claim_max))
      .then([self](found_records& found) { on_claimed(self, found); },
            [self](const caf::error&) { end_round(self); });
}

// One question or claim at a time; none of a silent ledger before its pause is over.
void begin_round(redriver_pointer self) {
  auto& state = self->state;
  if (state.busy || self->clock().now() < state.next_question)
    return;
  if (state.kept.empty())
    claim(self);
  else
    ask_ledger(self);
}

// A publication that failed needs nothing more: its record will be claimed again.
void take_confirmations(redriver_pointer self) {
  self->state.publishing -= self->state.options.requests->take().size();
}

} // namespace

actor_report redriver_state::report(progress_time now) const {
  return make_report(name, "", redriver_numbers{counters, {.publishing = publishing}},
                     {answer.since(now), "a claim is not answered"});
}

redriver_actor::behavior_type redriver(redriver_actor::stateful_pointer<redriver_state> self,
                                       redriver_options options) {
  self->state.course = {options.claim_max, beat_min, options.pause_max};
  self->state.pauses = {beat_min, options.pause_max};
  self->state.options = std::move(options);
  self->state.options.requests->open(make_waker(redriver_actor{self}));
  const auto beat = std::clamp(self->state.options.redrive_after / 4, beat_min, beat_max);
  self->delayed_send(self, beat, tick_atom_v);
  return {
      [=](wake_atom) { take_confirmations(self); },
      [=](tick_atom) {
        take_confirmations(self);
        begin_round(self);
        self->delayed_send(self, beat, tick_atom_v);
      },
      [=](report_atom) { return self->state.report(self->clock().now()); },
  };
}

} // namespace ledgerd
