#include "actors/submissions/intake.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <spdlog/spdlog.h>

#include "actors/common/failpoint.hpp"
#include "actors/common/waker.hpp"
#include "domain/assert.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

using intake_pointer = intake_actor::stateful_pointer<intake_state>;
using time_point = intake_state::time_point;

void record_next_batch(intake_pointer self);

void tell(submit_request& request, const submit_answer& what) {
  // A request whose deadline has passed while it was being recorded has had its answer.
  if (const auto answer = std::exchange(request.answer, nullptr))
    answer(what);
}

void refuse(intake_state& state, submit_request& request, const std::string& why) {
  state.counters.unavailable += request.answer ? 1 : 0;
  tell(request, {submit_outcome::unavailable, {}, why});
}

// What nobody waits for any more is not recorded; what is on its way to the database may be.
void expire(intake_state& state, time_point now) {
  const auto is_over = [&](submit_request& request, const char* why) {
    if (request.deadline > now || !request.answer)
      return request.deadline <= now;
    ++state.counters.expired;
    refuse(state, request, why);
    return true;
  };
  std::erase_if(state.forming, [&](submit_request& request) {
    return is_over(request, "the database is too slow: nothing was recorded");
  });
  for (auto& request : state.recording)
    is_over(request, "the database does not answer: the request may be recorded; repeat it with "
                     "the same Idempotency-Key");
}

void publish(intake_pointer self, const transaction_record& record) {
  auto& state = self->state;
  const auto exponent = state.options.currencies->exponent(record.asked.account.currency);
  LEDGERD_ASSERT(exponent.has_value());
  const auto token = static_cast<std::uint64_t>(to_int(record.id));
  state.publishing.put(make_request(token, record, *exponent, 0), give_up::never,
                       self->clock().now());
}

// Answers now, or lets the answer wait for the verdict.
void answer(intake_pointer self, submit_request& request, submit_outcome outcome,
            transaction_record&& record) {
  auto& state = self->state;
  const auto now = self->clock().now();
  const bool waits = request.answer && request.wait_until > now
                     && record.status == record_status::pending && !state.drain.under_way()
                     && state.waiters.size() < state.options.waiters_max;
  if (!waits)
    return tell(request, {outcome, std::move(record), {}});
  const auto id = to_int(record.id);
  state.waiters.emplace(id, intake_state::waiter{outcome, std::move(record), now,
                                                 request.wait_until, std::move(request.answer)});
}

void take_recorded(intake_pointer self, submit_request& request, recorded& got) {
  auto& state = self->state;
  switch (got.outcome) {
  case record_outcome::recorded:
    ++state.counters.accepted;
    publish(self, got.record);
    return answer(self, request, submit_outcome::accepted, std::move(got.record));
  case record_outcome::repeated:
    ++state.counters.repeated;
    return answer(self, request, submit_outcome::repeated, std::move(got.record));
  case record_outcome::conflict:
    ++state.counters.conflict;
    return tell(request, {submit_outcome::conflict, std::move(got.record), {}});
  }
}

void finish_drain(intake_pointer self) {
  auto& state = self->state;
  if (!state.drain.is_over(self->clock().now(), state.held()))
    return;
  state.drain.count_handed_back(state.publishing.size()); // to the redriver of whatever node
  state.drain.finish();
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

// Callers wait for their answer, so nothing is tried again but what stood beside a refused request.
void on_failure(intake_state& state, std::vector<submit_request>&& requests,
                const store_failure& failure) {
  if (state.course.failed(failure.kind, requests.size()) == batch_step::split) {
    state.forming.insert(state.forming.begin(), std::make_move_iterator(requests.begin()),
                         std::make_move_iterator(requests.end()));
    return;
  }
  if (state.failing++ % 1000 == 0)
    spdlog::warn("intake: {} submissions not recorded ({} batches so far): {}", requests.size(),
                 state.failing, failure.detail);
  for (auto& request : requests)
    refuse(state, request, std::string{why_not_recorded(failure.kind)});
}

void on_recorded(intake_pointer self, recorded_batch& done) {
  auto& state = self->state;
  state.answer.end();
  auto requests = std::exchange(state.recording, {});
  ++state.counters.batches;
  if (auto* records = std::get_if<std::vector<recorded>>(&done.result)) {
    LEDGERD_ASSERT(records->size() == requests.size());
    state.course.succeeded();
    if (const auto failed = std::exchange(state.failing, 0); failed > 0)
      spdlog::info("intake: records again, after {} batches that failed", failed);
    for (std::size_t i = 0; i < requests.size(); ++i)
      take_recorded(self, requests[i], (*records)[i]);
  } else {
    on_failure(state, std::move(requests), std::get<store_failure>(done.result));
  }
  record_next_batch(self);
  finish_drain(self);
}

void record_next_batch(intake_pointer self) {
  auto& state = self->state;
  if (!state.recording.empty())
    return;
  expire(state, self->clock().now());
  if (state.forming.empty())
    return;
  failpoint("intake");
  state.answer.begin(self->clock().now());
  const auto size = state.course.next(state.forming.size());
  const auto end = state.forming.begin() + static_cast<std::ptrdiff_t>(size);
  state.recording.assign(std::make_move_iterator(state.forming.begin()),
                         std::make_move_iterator(end));
  state.forming.erase(state.forming.begin(), end);
  auto batch = std::make_shared<std::vector<new_record>>();
  batch->reserve(size);
  for (auto& request : state.recording)
    batch->push_back(request.asked);
  self->request(state.options.recorder, caf::infinite, record_atom_v, new_records_ptr{batch})
      .then(
          [self](recorded_batch& done) { on_recorded(self, done); },
          [self](const caf::error&) {
            recorded_batch gone{store_failure{store_failure_kind::in_doubt, "the recorder ended"}};
            on_recorded(self, gone);
          });
}

void submit(intake_pointer self, submit_request& request) {
  auto& state = self->state;
  if (state.drain.under_way())
    return refuse(state, request, "the node is shutting down");
  if (state.held() >= state.options.submissions_max)
    return refuse(state, request, "too many requests wait for the database or the broker");
  state.forming.push_back(std::move(request));
  record_next_batch(self);
}

void take_confirmations(intake_pointer self) {
  auto& state = self->state;
  const auto note = [&state](const confirmation& got, outbox::fate what, const auto&) {
    if (what == outbox::fate::stored)
      return state.drain.count_settled();
    if (state.counters.unconfirmed++ % 1000 == 0)
      spdlog::warn("intake: not confirmed, publishing again ({} so far): {}",
                   state.counters.unconfirmed, got.error);
  };
  state.publishing.take(self->clock().now(), note);
  finish_drain(self);
}

void on_settled(intake_pointer self, const std::vector<transaction_record>& records) {
  auto& state = self->state;
  if (state.waiters.empty())
    return;
  const auto now = self->clock().now();
  for (const auto& record : records) {
    const auto [begin, end] = state.waiters.equal_range(to_int(record.id));
    for (auto each = begin; each != end; ++each) {
      const auto took = now - each->second.since;
      state.counters.verdict_wait.record(
          std::chrono::duration_cast<std::chrono::microseconds>(took).count());
      each->second.answer({each->second.outcome, record, {}});
    }
    state.waiters.erase(begin, end);
  }
}

void end_waits(intake_pointer self, time_point now) {
  std::erase_if(self->state.waiters, [now](auto& each) {
    if (each.second.until > now)
      return false;
    each.second.answer({each.second.outcome, std::move(each.second.record), {}});
    return true;
  });
}

// Results are shared among all nodes, so another node may have applied the verdict that somebody
// waits for here.
void look_at_records(intake_pointer self, time_point now) {
  auto& state = self->state;
  if (state.looking || state.next_look > now)
    return;
  std::vector<record_id> ids;
  for (const auto& [id, each] : state.waiters)
    if (each.since + state.options.look_after <= now)
      ids.push_back(record_id{id});
  if (ids.empty())
    return;
  state.looking = true;
  state.next_look = now + state.options.look_after;
  self->request(state.options.finder, caf::infinite, find_atom_v, std::move(ids))
      .then(
          [self](found_records& found) {
            self->state.looking = false;
            auto* records = std::get_if<std::vector<transaction_record>>(&found.result);
            if (records == nullptr)
              return;
            std::erase_if(*records,
                          [](const auto& r) { return r.status == record_status::pending; });
            on_settled(self, *records);
          },
          [self](const caf::error&) { self->state.looking = false; });
}

} // namespace

actor_report intake_state::report(progress_time now) const {
  return make_report(name, "",
                     intake_numbers{counters, {.held = held(), .waiting = waiters.size()}},
                     longer({answer.since(now), "the database does not answer a batch"},
                            {publishing.waiting(now), "no PubAck"}));
}

intake_actor::behavior_type intake(intake_actor::stateful_pointer<intake_state> self,
                                   intake_options options) {
  self->state.course = {options.batch_max, std::chrono::milliseconds{1},
                        std::chrono::milliseconds{1}}; // of its pauses no use is made
  self->state.options = std::move(options);
  self->state.publishing = outbox{{self->state.options.requests, self->state.options.retry_pause}};
  self->state.options.requests->open(make_waker(intake_actor{self}));
  self->delayed_send(self, self->state.options.beat, tick_atom_v);
  return {
      [=](submit_atom, submit_request& request) { submit(self, request); },
      [=](settled_atom, const records_ptr& records) { on_settled(self, *records); },
      [=](wake_atom) { take_confirmations(self); },
      [=](tick_atom) {
        const auto now = self->clock().now();
        take_confirmations(self);
        self->state.publishing.publish_due(now);
        expire(self->state, now);
        end_waits(self, now);
        look_at_records(self, now);
        self->delayed_send(self, self->state.options.beat, tick_atom_v);
      },
      [=](drain_atom, std::int64_t deadline_ms) {
        auto& state = self->state;
        auto promise = state.drain.begin(self, deadline_ms);
        end_waits(self, time_point::max());
        finish_drain(self);
        return promise;
      },
      [=](report_atom) { return self->state.report(self->clock().now()); },
  };
}

} // namespace ledgerd
