#include "tests/simulation/world.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace ledgerd::sim {

world::world(std::uint64_t seed, bool tells) : machine_(seed), seed_(seed), tells_(tells) {}

void world::note(const std::string& what) {
  if (tells_)
    std::printf(
        "%9.3f s  %s\n",
        std::chrono::duration<double>(machine_.now.time_since_epoch() - std::chrono::hours{1000})
            .count(),
        what.c_str());
}

void world::fail(const std::string& what) {
  constexpr std::size_t enough = 20;
  note("VIOLATION: " + what);
  if (result_.violations.size() < enough)
    result_.violations.push_back(what);
}

// Runs one message of an actor; it may block in between, while others go on.
void world::run_job(life& of, std::size_t place) {
  auto& jobs = of.scheduler->jobs;
  auto* job = jobs[place];
  jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(place));
  if (auto* actor = dynamic_cast<caf::scheduled_actor*>(job))
    note_size(container::mailbox, actor->mailbox().size(), of);
  machine_.running = of.id;
  switch (job->resume(of.worker.get(), 1)) {
  case caf::resumable::resume_later:
    jobs.push_back(job);
    break;
  case caf::resumable::done:
  case caf::resumable::awaiting_message:
    caf::intrusive_ptr_release(job);
    break;
  case caf::resumable::shutdown_execution_unit:
    break;
  }
  machine_.running = nobody;
}

void world::advance(time_point to) {
  machine_.now = to;
  for (const auto& each : lives_) {
    if (each->scheduler == nullptr || each->dead || each->stopped)
      continue;
    auto& clock = each->scheduler->clock();
    clock.current_time = to;
    if (clock.has_pending_timeout() && clock.schedule().begin()->first <= to)
      clock.advance_time(nanoseconds{0});
  }
  network_.pass();
  jetstream_.pass();
}

void world::advance_to_next() {
  auto next = std::min({machine_.next_due(), network_.next_due(), jetstream_.next_due()});
  for (const auto& each : lives_)
    if (each->scheduler != nullptr && machine_.may_run(each->id)
        && each->scheduler->clock().has_pending_timeout())
      next = std::min(next, each->scheduler->clock().schedule().begin()->first);
  advance(std::max(next, machine_.now + nanoseconds{1}));
}

// Something that could happen now happens, whichever; when nothing could, time passes.
void world::step() {
  if (const auto* one = alive(std::exchange(acted_, nobody)))
    note_turn(*one);
  ready_threads_.clear();
  ready_steps_.clear();
  machine_.ready(ready_threads_);
  network_.ready(ready_steps_);
  std::size_t jobs = 0;
  for (const auto& each : lives_)
    if (each->scheduler != nullptr && machine_.may_run(each->id))
      jobs += each->scheduler->jobs.size();
  const auto count = jobs + ready_threads_.size() + ready_steps_.size();
  ++result_.steps;
  if (count == 0)
    return advance_to_next();
  auto pick = machine_.random.below(count);
  result_.digest = (result_.digest ^ (pick + count * 1000)
                    ^ static_cast<std::uint64_t>(machine_.now.time_since_epoch().count()))
                   * 0x100000001b3ULL;
  if (pick < ready_threads_.size()) {
    acted_ = ready_threads_[pick].owner;
    return machine_.go_on(machine::ready_thread{ready_threads_[pick]});
  }
  pick -= ready_threads_.size();
  if (pick < ready_steps_.size()) {
    acted_ = ready_steps_[pick].at->owner;
    network_.take(network::step{ready_steps_[pick]});
  } else {
    pick -= ready_steps_.size();
    for (const auto& each : lives_) {
      if (each->scheduler == nullptr || !machine_.may_run(each->id))
        continue;
      const auto waiting = each->scheduler->jobs.size();
      if (pick < waiting) {
        acted_ = each->id;
        run_job(*each, pick);
        break;
      }
      pick -= waiting;
    }
  }
  // Whatever is done takes a little time.
  if (machine_.random.one_in(8))
    advance(machine_.now + machine_.random.between(microseconds{1}, microseconds{400}));
}

outcome_of_run world::run() {
  machine_.start(nobody, [this] { direct(); });
  machine_.run([this] { step(); });
  for (const auto& [what, count] : network_.seen)
    result_.seen[what] += count;
  for (const auto& [what, count] : database_.seen)
    result_.seen[what] += count;
  result_.lasted = std::chrono::duration_cast<milliseconds>(machine_.now.time_since_epoch()
                                                            - std::chrono::hours{1000});
  return result_;
}

} // namespace ledgerd::sim
