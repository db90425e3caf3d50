#include "actors/submissions/intake.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "actors/common/log.hpp"
#include "actors/common/span.hpp"
#include "actors/common/waker.hpp"
#include "domain/assert.hpp"
#include "domain/failpoint.hpp"
#include "domain/trace_context.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

// Records of those who wait that may be read between two looks without a verdict.
constexpr std::size_t reads_in_vain = 100;

void tell(submit_request& request, const submit_answer& what) {
  // A request whose deadline has passed while it was being recorded has had its answer.
  if (const auto answer = std::exchange(request.answer, nullptr))
    answer(what);
}

std::int64_t microseconds(caf::actor_clock::duration_type time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

std::int64_t milliseconds(caf::actor_clock::duration_type time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

// As the record keeps it. Of a later version the same part, whatever else it has.
std::string in_version_00(std::string_view traceparent) {
  const auto read = read_traceparent(traceparent);
  return read ? write_traceparent(read->trace_id, read->span_id, read->sampled) : std::string{};
}

std::string_view why_not_recorded(store_failure_kind kind) {
  switch (kind) {
  case store_failure_kind::in_doubt:
    return "the database broke off: the request may have been recorded; repeat it with the same "
           "Idempotency-Key";
  case store_failure_kind::rejected:
    return "the database refuses this request: nothing was recorded";
  default:
    return "the database is not available: nothing was recorded";
  }
}

} // namespace

void intake_state::refuse(submit_request& request, const std::string& why) {
  counters_.unavailable += request.answer ? 1 : 0;
  tell(request, {submit_outcome::unavailable, {}, why});
}

// What nobody waits for any more is not recorded; what is on its way to the database may be.
void intake_state::expire(time_point now) {
  const auto is_over = [&](submit_request& request, const char* why) {
    if (request.deadline > now || !request.answer)
      return request.deadline <= now;
    ++counters_.expired;
    refuse(request, why);
    return true;
  };
  std::erase_if(forming_, [&](submit_request& request) {
    return is_over(request, "the database is too slow: nothing was recorded");
  });
  for (auto& request : recording_)
    is_over(request, "the database does not answer: the request may be recorded; repeat it with "
                     "the same Idempotency-Key");
}

// The message goes on with the trace of its request, under the span of its publication if that is
// to be logged.
void intake_state::add_trace(outgoing& message, const submit_request& from) {
  if (from.traceparent.empty())
    return;
  auto parent = from.traceparent;
  if (wants_span(parent)) {
    const auto read = read_traceparent(parent);
    parent = write_traceparent(read->trace_id, new_span_id(), read->sampled);
    traced_.emplace(message.token, from.traceparent);
  }
  message.headers.push_back({"traceparent", std::move(parent)});
  if (!from.tracestate.empty())
    message.headers.push_back({"tracestate", from.tracestate});
}

void intake_state::log_publication(const outbox::letter& stored, time_point now) {
  const auto parent = traced_.extract(stored.message.token);
  if (parent.empty())
    return;
  const auto own = read_traceparent(traceparent_of(stored.message.headers));
  LEDGERD_ASSERT(own.has_value());
  log_span({.operation = "publish",
            .destination = stored.message.subject,
            .traceparent = parent.mapped(),
            .span_id = std::string(own->span_id),
            .took = std::chrono::duration_cast<std::chrono::microseconds>(now - stored.since)});
}

void intake_state::publish(const transaction_record& record, const submit_request& from) {
  const auto exponent = options_.currencies->exponent(record.asked.account.currency);
  LEDGERD_ASSERT(exponent.has_value());
  const auto token = static_cast<std::uint64_t>(to_int(record.id));
  auto message = make_request(token, record, *exponent, 0);
  add_trace(message, from);
  publishing_.put(std::move(message), give_up::never, self_->clock().now());
}

// Answers now, or lets the answer wait for the verdict.
void intake_state::answer(submit_request& request, submit_outcome outcome,
                          transaction_record&& record) {
  const auto now = self_->clock().now();
  const bool waits = request.answer && request.wait_until > now
                     && record.status == record_status::pending && !drain_.under_way()
                     && waiters_.size() < options_.waiters_max;
  if (!waits)
    return tell(request, {outcome, std::move(record), {}});
  const auto id = to_int(record.id);
  waiters_.emplace(id,
                   intake_state::waiter{outcome, std::move(record), now, now + options_.look_after,
                                        request.wait_until, std::move(request.answer)});
}

void intake_state::take_recorded(submit_request& request, recorded& got) {
  switch (got.outcome) {
  case record_outcome::recorded:
    ++counters_.accepted;
    counters_.record.record(microseconds(self_->clock().now() - request.since));
    failpoint("accepted");
    publish(got.record, request);
    return answer(request, submit_outcome::accepted, std::move(got.record));
  case record_outcome::repeated:
    ++counters_.repeated;
    return answer(request, submit_outcome::repeated, std::move(got.record));
  case record_outcome::conflict:
    ++counters_.conflict;
    return tell(request, {submit_outcome::conflict, std::move(got.record), {}});
  }
}

// Whoever still waits is told so before the doors close.
void intake_state::finish_drain() {
  if (!drain_.is_over(self_->clock().now(), held()))
    return;
  for (auto& request : std::exchange(forming_, {}))
    refuse(request, "the node is shutting down: nothing was recorded");
  for (auto& request : recording_)
    refuse(request, "the node is shutting down and the database does not answer: the request may "
                    "be recorded; repeat it with the same Idempotency-Key");
  drain_.count_handed_back(publishing_.size()); // to the redriver of whatever node
  drain_.finish();
}

void intake_state::note_failure(const std::vector<submit_request>& requests,
                                const store_failure& failure, batch_step step) {
  const auto now = self_->clock().now();
  for (const auto& request : requests)
    trouble_.add_user(request.asked.asked.account.user_id, now);
  if (step == batch_step::refuse)
    trouble_.refused(failure.detail, now);
  else
    trouble_.failed(failure.detail, now);
  if (trouble_.may_log(now))
    log(log_event::submissions_unrecorded,
        {{"submissions", requests.size()}, {"why", failure.detail}},
        "intake: {} submissions not recorded ({} batches so far): {}", requests.size(),
        trouble_.batches(), failure.detail);
}

// Callers wait for their answer, so nothing is tried again but what stood beside a refused request.
void intake_state::on_failure(std::vector<submit_request>&& requests,
                              const store_failure& failure) {
  const auto step = course_.failed(failure.kind, requests.size());
  if (step == batch_step::split) {
    forming_.insert(forming_.begin(), std::make_move_iterator(requests.begin()),
                    std::make_move_iterator(requests.end()));
    return;
  }
  note_failure(requests, failure, step);
  for (auto& request : requests)
    refuse(request, std::string{why_not_recorded(failure.kind)});
}

void intake_state::note_recorded() {
  if (const auto failed = trouble_.succeeded(); failed > 0)
    log(log_event::submissions_recorded, {{"failed", failed}},
        "intake: records again, after {} batches that failed", failed);
}

void intake_state::on_recorded(recorded_batch& done) {
  answer_.end();
  auto requests = std::exchange(recording_, {});
  ++counters_.batches;
  if (auto* records = std::get_if<std::vector<recorded>>(&done.result)) {
    LEDGERD_ASSERT(records->size() == requests.size());
    course_.succeeded();
    note_recorded();
    for (std::size_t i = 0; i < requests.size(); ++i)
      take_recorded(requests[i], (*records)[i]);
  } else {
    on_failure(std::move(requests), std::get<store_failure>(done.result));
  }
  record_next_batch();
  finish_drain();
}

void intake_state::record_next_batch() {
  if (!recording_.empty() || trying_)
    return;
  expire(self_->clock().now());
  if (forming_.empty())
    return;
  failpoint("intake");
  asked_ = self_->clock().now();
  answer_.begin(asked_);
  const auto size = course_.next(forming_.size());
  counters_.recorded.record(size);
  const auto end = forming_.begin() + static_cast<std::ptrdiff_t>(size);
  recording_.assign(std::make_move_iterator(forming_.begin()), std::make_move_iterator(end));
  forming_.erase(forming_.begin(), end);
  auto batch = std::make_shared<std::vector<new_record>>();
  batch->reserve(size);
  for (auto& request : recording_) {
    batch->push_back(request.asked);
    batch->back().traceparent = in_version_00(request.traceparent);
  }
  self_->request(options_.recorder, caf::infinite, record_atom_v, new_records_ptr{batch})
      .then(
          [this](recorded_batch& done) {
            counters_.record_commit.record(microseconds(self_->clock().now() - asked_));
            on_recorded(done);
          },
          [this](const caf::error&) {
            recorded_batch gone{store_failure{store_failure_kind::in_doubt, "the recorder ended"}};
            on_recorded(gone);
          });
}

// While nobody sends anything, as to a node that is unready, an empty batch tells whether the table
// takes rows again: it needs its locks, its keys and its rights.
void intake_state::try_recording(time_point now) {
  if (!recording_.empty() || trying_ || drain_.under_way() || !trouble_.may_try(now))
    return;
  trying_ = true;
  answer_.begin(now);
  const auto on_answer = [this](const store_failure* failure) {
    trying_ = false;
    answer_.end();
    if (failure != nullptr)
      trouble_.try_failed(failure->detail, self_->clock().now());
    else
      trouble_.try_succeeded(self_->clock().now());
    record_next_batch();
  };
  self_
      ->request(options_.recorder, caf::infinite, record_atom_v,
                new_records_ptr{std::make_shared<std::vector<new_record>>()})
      .then([on_answer](
                recorded_batch& done) { on_answer(std::get_if<store_failure>(&done.result)); },
            [on_answer](const caf::error&) {
              const store_failure gone{store_failure_kind::in_doubt, "the recorder ended"};
              on_answer(&gone);
            });
}

void intake_state::submit(submit_request& request) {
  last_arrival_ = self_->clock().now();
  if (drain_.under_way())
    return refuse(request, "the node is shutting down");
  if (held() >= options_.submissions_max)
    return refuse(request, "too many requests wait for the database or the broker");
  request.since = last_arrival_;
  forming_.push_back(std::move(request));
  record_next_batch();
}

// What the broker does not take has its record, and is left to the redriver where many wait and the
// broker has taken nothing for a while: there must be room for others, however long it is away.
void intake_state::make_room(const std::vector<std::uint64_t>& unconfirmed, progress_time now) {
  if (publishing_.wait(now).since < standstill_after)
    return;
  const auto most = options_.submissions_max / 2;
  for (auto each = unconfirmed.begin(); each != unconfirmed.end() && held() > most; ++each) {
    publishing_.let_go(*each, now);
    traced_.erase(*each);
    ++counters_.left;
  }
}

void intake_state::take_confirmations() {
  const auto now = self_->clock().now();
  std::vector<std::uint64_t> unconfirmed;
  const auto note = [&](const confirmation& got, outbox::fate what, const outbox::letter& letter) {
    if (what == outbox::fate::stored) {
      counters_.request_publish.record(microseconds(now - letter.since));
      log_publication(letter, now);
      return drain_.count_settled();
    }
    ++counters_.unconfirmed;
    if (what == outbox::fate::again)
      unconfirmed.push_back(got.token);
    if (const auto more = lines_.admit("not confirmed", now))
      log(log_event::request_unconfirmed, {{"why", publishing_.last_failure()}},
          "intake: not confirmed, publishing again ({} so far): {}{}", counters_.unconfirmed,
          publishing_.last_failure(), left_out_text(*more));
  };
  publishing_.take(now, note);
  make_room(unconfirmed, now);
  finish_drain();
}

void intake_state::on_settled(const std::vector<transaction_record>& records) {
  if (waiters_.empty())
    return;
  const auto now = self_->clock().now();
  for (const auto& record : records) {
    const auto [begin, end] = waiters_.equal_range(to_int(record.id));
    for (auto each = begin; each != end; ++each) {
      counters_.verdict_wait.record(microseconds(now - each->second.since));
      each->second.answer({each->second.outcome, record, {}});
    }
    waiters_.erase(begin, end);
  }
}

void intake_state::end_waits(time_point now) {
  std::erase_if(waiters_, [now](auto& each) {
    if (each.second.until > now)
      return false;
    each.second.answer({each.second.outcome, std::move(each.second.record), {}});
    return true;
  });
}

// Those whose turn it is: who was looked at longest ago, or came first. Many are not asked for at
// once, for whoever reads a record would wait behind them.
std::vector<record_id> intake_state::take_turns(time_point now) {
  std::vector<std::pair<time_point, std::int64_t>> due;
  for (auto each = waiters_.begin(); each != waiters_.end();) {
    const auto id = each->first;
    auto turn = each->second.next_look;
    // Several may wait for it, and more may come all the time.
    while (++each != waiters_.end() && each->first == id)
      turn = std::min(turn, each->second.next_look);
    if (turn <= now)
      due.emplace_back(turn, id);
  }
  const auto most = std::min(due.size(), options_.look_max);
  const auto end = due.begin() + static_cast<std::ptrdiff_t>(most);
  std::partial_sort(due.begin(), end, due.end());
  std::vector<record_id> ids;
  ids.reserve(most);
  for (auto next = due.begin(); next != end; ++next) {
    ids.push_back(record_id{next->second});
    const auto [first, last] = waiters_.equal_range(next->second);
    for (auto each = first; each != last; ++each)
      each->second.next_look = now + options_.look_after;
  }
  return ids;
}

// Results are shared among all nodes, so another node may have applied the verdict that somebody
// waits for here.
void intake_state::look_at_records(time_point now) {
  if (looking_ || next_look_ > now)
    return;
  auto ids = take_turns(now);
  if (ids.empty())
    return;
  const auto asked = ids.size();
  looking_ = true;
  next_look_ = now + options_.look_after;
  self_->request(options_.finder, caf::infinite, find_atom_v, std::move(ids))
      .then([this, asked](found_records& found) { on_looked(asked, found); },
            [this](const caf::error&) { looking_ = false; });
}

// What was read in vain is followed by a pause that grows with it: a database that is behind with
// the verdicts is not kept from them. A look that finds what it asks for makes nobody wait: when it
// was as large as looks are, the next one is at once.
void intake_state::on_looked(std::size_t asked, found_records& found) {
  looking_ = false;
  const bool was_full = asked >= options_.look_max;
  if (auto* records = std::get_if<std::vector<transaction_record>>(&found.result)) {
    std::erase_if(*records, [](const auto& r) { return r.status == record_status::pending; });
    asked -= std::min(asked, records->size());
    on_settled(*records);
  } else {
    ++counters_.looks_failed;
  }
  const auto now = self_->clock().now();
  const auto pauses = static_cast<std::int64_t>(asked / reads_in_vain);
  if (pauses > 0 || !was_full) {
    next_look_ = std::max(next_look_, now + pauses * options_.look_after);
    return;
  }
  next_look_ = now;
  look_at_records(now);
}

progress_time intake_state::oldest(progress_time otherwise) const {
  auto result = publishing_.oldest(otherwise);
  for (const auto* each : {&forming_, &recording_})
    for (const auto& request : *each)
      result = std::min(result, request.since);
  return result;
}

actor_report intake_state::report(progress_time now) const {
  // What keeps it from recording comes before what it cannot send: it may be asked for that alone.
  standstill wait{answer_.since(now), "the database does not answer a batch"};
  if (wait.since < standstill_after)
    wait = longer(std::move(wait), trouble_.wait(now));
  if (wait.since < standstill_after)
    wait = longer(std::move(wait), publishing_.wait(now));
  return make_report(name, "",
                     intake_numbers{counters_,
                                    {.held = held(),
                                     .oldest_held_ms = milliseconds(now - oldest(now)),
                                     .credit = options_.submissions_max,
                                     .idle_ms = milliseconds(now - last_arrival_),
                                     .waiting = waiters_.size()}},
                     std::move(wait));
}

intake_actor::behavior_type intake_state::make_behavior(intake_options options) {
  course_ = {options.batch_max, std::chrono::milliseconds{1},
             std::chrono::milliseconds{1}}; // of its pauses no use is made
  options_ = std::move(options);
  publishing_ = outbox{{options_.requests, options_.retry_pause}};
  options_.requests->open(make_waker(intake_actor{self_}));
  last_arrival_ = self_->clock().now();
  self_->delayed_send(self_, options_.beat, tick_atom_v);
  return {
      [this](submit_atom, submit_request& request) { submit(request); },
      [this](settled_atom, const records_ptr& records) { on_settled(*records); },
      [this](wake_atom) { take_confirmations(); },
      [this](tick_atom) {
        const auto now = self_->clock().now();
        take_confirmations();
        publishing_.publish_due(now);
        expire(now);
        trouble_.upkeep(now);
        try_recording(now);
        end_waits(now);
        look_at_records(now);
        self_->delayed_send(self_, options_.beat, tick_atom_v);
      },
      [this](drain_atom, std::int64_t deadline_ms) {
        auto promise = drain_.begin(self_, deadline_ms);
        end_waits(time_point::max());
        finish_drain();
        return promise;
      },
      [this](report_atom) { return report(self_->clock().now()); },
  };
}

intake_actor::behavior_type intake(intake_actor::stateful_pointer<intake_state> self,
                                   intake_options options) {
  return self->state.make_behavior(std::move(options));
}

} // namespace ledgerd
