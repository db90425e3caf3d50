#include "actors/gate.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <spdlog/spdlog.h>

#include "actors/failpoint.hpp"
#include "domain/assert.hpp"

namespace ledgerd {

namespace {

using gate_pointer = gate_actor::stateful_pointer<gate_state>;

void add_group(gate_batch& batch, const ledger_actor& ledger, posting_group&& group,
               std::vector<origin>&& origins) {
  batch.entries += group.entries.size();
  batch.groups.push_back(std::move(group));
  batch.ledgers.push_back(ledger);
  batch.origins.push_back(std::move(origins));
}

// Collects answers so that each fetcher gets one message for a whole batch.
class answer_book {
public:
  void add(const origin& to, std::optional<answer>&& verdict, std::string&& failure = {}) {
    auto page = std::find_if(pages_.begin(), pages_.end(),
                             [&](const auto& p) { return p.first == to.fetcher; });
    if (page == pages_.end())
      page = pages_.insert(pages_.end(), {to.fetcher, {}});
    page->second.push_back({to.tag, std::move(verdict), std::move(failure)});
  }

  void send_all(gate_pointer self) {
    for (auto& [fetcher, answers] : pages_)
      self->send(fetcher, answer_atom_v, std::move(answers));
  }

private:
  std::vector<std::pair<fetcher_actor, std::vector<ticketed_answer>>> pages_;
};

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
  self->state.pause = std::chrono::milliseconds{0};
  tell_circuit(self, false);
}

void answer_posted(gate_pointer self, posted&& result) {
  auto& state = self->state;
  const auto batch = std::exchange(state.under_way, nullptr);
  LEDGERD_ASSERT(result.groups.size() == batch->groups.size());
  state.rows += result.statistics.rows;
  state.fence_rejections += result.statistics.fence_rejections;
  state.heads_read += result.statistics.heads_read;
  state.raced += result.statistics.raced;
  ++state.batches;
  answer_book book;
  for (std::size_t g = 0; g < batch->groups.size(); ++g) {
    auto& answered = result.groups[g];
    LEDGERD_ASSERT(answered.answers.size() == batch->origins[g].size());
    for (std::size_t e = 0; e < answered.answers.size(); ++e)
      book.add(batch->origins[g][e], std::move(answered.answers[e]));
    if (batch->ledgers[g])
      self->send(batch->ledgers[g], head_atom_v, std::optional{answered.head});
  }
  book.send_all(self);
}

// The one entry of the batch is refused by the database itself: its fetcher decides what becomes of
// it.
void answer_rejected(gate_pointer self, const store_failure& failure) {
  const auto batch = std::exchange(self->state.under_way, nullptr);
  spdlog::warn("gate {}: the database refuses record {}: {}", self->state.options.index,
               to_int(batch->groups.front().entries.front().id), failure.detail);
  answer_book book;
  book.add(batch->origins.front().front(), std::nullopt, std::string{failure.detail});
  book.send_all(self);
  if (batch->ledgers.front())
    self->send(batch->ledgers.front(), head_atom_v, std::optional<account_head>{});
}

void try_again_later(gate_pointer self, const store_failure& failure) {
  auto& state = self->state;
  const auto pause = state.next_pause();
  state.last_failure = failure.detail;
  spdlog::warn("gate {}: {}; next attempt in {} ms: {}", state.options.index,
               failure.kind == store_failure_kind::in_doubt ? "commit in doubt"
                                                            : "database unavailable",
               pause.count(), failure.detail);
  tell_circuit(self, true);
  self->delayed_send(self, pause, retry_atom_v);
}

void post_under_way(gate_pointer self);

void post_next(gate_pointer self) {
  auto& state = self->state;
  if (state.under_way || state.queue.empty())
    return;
  const bool full = state.queue.front()->entries >= state.options.batch_max;
  if (!full && !state.posts.may_begin(self))
    return;
  state.posts.begun(self->clock().now(), state.options.post_pause);
  state.under_way = std::move(state.queue.front());
  state.queue.pop_front();
  post_under_way(self);
}

void on_failure(gate_pointer self, const store_failure& failure) {
  auto& state = self->state;
  switch (failure.kind) {
  case store_failure_kind::unavailable:
    ++state.unavailable;
    return try_again_later(self, failure);
  case store_failure_kind::in_doubt:
    ++state.in_doubt;
    return try_again_later(self, failure);
  case store_failure_kind::blocked:
    if (state.under_way->entries == 1) {
      ++state.unavailable;
      return try_again_later(self, failure);
    }
    [[fallthrough]];
  case store_failure_kind::rejected:
    ++state.rejected;
    close_circuit(self);
    if (state.under_way->entries > 1)
      state.halve_under_way();
    else
      answer_rejected(self, failure);
    return post_next(self);
  }
}

void post_under_way(gate_pointer self) {
  failpoint("gate");
  self->state.answer.begin(self->clock().now());
  auto& state = self->state;
  self->request(state.options.poster, caf::infinite, post_atom_v, state.under_way)
      .then(
          [self](posted_batch& answered) {
            auto& gate = self->state;
            gate.commit.record(answered.microseconds);
            if (auto* failure = std::get_if<store_failure>(&answered.result))
              return on_failure(self, *failure);
            close_circuit(self);
            answer_posted(self, std::get<posted>(std::move(answered.result)));
            post_next(self);
          },
          // The poster is gone: only at shutdown, when nothing needs an answer any more.
          [self](caf::error& reason) { self->quit(std::move(reason)); });
}

} // namespace

void gate_state::enqueue(ledger_group&& next) {
  const auto size = next.group.entries.size();
  if (queue.empty() || queue.back()->entries + size > options.batch_max)
    queue.push_back(std::make_shared<gate_batch>());
  add_group(*queue.back(), next.ledger, std::move(next.group), std::move(next.origins));
}

std::chrono::milliseconds gate_state::next_pause() {
  pause = std::clamp(pause * 2, options.pause_min, options.pause_max);
  const auto half = pause.count() / 2;
  std::uniform_int_distribution<std::int64_t> jitter{0, half};
  return std::chrono::milliseconds{half + jitter(random)};
}

void gate_state::halve_under_way() {
  const auto whole = std::exchange(under_way, nullptr);
  LEDGERD_ASSERT(whole->entries > 1);
  const auto half = whole->entries / 2;
  auto left = std::make_shared<gate_batch>();
  auto right = std::make_shared<gate_batch>();
  for (std::size_t g = 0; g < whole->groups.size(); ++g) {
    auto& group = whole->groups[g];
    auto& origins = whole->origins[g];
    const auto size = group.entries.size();
    const auto room = half - std::min(half, left->entries);
    if (size <= room) {
      add_group(*left, whole->ledgers[g], std::move(group), std::move(origins));
    } else if (room == 0) {
      add_group(*right, whole->ledgers[g], std::move(group), std::move(origins));
    } else {
      // The group itself is cut. Its ledger hears only of the second part, which reads the head
      // that the first part leaves behind.
      const auto cut = static_cast<std::ptrdiff_t>(room);
      posting_group tail{
          group.account, std::nullopt, {group.entries.begin() + cut, group.entries.end()}};
      std::vector<origin> tail_origins{origins.begin() + cut, origins.end()};
      group.entries.resize(room);
      origins.resize(room);
      add_group(*left, ledger_actor{}, std::move(group), std::move(origins));
      add_group(*right, whole->ledgers[g], std::move(tail), std::move(tail_origins));
    }
  }
  queue.push_front(std::move(right));
  queue.push_front(std::move(left));
}

actor_report gate_state::report(progress_time now) const {
  std::int64_t waiting = 0;
  for (const auto& batch : queue)
    waiting += static_cast<std::int64_t>(batch->entries);
  return {
      "gate",
      std::to_string(options.index),
      {
          {"batches_total", batches},
          {"rows_total", rows},
          {"fence_rejections_total", fence_rejections},
          {"heads_read_total", heads_read},
          {"raced_total", raced},
          {"in_doubt_total", in_doubt},
          {"unavailable_total", unavailable},
          {"rejected_total", rejected},
          {"circuit_open", open ? 1 : 0},
          {"waiting", waiting},
          {"under_way", under_way ? static_cast<std::int64_t>(under_way->entries) : 0},
      },
      {{"commit", commit}},
      {answer.since(now), last_failure.empty() ? "the database does not answer a batch"
                                               : "a batch waits: " + last_failure},
  };
}

gate_actor::behavior_type gate(gate_actor::stateful_pointer<gate_state> self,
                               gate_options options) {
  self->state.options = std::move(options);
  self->state.random.seed(self->state.options.index + 1);
  return {
      [=](post_atom, ledger_group& next) {
        self->state.enqueue(std::move(next));
        post_next(self);
      },
      [=](turn_atom) {
        self->state.posts.reminded();
        post_next(self);
      },
      [=](retry_atom) {
        if (self->state.under_way)
          post_under_way(self);
      },
      [=](report_atom) { return self->state.report(self->clock().now()); },
  };
}

} // namespace ledgerd
