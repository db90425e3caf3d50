#include "actors/submissions/redriver.hpp"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include "actors/common/log.hpp"
#include "actors/common/waker.hpp"
#include "domain/failpoint.hpp"
#include "messaging/names.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

constexpr auto beat_min = std::chrono::milliseconds{100};
constexpr auto beat_max = std::chrono::milliseconds{5000};
constexpr std::size_t publishing_max = 5000;

} // namespace

void redriver_state::end_round() {
  busy_ = false;
  answer_.end();
}

// There may be more, but not more than the broker confirms.
void redriver_state::next_round() {
  if (publishing_ < publishing_max)
    claim();
  else
    end_round();
}

// The moment of the claim makes the message id one of its own.
void redriver_state::publish_again(const records& undecided) {
  for (const auto& record : undecided) {
    const auto exponent = options_.currencies->exponent(record.asked.account.currency);
    if (!exponent) {
      if (options_.lookup)
        options_.lookup->request();
      log(log_event::currency_unknown,
          {{"recordId", to_int(record.id)}, {"currency", record.asked.account.currency.text()}},
          "redriver: record {} is in a currency that this node does not know yet",
          to_int(record.id));
      continue;
    }
    const auto attempt = static_cast<std::uint64_t>(to_int(record.updated_at));
    const auto token = static_cast<std::uint64_t>(to_int(record.id));
    options_.requests->publish(make_request(token, record, *exponent, attempt));
    ++publishing_;
    ++counters_.republished;
  }
}

void redriver_state::give_up() {
  settling_.clear();
  end_round();
}

void redriver_state::raise_alarm(const transaction_record& record) {
  if (counters_.contrary++ % 100 == 0)
    log(log_event::verdict_contrary, {{"recordId", to_int(record.id)}},
        "redriver: record {} is {} by another verdict than the ledger's own row ({} such "
        "records so far)",
        to_int(record.id), to_text(record.status), counters_.contrary);
}

void redriver_state::tell_settled(std::vector<settled>& answers) {
  auto changed = std::make_shared<records>();
  for (auto& each : answers) {
    if (each.outcome == settle_outcome::unknown)
      continue;
    if (each.outcome == settle_outcome::contrary)
      raise_alarm(each.record);
    changed->push_back(std::move(each.record));
  }
  counters_.settled += static_cast<std::int64_t>(changed->size());
  self_->send(options_.intake, settled_atom_v, records_ptr{changed});
}

// Whatever is not written now is claimed again later.
void redriver_state::on_settled(settled_batch& done) {
  answer_.came(self_->clock().now(), true);
  const auto first = settling_.begin();
  const auto end = first + static_cast<std::ptrdiff_t>(batch_);
  if (auto* answers = std::get_if<std::vector<settled>>(&done.result)) {
    course_.succeeded();
    tell_settled(*answers);
    settling_.erase(first, end);
    return settle_next();
  }
  const auto& failure = std::get<store_failure>(done.result);
  switch (course_.failed(failure.kind, batch_)) {
  case batch_step::done:
  case batch_step::again:
    return give_up();
  case batch_step::split:
    break;
  case batch_step::refuse:
  case batch_step::set_aside:
    log(log_event::record_unsettled, {{"recordId", to_int(first->id)}, {"why", failure.detail}},
        "redriver: the database does not settle record {}: {}", to_int(first->id), failure.detail);
    settling_.erase(first);
    break;
  }
  settle_next();
}

void redriver_state::settle_next() {
  if (settling_.empty())
    return next_round();
  batch_ = course_.next(settling_.size());
  const auto end = settling_.begin() + static_cast<std::ptrdiff_t>(batch_);
  auto batch = std::make_shared<std::vector<record_verdict>>(settling_.begin(), end);
  self_->request(options_.recorder, caf::infinite, settle_atom_v, verdicts_ptr{batch})
      .then([this](settled_batch& done) { on_settled(done); },
            [this](const caf::error&) { give_up(); });
}

void redriver_state::on_verdicts(records&& claimed, const std::vector<record_verdict>& found) {
  std::unordered_set<std::int64_t> decided;
  for (const auto& verdict : found)
    decided.insert(to_int(verdict.id));
  std::erase_if(claimed, [&](const auto& each) { return decided.contains(to_int(each.id)); });
  if (!claimed.empty() || !found.empty())
    log(log_event::records_redriven, {{"decided", found.size()}, {"republished", claimed.size()}},
        "redriver: {} records without a verdict: {} were decided, {} are published again",
        claimed.size() + found.size(), found.size(), claimed.size());
  publish_again(claimed);
  settling_ = found;
  settle_next();
}

// The ledger is silent, or says what cannot be understood yet: the same question again, later.
void redriver_state::ask_later(const rejection& why) {
  if (why.unknown_currency && options_.lookup)
    options_.lookup->request();
  next_question_ = self_->clock().now() + pauses_.grow();
  if (counters_.unanswered++ % 100 == 0)
    log(log_event::ledger_silent, {{"records", kept_.size()}, {"why", why.detail}},
        "redriver: the ledger does not say what it decided of {} records: {}", kept_.size(),
        why.detail);
  end_round();
}

void redriver_state::on_reply(const api_reply& reply) {
  answer_.came(self_->clock().now(), true);
  const auto verdicts = reply.answered ? decode_verdicts(reply.payload, *options_.currencies)
                                       : rejection{dead_reason::malformed_json, "no answer"};
  if (const auto* why = std::get_if<rejection>(&verdicts))
    return ask_later(*why);
  pauses_.end();
  on_verdicts(std::exchange(kept_, {}), std::get<std::vector<record_verdict>>(verdicts));
}

void redriver_state::ask_ledger() {
  busy_ = true;
  answer_.came(self_->clock().now(), true);
  std::vector<record_id> ids;
  ids.reserve(kept_.size());
  for (const auto& each : kept_)
    ids.push_back(each.id);
  self_
      ->request(options_.ledger_client, caf::infinite, ask_atom_v, std::string{names::api_verdicts},
                encode_verdict_question(ids))
      .then([this](const api_reply& reply) { on_reply(reply); },
            [this](const caf::error&) { end_round(); });
}

void redriver_state::on_claimed(found_records& found) {
  auto* claimed = std::get_if<records>(&found.result);
  if (claimed == nullptr || claimed->empty())
    return end_round();
  answer_.came(self_->clock().now(), true);
  counters_.claimed += static_cast<std::int64_t>(claimed->size());
  kept_ = std::move(*claimed);
  ask_ledger();
}

void redriver_state::claim() {
  failpoint("redriver");
  busy_ = true;
  answer_.came(self_->clock().now(), true);
  self_
      ->request(options_.recorder, caf::infinite, claim_atom_v,
                std::int64_t{options_.redrive_after.count()},
                static_cast<std::uint64_t>(options_.claim_max))
      .then([this](found_records& found) { on_claimed(found); },
            [this](const caf::error&) { end_round(); });
}

// One question or claim at a time; none of a silent ledger before its pause is over.
void redriver_state::begin_round() {
  if (busy_ || self_->clock().now() < next_question_)
    return;
  if (kept_.empty())
    claim();
  else
    ask_ledger();
}

// A publication that failed needs nothing more: its record will be claimed again.
void redriver_state::take_confirmations() {
  publishing_ -= options_.requests->take().size();
}

actor_report redriver_state::report(progress_time now) const {
  return make_report(name, "", redriver_numbers{counters_, {.publishing = publishing_}},
                     {answer_.since(now), "a claim is not answered"});
}

redriver_actor::behavior_type redriver_state::make_behavior(redriver_options options) {
  course_ = {options.claim_max, beat_min, options.pause_max};
  pauses_ = {beat_min, options.pause_max};
  options_ = std::move(options);
  options_.requests->open(make_waker(redriver_actor{self_}));
  const auto beat = std::clamp(options_.redrive_after / 4, beat_min, beat_max);
  self_->delayed_send(self_, beat, tick_atom_v);
  return {
      [this](wake_atom) { take_confirmations(); },
      [this, beat](tick_atom) {
        take_confirmations();
        begin_round();
        self_->delayed_send(self_, beat, tick_atom_v);
      },
      [this](report_atom) { return report(self_->clock().now()); },
  };
}

redriver_actor::behavior_type redriver(redriver_actor::stateful_pointer<redriver_state> self,
                                       redriver_options options) {
  return self->state.make_behavior(std::move(options));
}

} // namespace ledgerd
