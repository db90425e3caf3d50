#include "actors/submissions/redriver.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <unordered_set>
#include <utility>
#include <variant>

#include "actors/common/log.hpp"
#include "actors/common/waker.hpp"
#include "domain/failpoint.hpp"
#include "messaging/names.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

constexpr auto beat_min = std::chrono::milliseconds{100};
constexpr auto beat_max = std::chrono::milliseconds{5000};
constexpr auto copy_longest_min = std::chrono::milliseconds{5000};
constexpr auto copy_longest_max = std::chrono::milliseconds{30000};
constexpr std::size_t unclaimed_max = 3;
constexpr auto republish_pause_min = std::chrono::milliseconds{1000};

// The ledger's verdicts, or why there are none.
std::variant<std::vector<record_verdict>, rejection> read_answer(const api_reply& reply,
                                                                 const currency_table& currencies) {
  if (!reply.answered)
    return rejection{dead_reason::malformed_json, "no answer"};
  for (const auto& [name, value] : reply.headers)
    if (name == names::service_error_code)
      return rejection{dead_reason::malformed_json, "the answer is a problem, status " + value};
  return decode_verdicts(reply.payload, currencies);
}

} // namespace

void redriver_state::end_round() {
  busy_ = false;
  answer_.end();
}

// There may be more, but not more than is decided. While the ledger has not said what it decided of
// all that is claimed, and while the stream takes none of it, no more is. Nobody is asked before a
// pause is over.
void redriver_state::next_round() {
  const auto now = self_->clock().now();
  if (now < next_question_)
    return end_round();
  if (!kept_.empty())
    return ask_ledger();
  const bool refused = republish_pauses_.pause().count() > 0 && !publishing_.empty();
  if (refused)
    return end_round();
  copies_.forget_old(now);
  if (copies_.room() > 0)
    return claim();
  if (now < next_look_)
    return end_round();
  look_at_copies();
}

// Those of which the ledger has rows make room; each result is on its way.
void redriver_state::look_at_copies() {
  busy_ = true;
  answer_.end();
  const auto on_end = [this](bool some_decided) {
    const auto now = self_->clock().now();
    if (some_decided)
      look_pauses_.end();
    next_look_ = now + look_pauses_.grow();
    self_->delayed_send(self_, next_look_ - now, wake_atom_v);
    if (copies_.room() > 0)
      return next_round();
    end_round();
  };
  self_
      ->request(options_.ledger_client, caf::infinite, ask_atom_v, std::string{names::api_verdicts},
                encode_verdict_question(copies_.ids(ask_max_)))
      .then(
          [this, on_end](const api_reply& reply) {
            const auto answer = read_answer(reply, *options_.currencies);
            const auto* decided = std::get_if<std::vector<record_verdict>>(&answer);
            if (decided == nullptr) {
              ++counters_.unanswered;
              ledger_.begin(self_->clock().now());
            } else {
              ledger_.end();
              for (const auto& each : *decided)
                copies_.remove(each.id);
            }
            on_end(decided != nullptr && !decided->empty());
          },
          [on_end](const caf::error&) { on_end(false); });
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
    auto request = make_request(token, record, *exponent, attempt);
    if (!record.traceparent.empty())
      request.headers.push_back({"traceparent", record.traceparent});
    publishing_.insert_or_assign(token, record);
    copies_.add(record.id, self_->clock().now());
    options_.requests->publish(std::move(request));
    ++counters_.republished;
  }
}

void redriver_state::give_up() {
  settling_.clear();
  end_round();
}

void redriver_state::raise_alarm(const transaction_record& record) {
  ++counters_.contrary;
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
    ++counters_.failures;
    log(log_event::record_unsettled, {{"why", failure.detail}},
        "redriver: the database does not take the verdicts on {} records: {}", settling_.size(),
        failure.detail);
    return give_up();
  case batch_step::split:
    break;
  case batch_step::refuse:
  case batch_step::set_aside:
    ++counters_.failures;
    log(log_event::record_unsettled, {{"recordId", to_int(first->id)}, {"why", failure.detail}},
        "redriver: the database does not settle record {}: {}", to_int(first->id), failure.detail);
    settling_.erase(first);
    break;
  }
  settle_next();
}

void redriver_state::note_commit() {
  using std::chrono::duration_cast, std::chrono::microseconds;
  counters_.commit.record(duration_cast<microseconds>(self_->clock().now() - to_recorder_).count());
}

void redriver_state::settle_next() {
  if (settling_.empty())
    return next_round();
  batch_ = course_.next(settling_.size());
  const auto end = settling_.begin() + static_cast<std::ptrdiff_t>(batch_);
  auto batch = std::make_shared<std::vector<record_verdict>>(settling_.begin(), end);
  to_recorder_ = self_->clock().now();
  answer_.came(to_recorder_, true);
  self_->request(options_.recorder, caf::infinite, settle_atom_v, verdicts_ptr{batch})
      .then(
          [this](settled_batch& done) {
            note_commit();
            on_settled(done);
          },
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
  if (kept_.empty() && publishing_.empty())
    unconfirmed_.end(); // whatever was not published is decided
  settling_ = found;
  settle_next();
}

// It is claimed again when it has rested; the others go on.
void redriver_state::leave_out(const transaction_record& record, const rejection& why) {
  log(log_event::record_unanswered, {{"recordId", to_int(record.id)}, {"why", why.detail}},
      "redriver: the ledger answers, but not about record {}: {}", to_int(record.id), why.detail);
  kept_.erase(kept_.begin());
}

// An answer may be too large for the broker, or hold one verdict that cannot be read: half of the
// question at once, and so on. The question about no record tells a silent ledger, of which the
// records wait, from one that cannot answer about the one record.
void redriver_state::on_unanswered(const rejection& why) {
  ++counters_.unanswered;
  const bool was_there = std::exchange(ledger_there_, false);
  if (why.unknown_currency && options_.lookup)
    options_.lookup->request();
  if (asked_ == 1 && was_there) {
    leave_out(kept_.front(), why);
    return next_round();
  }
  log(log_event::ledger_silent, {{"records", kept_.size()}, {"asked", asked_}, {"why", why.detail}},
      "redriver: the ledger does not say what it decided of {} of {} records: {}", asked_,
      kept_.size(), why.detail);
  ask_max_ = asked_ / 2;
  if (asked_ > 0)
    return ask_ledger();
  pause_questions(pauses_);
  end_round();
}

void redriver_state::pause_questions(backoff& pauses) {
  next_question_ = std::max(next_question_, self_->clock().now() + pauses.grow());
}

void redriver_state::on_reply(const api_reply& reply) {
  const auto verdicts = read_answer(reply, *options_.currencies);
  if (const auto* why = std::get_if<rejection>(&verdicts))
    return on_unanswered(*why);
  ledger_.end();
  ledger_there_ = true;
  pauses_.end();
  ask_max_ = std::clamp<std::size_t>(ask_max_ * 2, 1, options_.claim_max);
  if (asked_ == 0)
    return next_round();
  const auto end = kept_.begin() + static_cast<std::ptrdiff_t>(asked_);
  records asked{std::make_move_iterator(kept_.begin()), std::make_move_iterator(end)};
  kept_.erase(kept_.begin(), end);
  on_verdicts(std::move(asked), std::get<std::vector<record_verdict>>(verdicts));
}

void redriver_state::ask_ledger() {
  busy_ = true;
  answer_.end();
  ledger_.begin(self_->clock().now());
  asked_ = std::min(kept_.size(), ask_max_);
  std::vector<record_id> ids;
  ids.reserve(asked_);
  for (std::size_t i = 0; i < asked_; ++i)
    ids.push_back(kept_[i].id);
  self_
      ->request(options_.ledger_client, caf::infinite, ask_atom_v, std::string{names::api_verdicts},
                encode_verdict_question(ids))
      .then([this](const api_reply& reply) { on_reply(reply); },
            [this](const caf::error&) { end_round(); });
}

// One claim that fails may be a moment's; the next comes only after a beat.
void redriver_state::note_unclaimed(const store_failure& failure) {
  const auto now = self_->clock().now();
  ++counters_.failures;
  ++unclaimed_;
  if (const auto more = lines_.admit("not claimed", now))
    log(log_event::record_unsettled, {{"why", failure.detail}},
        "redriver: the database gives none of the records that wait for a verdict ({} times in a "
        "row): {}{}",
        unclaimed_, failure.detail, left_out_text(*more));
  if (unclaimed_ >= unclaimed_max)
    failing_.begin(now);
  why_unclaimed_ = failure.detail;
}

void redriver_state::on_claimed(found_records& found) {
  if (const auto* failure = std::get_if<store_failure>(&found.result)) {
    note_unclaimed(*failure);
    return end_round();
  }
  unclaimed_ = 0;
  failing_.end();
  auto& claimed = std::get<records>(found.result);
  if (claimed.empty())
    return end_round();
  counters_.claimed += static_cast<std::int64_t>(claimed.size());
  counters_.claims.record(claimed.size());
  last_claimed_ = self_->clock().now();
  // What the stream has refused meanwhile is kept already.
  std::move(claimed.begin(), claimed.end(), std::back_inserter(kept_));
  ask_ledger();
}

void redriver_state::claim() {
  failpoint("redriver");
  busy_ = true;
  to_recorder_ = self_->clock().now();
  answer_.came(to_recorder_, true);
  ledger_.end();
  self_
      ->request(options_.recorder, caf::infinite, claim_atom_v,
                std::int64_t{options_.redrive_after.count()},
                static_cast<std::uint64_t>(copies_.room()))
      .then(
          [this](found_records& found) {
            note_commit();
            on_claimed(found);
          },
          [this](const caf::error&) { end_round(); });
}

// One question or claim at a time.
void redriver_state::begin_round() {
  if (!busy_)
    next_round();
}

void redriver_state::note_unpublished(std::string why) {
  const auto now = self_->clock().now();
  ++counters_.failures;
  unconfirmed_.begin(now);
  why_unconfirmed_ = std::move(why);
  if (const auto more = lines_.admit("not published", now))
    log(log_event::request_unconfirmed, {{"why", why_unconfirmed_}},
        "redriver: a request without a verdict is not published again, and tried later: {}{}",
        why_unconfirmed_, left_out_text(*more));
}

void redriver_state::take_confirmations() {
  bool refused = false;
  for (auto& got : options_.requests->take()) {
    auto published = publishing_.extract(got.token);
    if (got.confirmed()) {
      unconfirmed_.end();
      republish_pauses_.end();
      continue;
    }
    refused = true;
    note_unpublished(std::move(got.error));
    if (!published.empty()) {
      copies_.remove(published.mapped().id);
      kept_.push_back(std::move(published.mapped()));
    }
  }
  if (refused)
    pause_questions(republish_pauses_);
}

// What waits for the ledger or for the stream waits aside: this side takes requests and applies
// results without them.
standstill redriver_state::wait(progress_time now) const {
  // Claims that fail may each take as long as the database lets them.
  if (answer_.since(now) >= (unclaimed_ < unclaimed_max ? hesitates_after : unanswered_after))
    return {answer_.since(now), "a claim is not answered"};
  if (const auto since = failing_.since(now); since.count() > 0)
    return {since, "records without a verdict cannot be claimed: " + why_unclaimed_, true};
  if (const auto since = unconfirmed_.since(now); since.count() > 0)
    return {since, "requests without a verdict are not published again: " + why_unconfirmed_, true};
  return {ledger_.since(now), "the ledger does not say what it decided", true};
}

// By the clocks of the databases. 0: nothing is held.
gauge redriver_state::oldest_held_ms() const {
  const auto now_us = options_.wall_clock() / 1000;
  auto oldest_us = now_us;
  for (const auto& record : kept_)
    oldest_us = std::min(oldest_us, to_int(record.created_at));
  for (const auto& [token, record] : publishing_)
    oldest_us = std::min(oldest_us, to_int(record.created_at));
  for (const auto& verdict : settling_)
    oldest_us = std::min(oldest_us, to_int(verdict.processed_at));
  return (now_us - oldest_us) / 1000;
}

actor_report redriver_state::report(progress_time now) const {
  using std::chrono::duration_cast, std::chrono::milliseconds;
  return make_report(
      name, "",
      redriver_numbers{counters_,
                       {.publishing = publishing_.size(),
                        .held = kept_.size() + settling_.size() + publishing_.size(),
                        .oldest_held_ms = oldest_held_ms(),
                        .credit = options_.claim_max,
                        .idle_ms = duration_cast<milliseconds>(now - last_claimed_).count()}},
      wait(now));
}

redriver_actor::behavior_type redriver_state::make_behavior(redriver_options options) {
  course_ = {options.claim_max, beat_min, options.pause_max};
  ask_max_ = options.claim_max;
  pauses_ = {beat_min, options.pause_max};
  republish_pauses_ = {republish_pause_min, options.pause_max};
  look_pauses_ = {beat_min, beat_max};
  copies_ = {options.claim_max,
             std::clamp(options.redrive_after, copy_longest_min, copy_longest_max)};
  options_ = std::move(options);
  options_.requests->open(make_waker(redriver_actor{self_}));
  last_claimed_ = self_->clock().now();
  const auto beat = std::clamp(options_.redrive_after / 4, beat_min, beat_max);
  self_->delayed_send(self_, beat, tick_atom_v);
  return {
      [this](wake_atom) {
        take_confirmations();
        if (copies_.room() == 0 && self_->clock().now() >= next_look_)
          begin_round();
      },
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
