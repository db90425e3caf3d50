#include "app/daemon/progress_watch.hpp"

#include <algorithm>
#include <utility>

#include "actors/common/fail_stop.hpp"
#include "actors/common/log.hpp"
#include "app/base/signals_blocked.hpp"

namespace ledgerd {

namespace {

constexpr auto look_pause = std::chrono::milliseconds{500};
constexpr auto say_pause = std::chrono::seconds{30}; // between two lines of one standstill

std::string describe(const standing_actor& each) {
  return each.who + ": " + each.wait.what + ", for " + std::to_string(each.wait.since.count())
         + " ms";
}

} // namespace

standstill_judge::step standstill_judge::look(const std::vector<standing_actor>& standing,
                                              bool servers_answer, progress_time now) {
  const auto* halted = worth_a_restart(standing);
  if (halted == nullptr || !servers_answer)
    alone_.reset();
  else if (!alone_)
    alone_ = now;
  const auto alone = alone_ ? now - *alone_ : progress_time::duration::zero();
  dead_ = alone_ && alone >= alive_max ? std::optional{halted->who} : std::nullopt;
  const bool silent = std::any_of(standing.begin(), standing.end(), [](const auto& each) {
    return each.silent && each.wait.since >= silent_max;
  });
  if (silent && alone >= alive_max)
    return step::end;
  if (standing.empty())
    return std::exchange(said_, std::nullopt) ? step::say_moving : step::none;
  if (said_ && now - *said_ < say_pause)
    return step::none;
  said_ = now;
  return step::say_standing;
}

progress_watch::progress_watch(std::shared_ptr<const progress_board> board, const readiness& health)
    : board_(std::move(board)), health_(health) {
  const signals_blocked while_starting;
  thread_ = std::thread{[this] { watch(); }};
}

progress_watch::~progress_watch() {
  {
    const std::lock_guard lock{mutex_};
    stop_ = true;
  }
  stopped_.notify_one();
  thread_.join();
}

std::optional<std::string> progress_watch::dead() const {
  const std::lock_guard lock{mutex_};
  return judge_.dead();
}

void progress_watch::watch() {
  std::unique_lock lock{mutex_};
  while (!stopped_.wait_for(lock, look_pause, [this] { return stop_; }))
    look();
}

void progress_watch::look() {
  tell_left_out();
  servers_.look(servers_of(health_.latest()));
  const auto now = std::chrono::steady_clock::now();
  const auto standing = board_->standing(now);
  switch (judge_.look(standing, health_.servers_answer(), now)) {
  case standstill_judge::step::none:
    return;
  case standstill_judge::step::say_standing:
    return log(log_event::no_progress, "no progress: {}{}", describe(standing.front()),
               standing.size() == 1 ? ""
                                    : " (and " + std::to_string(standing.size() - 1) + " more)");
  case standstill_judge::step::say_moving:
    return log(log_event::progress_again, "progress again");
  case standstill_judge::step::end:
    end_process("bug: " + describe(standing.front())
                + ", although all servers answer; the process ends, its work goes "
                  "to another node");
  }
}

} // namespace ledgerd
