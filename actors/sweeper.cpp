#include "actors/sweeper.hpp"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include <spdlog/spdlog.h>

#include "actors/failpoint.hpp"
#include "actors/waking.hpp"
#include "messaging/account_codec.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

using sweeper_pointer = sweeper_actor::stateful_pointer<sweeper_state>;
using records = std::vector<transaction_record>;

constexpr auto beat_min = std::chrono::milliseconds{100};
constexpr auto beat_max = std::chrono::milliseconds{5000};
constexpr std::size_t publishing_max = 5000;

void claim(sweeper_pointer self);

void end_round(sweeper_pointer self) {
  self->state.busy = false;
  self->state.answer.end();
}

// There may be more, but not more than the broker confirms.
void next_round(sweeper_pointer self) {
  if (self->state.publishing < publishing_max)
    claim(self);
  else
    end_round(self);
}

// The moment of the claim makes the message id one of its own.
void publish_again(sweeper_pointer self, const records& undecided) {
  auto& state = self->state;
  for (const auto& record : undecided) {
    const auto exponent = state.options.currencies->exponent(record.asked.account.currency);
    if (!exponent) {
      spdlog::warn("sweeper: record {} is in a currency that this node learns at its next start",
                   to_int(record.id));
      continue;
    }
    const auto attempt = static_cast<std::uint64_t>(to_int(record.updated_at));
    const auto token = static_cast<std::uint64_t>(to_int(record.id));
    state.options.requests->publish(make_request(token, record, *exponent, attempt));
    ++state.publishing;
    ++state.republished;
  }
}

void on_settled(sweeper_pointer self, settled_batch& done) {
  auto& state = self->state;
  if (auto* answers = std::get_if<std::vector<settled>>(&done.result)) {
    auto changed = std::make_shared<records>();
    for (auto& each : *answers)
      if (each.outcome != settle_outcome::unknown)
        changed->push_back(std::move(each.record));
    state.settled += static_cast<std::int64_t>(changed->size());
    self->send(state.options.intake, settled_atom_v, records_ptr{changed});
  }
  next_round(self);
}

void on_verdicts(sweeper_pointer self, records&& claimed,
                 const std::vector<record_verdict>& found) {
  auto& state = self->state;
  std::unordered_set<std::int64_t> decided;
  for (const auto& verdict : found)
    decided.insert(to_int(verdict.id));
  std::erase_if(claimed, [&](const auto& each) { return decided.contains(to_int(each.id)); });
  if (!claimed.empty() || !found.empty())
    spdlog::info("sweeper: {} records without a verdict: {} were decided, {} are published again",
                 claimed.size() + found.size(), found.size(), claimed.size());
  publish_again(self, claimed);
  if (found.empty())
    return next_round(self);
  auto batch = std::make_shared<std::vector<record_verdict>>(found);
  self->request(state.options.recorder, caf::infinite, settle_atom_v, verdicts_ptr{batch})
      .then([self](settled_batch& done) { on_settled(self, done); },
            [self](const caf::error&) { end_round(self); });
}

void on_reply(sweeper_pointer self, records&& claimed, const api_reply& reply) {
  auto& state = self->state;
  state.answer.came(self->clock().now(), true);
  const auto verdicts = reply.answered ? decode_verdicts(reply.payload, *state.options.currencies)
                                       : rejection{dead_reason::malformed_json, "no answer"};
  if (const auto* found = std::get_if<std::vector<record_verdict>>(&verdicts))
    return on_verdicts(self, std::move(claimed), *found);
  if (state.unanswered++ % 100 == 0)
    spdlog::warn("sweeper: the ledger does not say what it decided of {} records: {}",
                 claimed.size(), std::get<rejection>(verdicts).detail);
  end_round(self);
}

void ask_ledger(sweeper_pointer self, records&& claimed) {
  std::vector<record_id> ids;
  ids.reserve(claimed.size());
  for (const auto& each : claimed)
    ids.push_back(each.id);
  self->request(self->state.options.courier, caf::infinite, ask_atom_v,
                std::string{names::api_verdicts}, encode_verdict_question(ids))
      .then([self, claimed = std::move(claimed)](
                const api_reply& reply) mutable { on_reply(self, std::move(claimed), reply); },
            [self](const caf::error&) { end_round(self); });
}

void on_claimed(sweeper_pointer self, found_records& found) {
  auto* claimed = std::get_if<records>(&found.result);
  if (claimed == nullptr || claimed->empty())
    return end_round(self);
  self->state.answer.came(self->clock().now(), true);
  self->state.claimed += static_cast<std::int64_t>(claimed->size());
  ask_ledger(self, std::move(*claimed));
}

void claim(sweeper_pointer self) {
  auto& state = self->state;
  failpoint("sweeper");
  state.busy = true;
  state.answer.came(self->clock().now(), true);
  self->request(state.options.recorder, caf::infinite, claim_atom_v,
                std::int64_t{state.options.redrive_after.count()},
                static_cast<std::uint64_t>(state.options.claim_max))
      .then([self](found_records& found) { on_claimed(self, found); },
            [self](const caf::error&) { end_round(self); });
}

// A publication that failed needs nothing more: its record will be claimed again.
void take_confirmations(sweeper_pointer self) {
  self->state.publishing -= self->state.options.requests->take().size();
}

} // namespace

actor_report sweeper_state::report(progress_time now) const {
  return {
      "sweeper",
      "",
      {
          {"claimed_total", claimed},
          {"settled_total", settled},
          {"republished_total", republished},
          {"unanswered_total", unanswered},
          {"publishing", static_cast<std::int64_t>(publishing)},
      },
      {},
      {answer.since(now), "a claim is not answered"},
  };
}

sweeper_actor::behavior_type sweeper(sweeper_actor::stateful_pointer<sweeper_state> self,
                                     sweeper_options options) {
  self->state.options = std::move(options);
  self->state.options.requests->open(make_waker(sweeper_actor{self}));
  const auto beat = std::clamp(self->state.options.redrive_after / 4, beat_min, beat_max);
  self->delayed_send(self, beat, beat_atom_v);
  return {
      [=](wake_atom) { take_confirmations(self); },
      [=](beat_atom) {
        take_confirmations(self);
        if (!self->state.busy)
          claim(self);
        self->delayed_send(self, beat, beat_atom_v);
      },
      [=](report_atom) { return self->state.report(self->clock().now()); },
  };
}

} // namespace ledgerd
