#include "actors/ledger/gate.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "actors/common/log.hpp"
#include "actors/ledger/answer_book.hpp"
#include "actors/ledger/gate_batch.hpp"
#include "domain/assert.hpp"
#include "domain/failpoint.hpp"
#include "domain/log_throttle.hpp"

namespace ledgerd {

namespace {

constexpr bool main_lane = false;
constexpr std::size_t refused_entries = 3; // the place of their log lines

std::int64_t milliseconds_since(caf::actor_clock::time_point then,
                                caf::actor_clock::time_point now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - then).count();
}

} // namespace

// Whether to write a line of this kind now; if so, how many were left out since the last one.
std::optional<std::uint64_t> gate_state::may_log(std::size_t kind) {
  auto& log = logs_[kind];
  const auto now = self_->clock().now();
  if (now < log.next) {
    ++log.left_out;
    return std::nullopt;
  }
  log.next = now + std::chrono::seconds{1};
  return std::exchange(log.left_out, 0);
}

void gate_state::tell_circuit(bool open) {
  if (open_ == open)
    return;
  open_ = open;
  self_->send(options_.node, circuit_atom_v, options_.index, open);
}

// The database answers, whatever it says.
void gate_state::close_circuit() {
  answer_.end();
  side_session_.end();
  last_failure_.clear();
  refused_ = false;
  pauses_.end();
  tell_circuit(false);
}

void gate_state::answer_posted(gate_batch& batch, posted& result) {
  failpoint("answer");
  LEDGERD_ASSERT(result.heads.size() == batch.ledgers.size());
  LEDGERD_ASSERT(result.answers.size() == batch.origins.size());
  counters_.rows += result.statistics.rows;
  if (result.statistics.rows > 0)
    spell_.posted();
  counters_.fence_rejections += result.statistics.fence_rejections;
  note_lost(result.statistics.heads_lost);
  counters_.heads_read += result.statistics.heads_read;
  counters_.raced += result.statistics.raced;
  ++counters_.batches;
  for (std::size_t i = 0; i < result.heads.size(); ++i)
    if (batch.ledgers[i])
      self_->send(batch.ledgers[i], head_atom_v, std::optional{result.heads[i]});
  answer_book book;
  for (std::size_t i = 0; i < result.answers.size(); ++i)
    book.add(batch.origins[i], std::move(result.answers[i]));
  book.send_all(self_);
}

// A head comes from a commit that was answered: the database was set back, another one has taken
// its place, or somebody has changed a balance by hand. Which of them is the audit's to find.
void gate_state::note_lost(std::uint32_t heads) {
  counters_.heads_lost += heads;
  if (heads > 0)
    log(log_event::commits_lost, {{"gate", options_.index}, {"accounts", heads}},
        "gate {}: the database lacks the last posting that it has committed for {} accounts, or "
        "holds another balance under its number: was it restored, another one promoted, or a "
        "balance changed by hand? Run ledgerd audit",
        options_.index, heads);
}

// The one entry of the batch is refused by the database itself: its fetcher decides what becomes of
// it.
void gate_state::answer_rejected(const gate_batch& batch, const store_failure& failure) {
  if (const auto left_out = may_log(refused_entries))
    log(log_event::entry_failed,
        {{"gate", options_.index},
         {"recordId", to_int(batch.entries.front().asked.id)},
         {"why", failure.detail}},
        "gate {}: the database refuses record {}{}: {}", options_.index,
        to_int(batch.entries.front().asked.id), left_out_text(*left_out), failure.detail);
  answer_book book;
  book.add(batch.origins.front(), std::nullopt, std::string{failure.detail});
  book.send_all(self_);
  if (batch.ledgers.front())
    self_->send(batch.ledgers.front(), head_atom_v, std::optional<account_head>{});
}

void gate_state::set_aside(const account_key& account, trouble why, const std::string& detail) {
  if (!side_.set_aside(account, why, self_->clock().now()))
    return;
  ++counters_.set_aside;
  if (const auto left_out = may_log(static_cast<std::size_t>(why)))
    log(log_event::account_set_aside,
        {{"gate", options_.index},
         {"userId", account.user_id},
         {"currency", account.currency.text()},
         {"why", detail}},
        "gate {}: the account {} {} is {} and set aside{}: "
        "its requests wait beside those of the others: {}",
        options_.index, account.user_id, account.currency.text(), to_text(why),
        left_out_text(*left_out), detail);
}

void gate_state::note_beginning(const gate_batch& batch) {
  counters_.posted.record(batch.entries.size());
  counters_.gate_wait.record(
      std::chrono::duration_cast<std::chrono::microseconds>(self_->clock().now() - batch.formed)
          .count());
}

void gate_state::log_failure(const store_failure& failure, std::chrono::milliseconds pause) {
  const bool in_doubt = failure.kind == store_failure_kind::in_doubt;
  log(in_doubt ? log_event::commit_in_doubt : log_event::database_unavailable,
      {{"gate", options_.index}, {"pauseMs", pause.count()}, {"why", failure.detail}},
      "gate {}: {}; next attempt in {} ms: {}", options_.index,
      in_doubt ? "commit in doubt" : "database unavailable", pause.count(), failure.detail);
}

void gate_state::try_again_later(const store_failure& failure) {
  const auto pause = jittered(pauses_.grow(), random_);
  last_failure_ = failure.detail;
  refused_ = failure.refused;
  log_failure(failure, pause);
  tell_circuit(true);
  self_->delayed_send(self_, pause, retry_atom_v, main_lane);
}

void gate_state::post_next() {
  if (under_way_ || queue_.empty())
    return;
  const auto& front = *queue_.front();
  const bool full =
      front.entries.size() >= options_.batch_max || front.search != culprit_search::none;
  if (!full && !posts_.may_begin(self_))
    return;
  posts_.begun(self_->clock().now(), options_.post_pause);
  under_way_ = std::move(queue_.front());
  queue_.pop_front();
  if (under_way_->entries.size() > limits_.window() && under_way_->heads.size() > 1)
    split_under_way(limits_.window());
  if (looking_ && under_way_->heads.size() > 1 && under_way_->search == culprit_search::none)
    under_way_->search = culprit_search::one_by_one;
  note_beginning(*under_way_);
  post_under_way();
}

// The accounts at fault are known: they go to the side lane, all others are posted again.
void gate_state::set_culprits_aside(const store_failure& failure) {
  const auto why =
      failure.kind == store_failure_kind::rejected ? trouble::refused : trouble::blocked;
  for (auto& group : take_out(*under_way_, failure.culprits)) {
    spell_.failed(group.account, failure.detail, self_->clock().now());
    set_aside(group.account, why, failure.detail);
    side_.add(std::move(group), self_->clock().now());
  }
  under_way_->search = culprit_search::none;
  if (const auto rest = std::exchange(under_way_, nullptr); !rest->heads.empty())
    queue_.push_front(rest);
  post_side_next();
}

void gate_state::try_again_now(culprit_search how) {
  under_way_->search = how;
  post_under_way();
}

// Nothing was written, and the database answers: the cause is one of the accounts, or all of them
// are slow.
void gate_state::search_culprit(store_failure failure) {
  auto& batch = *under_way_;
  const bool blocked = failure.kind == store_failure_kind::blocked;
  if (batch.heads.size() == 1)
    failure.culprits = {0};
  if (blocked && limits_.waits_longer(failure.culprits.size(), batch.heads.size()))
    return try_again_now(batch.search);
  const bool blamed =
      blocked && batch.heads.size() > 1 && batch.search == culprit_search::one_by_one;
  if (!failure.culprits.empty() && (!blamed || limits_.believes_blame())) {
    set_culprits_aside(failure);
  } else if (batch.search == culprit_search::none) {
    return try_again_now(culprit_search::one_by_one);
  } else {
    if (blocked)
      limits_.timed_out(batch.entries.size(), failure.managed);
    batch.search = culprit_search::halving;
    split_under_way(blocked ? limits_.window() : batch.entries.size() / 2);
    queue_.push_front(std::exchange(under_way_, nullptr));
  }
  post_next();
}

void gate_state::on_failure(const store_failure& failure) {
  switch (failure.kind) {
  case store_failure_kind::unavailable:
    ++counters_.unavailable;
    return try_again_later(failure);
  case store_failure_kind::in_doubt:
    ++counters_.in_doubt;
    return try_again_later(failure);
  case store_failure_kind::rejected:
    ++counters_.rejected;
    close_circuit();
    return search_culprit(failure);
  case store_failure_kind::blocked:
    ++counters_.blocked;
    close_circuit();
    return search_culprit(failure);
  }
}

void gate_state::on_posted(posted& result) {
  close_circuit();
  const auto batch = std::exchange(under_way_, nullptr);
  const auto now = self_->clock().now();
  const std::chrono::microseconds work{result.statistics.work_us};
  limits_.succeeded(batch->entries.size(), work);
  if (batch->search == culprit_search::one_by_one) {
    for (const auto place : result.slow)
      set_aside(batch->heads[place].account, trouble::slow,
                "it took far longer than the others of its batch");
    watch_.looked(now, !result.slow.empty(), work);
    looking_ = false;
  } else {
    looking_ = watch_.observe(now, batch->entries.size(), work);
  }
  post_next(); // first, so that the database works while the answers are given
  answer_posted(*batch, result);
}

void gate_state::post_under_way() {
  failpoint("gate");
  answer_.begin(self_->clock().now());
  under_way_->limits = limits_.next();
  under_way_->limits.one_by_one = under_way_->search == culprit_search::one_by_one;
  self_->request(options_.poster, caf::infinite, post_atom_v, under_way_)
      .then(
          [this](posted_batch& answered) {
            counters_.commit.record(answered.microseconds);
            if (const auto* failure = std::get_if<store_failure>(&answered.result))
              on_failure(*failure);
            else
              on_posted(std::get<posted>(answered.result));
          },
          // The poster is gone: only at shutdown, when nothing needs an answer any more.
          [this](caf::error& reason) { self_->quit(std::move(reason)); });
}

void gate_state::on_group(ledger_group&& next) {
  if (side_.holds(next.account)) {
    side_.add(std::move(next), self_->clock().now());
    post_side_next();
  } else {
    enqueue(std::move(next), self_->clock().now());
    post_next();
  }
}

actor_report gate_state::give_report() {
  const auto now = self_->clock().now();
  for (const auto& ledger : side_.forget_quiet(now))
    self_->send(ledger, hold_atom_v, hold_any);
  return report(now);
}

void gate_state::enqueue(ledger_group&& next, time_point now) {
  const auto size = next.entries.size();
  if (queue_.empty() || queue_.back()->entries.size() + size > limits_.window()
      || queue_.back()->search != culprit_search::none) {
    queue_.push_back(std::make_shared<gate_batch>());
    queue_.back()->formed = now;
  }
  add_group(*queue_.back(), std::move(next));
}

void gate_state::split_under_way(std::size_t entries_max) {
  auto front = split_off(*under_way_, entries_max);
  queue_.push_front(std::exchange(under_way_, std::move(front)));
}

std::vector<noted_account> gate_state::waiting_accounts(time_point now,
                                                        const account_key* only) const {
  longest_waits waits{now};
  const auto add = [&](const account_key& account, std::size_t entries, auto since, auto why) {
    if (only == nullptr || *only == account)
      waits.add(account, entries, since, why);
  };
  const auto add_batch = [&](const gate_batch& batch) {
    if (!waits.is_long(batch.formed))
      return;
    std::vector<std::size_t> entries(batch.heads.size());
    for (const auto& each : batch.entries)
      ++entries[each.head];
    for (std::size_t i = 0; i < entries.size(); ++i)
      add(batch.heads[i].account, entries[i], batch.formed, open_ ? "database" : "commit");
  };
  if (under_way_)
    add_batch(*under_way_);
  for (const auto& batch : queue_)
    add_batch(*batch);
  side_.for_each_waiting([&](const auto& account, std::size_t entries, auto since, trouble why) {
    add(account, entries, since, side_session_.since(now).count() > 0 ? "database" : to_text(why));
  });
  return waits.take();
}

standstill gate_state::wait(time_point now) const {
  standstill main{.since = answer_.since(now),
                  .what = last_failure_.empty() ? "the database does not answer a batch"
                                                : "a batch waits: " + last_failure_,
                  .refused = refused_};
  auto posts = longer(std::move(main), {.since = side_session_.since(now),
                                        .what = "what is set aside waits: " + side_failure_.detail,
                                        .refused = side_failure_.refused});
  return posts.since >= standstill_after
             ? posts
             : longer(std::move(posts), spell_.wait(now, "nothing is posted"));
}

actor_report gate_state::report(time_point now) const {
  std::size_t waiting = 0;
  for (const auto& batch : queue_)
    waiting += batch->entries.size();
  const auto& oldest = under_way_ || queue_.empty() ? under_way_ : queue_.front();
  auto result = make_report(
      name, std::to_string(options_.index),
      gate_numbers{
          counters_,
          {.circuit_open = open_,
           .waiting = waiting,
           .under_way = under_way_ ? under_way_->entries.size() : 0,
           .oldest_waiting_ms = oldest ? milliseconds_since(oldest->formed, now) : 0,
           .aside_accounts = side_.accounts(),
           .aside_waiting = side_.entries_waiting(),
           .aside_oldest_ms = side_.oldest() ? milliseconds_since(*side_.oldest(), now) : 0}},
      wait(now));
  result.accounts = waiting_accounts(now, nullptr);
  return result;
}

gate_actor::behavior_type gate_state::make_behavior(gate_options options) {
  options_ = std::move(options);
  random_.seed(options_.index + 1);
  pauses_ = {options_.pause_min, options_.pause_max};
  limits_ = lane_limits{options_.batch_max};
  side_ = side_lane{{.entries_max = options_.batch_max}, options_.index + 1};
  return {
      [this](post_atom, ledger_group& next) { on_group(std::move(next)); },
      [this](turn_atom) {
        posts_.reminded();
        post_next();
      },
      [this](retry_atom, bool side) {
        if (side)
          on_side_turn();
        else if (under_way_)
          post_under_way();
      },
      [this](report_atom) { return give_report(); },
      [this](held_atom, const account_key& account) {
        return waiting_accounts(self_->clock().now(), &account);
      },
  };
}

gate_actor::behavior_type gate(gate_actor::stateful_pointer<gate_state> self,
                               gate_options options) {
  return self->state.make_behavior(std::move(options));
}

} // namespace ledgerd
