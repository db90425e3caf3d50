#include "actors/ledger/gate.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>

#include "actors/common/failpoint.hpp"
#include "actors/ledger/gate_batch.hpp"
#include "domain/assert.hpp"

namespace ledgerd {

namespace {

using gate_pointer = gate_actor::stateful_pointer<gate_state>;

constexpr bool main_lane = false, side_lane_turn = true;
constexpr auto held_up_after = std::chrono::seconds{1};
constexpr std::size_t refused_entries = 3; // the place of their log lines

// Collects answers so that each fetcher gets one message for a whole batch.
class answer_book {
public:
  void add(const origin& to, std::optional<answer>&& verdict, std::string&& failure = {}) {
    auto page = std::find_if(pages_.begin(), pages_.end(),
                             [&](const auto& p) { return p.first == to.asker; });
    if (page == pages_.end())
      page = pages_.insert(pages_.end(), {to.asker, {}});
    page->second.push_back({to.tag, std::move(verdict), std::move(failure)});
  }

  void send_all(gate_pointer self) {
    for (auto& [fetcher, answers] : pages_)
      self->send(fetcher, answer_atom_v, std::move(answers));
  }

private:
  std::vector<std::pair<answer_sink, std::vector<ticketed_answer>>> pages_;
};

std::int64_t milliseconds_since(gate_state::time_point then, gate_state::time_point now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - then).count();
}

// Whether to write a line of this kind now; if so, how many were left out since the last one.
std::optional<std::int64_t> may_log(gate_pointer self, std::size_t kind) {
  auto& log = self->state.logs[kind];
  const auto now = self->clock().now();
  if (now < log.next) {
    ++log.left_out;
    return std::nullopt;
  }
  log.next = now + std::chrono::seconds{1};
  return std::exchange(log.left_out, 0);
}

void tell_circuit(gate_pointer self, bool open) {
  auto& state = self->state;
  if (state.open == open)
    return;
  state.open = open;
  self->send(state.options.node, circuit_atom_v, state.options.index, open);
}

// The database answers, whatever it says.
void close_circuit(gate_pointer self) {
  self->state.answer.end();
  self->state.last_failure.clear();
  self->state.pauses.end();
  tell_circuit(self, false);
}

void answer_posted(gate_pointer self, gate_batch& batch, posted& result) {
  auto& state = self->state;
  LEDGERD_ASSERT(result.heads.size() == batch.ledgers.size());
  LEDGERD_ASSERT(result.answers.size() == batch.origins.size());
  state.counters.rows += result.statistics.rows;
  state.counters.fence_rejections += result.statistics.fence_rejections;
  state.counters.heads_read += result.statistics.heads_read;
  state.counters.raced += result.statistics.raced;
  ++state.counters.batches;
  for (std::size_t i = 0; i < result.heads.size(); ++i)
    if (batch.ledgers[i])
      self->send(batch.ledgers[i], head_atom_v, std::optional{result.heads[i]});
  answer_book book;
  for (std::size_t i = 0; i < result.answers.size(); ++i)
    book.add(batch.origins[i], std::move(result.answers[i]));
  book.send_all(self);
}

// The one entry of the batch is refused by the database itself: its fetcher decides what becomes of
// it.
void answer_rejected(gate_pointer self, const gate_batch& batch, const store_failure& failure) {
  if (const auto left_out = may_log(self, refused_entries))
    spdlog::warn("gate {}: the database refuses record {} ({} more such lines left out): {}",
                 self->state.options.index, to_int(batch.entries.front().asked.id), *left_out,
                 failure.detail);
  answer_book book;
  book.add(batch.origins.front(), std::nullopt, std::string{failure.detail});
  book.send_all(self);
  if (batch.ledgers.front())
    self->send(batch.ledgers.front(), head_atom_v, std::optional<account_head>{});
}

void set_aside(gate_pointer self, const account_key& account, trouble why,
               const std::string& detail) {
  auto& state = self->state;
  if (!state.side.set_aside(account, why, self->clock().now()))
    return;
  ++state.counters.set_aside;
  if (const auto left_out = may_log(self, static_cast<std::size_t>(why)))
    spdlog::warn("gate {}: the account {} {} is {} and set aside ({} more such lines left out): "
                 "its requests wait, all others go on: {}",
                 state.options.index, account.user_id, account.currency.text(), to_text(why),
                 *left_out, detail);
}

// An account that is held up may hold its share of the credit, one that flows as much as any other.
void tell_share(gate_pointer self, const ledger_actor& ledger, const gate_batch& part) {
  auto& state = self->state;
  const bool held_up = self->clock().now() - part.formed > held_up_after;
  const auto accounts = std::max<std::size_t>(1, state.side.accounts_waiting());
  self->send(ledger, hold_atom_v, held_up ? state.options.aside_max / accounts : hold_any);
}

void post_side_next(gate_pointer self);

void on_side_posted(gate_pointer self, gate_batch& batch, posted& result) {
  auto& state = self->state;
  const auto account = state.side.current();
  if (const auto& ledger = batch.ledgers.front())
    tell_share(self, ledger, batch);
  const auto returns =
      state.side.posted(result.heads.front(), std::chrono::microseconds{result.statistics.work_us},
                        self->clock().now());
  if (returns)
    spdlog::info("gate {}: the account {} {} is not set aside any more", state.options.index,
                 account.user_id, account.currency.text());
  answer_posted(self, batch, result);
}

void on_side_failure(gate_pointer self, gate_batch& batch, const store_failure& failure) {
  auto& state = self->state;
  const auto now = self->clock().now();
  const bool refused = failure.kind == store_failure_kind::rejected;
  state.counters.rejected += refused ? 1 : 0;
  state.counters.blocked += failure.kind == store_failure_kind::blocked ? 1 : 0;
  state.counters.in_doubt += failure.kind == store_failure_kind::in_doubt ? 1 : 0;
  state.counters.unavailable += failure.kind == store_failure_kind::unavailable ? 1 : 0;
  // A lock holds all of it up alike; a statement that took too long may be quicker for less.
  const bool too_much =
      refused || (failure.kind == store_failure_kind::blocked && failure.culprits.empty());
  if (too_much && batch.entries.size() > 1)
    return state.side.cut(now);
  if (!refused) {
    tell_share(self, state.side.current_ledger(), batch);
    return state.side.again(now);
  }
  state.side.refused(now);
  answer_rejected(self, batch, failure);
}

void remind_of_side(gate_pointer self) {
  auto& state = self->state;
  const auto due = state.side.next_due();
  if (!due || (state.side_reminder && *state.side_reminder <= *due))
    return;
  const auto now = self->clock().now();
  state.side_reminder = due;
  self->delayed_send(self, *due > now ? *due - now : caf::actor_clock::duration_type{0},
                     retry_atom_v, side_lane_turn);
}

void post_side_next(gate_pointer self) {
  auto& state = self->state;
  if (state.side_under_way)
    return;
  state.side_under_way = state.side.take(self->clock().now());
  if (!state.side_under_way)
    return remind_of_side(self);
  self->request(state.options.side_poster, caf::infinite, post_atom_v, state.side_under_way)
      .then(
          [self](posted_batch& answered) {
            const auto batch = std::exchange(self->state.side_under_way, nullptr);
            if (const auto* failure = std::get_if<store_failure>(&answered.result))
              on_side_failure(self, *batch, *failure);
            else
              on_side_posted(self, *batch, std::get<posted>(answered.result));
            post_side_next(self);
          },
          [self](caf::error& reason) { self->quit(std::move(reason)); });
}

void try_again_later(gate_pointer self, const store_failure& failure) {
  auto& state = self->state;
  const auto pause = jittered(state.pauses.grow(), state.random);
  state.last_failure = failure.detail;
  spdlog::warn("gate {}: {}; next attempt in {} ms: {}", state.options.index,
               failure.kind == store_failure_kind::in_doubt ? "commit in doubt"
                                                            : "database unavailable",
               pause.count(), failure.detail);
  tell_circuit(self, true);
  self->delayed_send(self, pause, retry_atom_v, main_lane);
}

void post_under_way(gate_pointer self);

void post_next(gate_pointer self) {
  auto& state = self->state;
  if (state.under_way || state.queue.empty())
    return;
  const auto& front = *state.queue.front();
  const bool full =
      front.entries.size() >= state.options.batch_max || front.search != culprit_search::none;
  if (!full && !state.posts.may_begin(self))
    return;
  state.posts.begun(self->clock().now(), state.options.post_pause);
  state.under_way = std::move(state.queue.front());
  state.queue.pop_front();
  if (state.under_way->entries.size() > state.limits.window() && state.under_way->heads.size() > 1)
    state.split_under_way(state.limits.window());
  if (state.looking && state.under_way->heads.size() > 1
      && state.under_way->search == culprit_search::none)
    state.under_way->search = culprit_search::one_by_one;
  post_under_way(self);
}

// The accounts at fault are known: they go to the side lane, all others are posted again.
void set_culprits_aside(gate_pointer self, const store_failure& failure) {
  auto& state = self->state;
  const auto why =
      failure.kind == store_failure_kind::rejected ? trouble::refused : trouble::blocked;
  for (auto& group : take_out(*state.under_way, failure.culprits)) {
    set_aside(self, group.account, why, failure.detail);
    state.side.add(std::move(group), self->clock().now());
  }
  state.under_way->search = culprit_search::none;
  if (const auto rest = std::exchange(state.under_way, nullptr); !rest->heads.empty())
    state.queue.push_front(rest);
  post_side_next(self);
}

void try_again_now(gate_pointer self, culprit_search how) {
  self->state.under_way->search = how;
  post_under_way(self);
}

// Nothing was written, and the database answers: the cause is one of the accounts, or all of them
// are slow.
void search_culprit(gate_pointer self, store_failure failure) {
  auto& state = self->state;
  auto& batch = *state.under_way;
  const bool blocked = failure.kind == store_failure_kind::blocked;
  if (batch.heads.size() == 1)
    failure.culprits = {0};
  if (blocked && state.limits.waits_longer(failure.culprits.size(), batch.heads.size()))
    return try_again_now(self, batch.search);
  const bool blamed =
      blocked && batch.heads.size() > 1 && batch.search == culprit_search::one_by_one;
  if (!failure.culprits.empty() && (!blamed || state.limits.believes_blame())) {
    set_culprits_aside(self, failure);
  } else if (batch.search == culprit_search::none) {
    return try_again_now(self, culprit_search::one_by_one);
  } else {
    if (blocked)
      state.limits.timed_out(batch.entries.size(), failure.managed);
    batch.search = culprit_search::halving;
    state.split_under_way(blocked ? state.limits.window() : batch.entries.size() / 2);
    state.queue.push_front(std::exchange(state.under_way, nullptr));
  }
  post_next(self);
}

void on_failure(gate_pointer self, const store_failure& failure) {
  auto& state = self->state;
  switch (failure.kind) {
  case store_failure_kind::unavailable:
    ++state.counters.unavailable;
    return try_again_later(self, failure);
  case store_failure_kind::in_doubt:
    ++state.counters.in_doubt;
    return try_again_later(self, failure);
  case store_failure_kind::rejected:
    ++state.counters.rejected;
    close_circuit(self);
    return search_culprit(self, failure);
  case store_failure_kind::blocked:
    ++state.counters.blocked;
    close_circuit(self);
    return search_culprit(self, failure);
  }
}

void on_posted(gate_pointer self, posted& result) {
  auto& state = self->state;
  close_circuit(self);
  const auto batch = std::exchange(state.under_way, nullptr);
  const auto now = self->clock().now();
  const std::chrono::microseconds work{result.statistics.work_us};
  state.limits.succeeded(batch->entries.size(), work);
  if (batch->search == culprit_search::one_by_one) {
    for (const auto place : result.slow)
      set_aside(self, batch->heads[place].account, trouble::slow,
                "it took far longer than the others of its batch");
    state.watch.looked(now, !result.slow.empty(), work);
    state.looking = false;
  } else {
    state.looking = state.watch.observe(now, batch->entries.size(), work);
  }
  answer_posted(self, *batch, result);
  post_next(self);
}

void post_under_way(gate_pointer self) {
  failpoint("gate");
  auto& state = self->state;
  state.answer.begin(self->clock().now());
  state.under_way->limits = state.limits.next();
  state.under_way->limits.one_by_one = state.under_way->search == culprit_search::one_by_one;
  self->request(state.options.poster, caf::infinite, post_atom_v, state.under_way)
      .then(
          [self](posted_batch& answered) {
            self->state.counters.commit.record(answered.microseconds);
            if (const auto* failure = std::get_if<store_failure>(&answered.result))
              on_failure(self, *failure);
            else
              on_posted(self, std::get<posted>(answered.result));
          },
          // The poster is gone: only at shutdown, when nothing needs an answer any more.
          [self](caf::error& reason) { self->quit(std::move(reason)); });
}

void on_group(gate_pointer self, ledger_group&& next) {
  auto& state = self->state;
  if (state.side.holds(next.account)) {
    state.side.add(std::move(next), self->clock().now());
    post_side_next(self);
  } else {
    state.enqueue(std::move(next), self->clock().now());
    post_next(self);
  }
}

void on_side_turn(gate_pointer self) {
  self->state.side_reminder.reset();
  post_side_next(self);
}

actor_report give_report(gate_pointer self) {
  const auto now = self->clock().now();
  for (const auto& ledger : self->state.side.forget_quiet(now))
    self->send(ledger, hold_atom_v, hold_any);
  return self->state.report(now);
}

} // namespace

void gate_state::enqueue(ledger_group&& next, time_point now) {
  const auto size = next.entries.size();
  if (queue.empty() || queue.back()->entries.size() + size > limits.window()
      || queue.back()->search != culprit_search::none) {
    queue.push_back(std::make_shared<gate_batch>());
    queue.back()->formed = now;
  }
  add_group(*queue.back(), std::move(next));
}

void gate_state::split_under_way(std::size_t entries_max) {
  auto front = split_off(*under_way, entries_max);
  queue.push_front(std::exchange(under_way, std::move(front)));
}

actor_report gate_state::report(time_point now) const {
  std::size_t waiting = 0;
  for (const auto& batch : queue)
    waiting += batch->entries.size();
  const auto& oldest = under_way || queue.empty() ? under_way : queue.front();
  return make_report(
      name, std::to_string(options.index),
      gate_numbers{
          counters,
          {.circuit_open = open,
           .waiting = waiting,
           .under_way = under_way ? under_way->entries.size() : 0,
           .oldest_waiting_ms = oldest ? milliseconds_since(oldest->formed, now) : 0,
           .aside_accounts = side.accounts(),
           .aside_waiting = side.entries_waiting(),
           .aside_oldest_ms = side.oldest() ? milliseconds_since(*side.oldest(), now) : 0}},
      {answer.since(now), last_failure.empty() ? "the database does not answer a batch"
                                               : "a batch waits: " + last_failure});
}

gate_actor::behavior_type gate(gate_actor::stateful_pointer<gate_state> self,
                               gate_options options) {
  auto& state = self->state;
  state.options = std::move(options);
  state.random.seed(state.options.index + 1);
  state.pauses = {state.options.pause_min, state.options.pause_max};
  state.limits = lane_limits{state.options.batch_max};
  state.side = side_lane{{.entries_max = state.options.batch_max}, state.options.index + 1};
  return {
      [=](post_atom, ledger_group& next) { on_group(self, std::move(next)); },
      [=](turn_atom) {
        self->state.posts.reminded();
        post_next(self);
      },
      [=](retry_atom, bool side) {
        if (side)
          on_side_turn(self);
        else if (self->state.under_way)
          post_under_way(self);
      },
      [=](report_atom) { return give_report(self); },
  };
}

} // namespace ledgerd
