#include "app/daemon/service_notices.hpp"

#include <algorithm>
#include <utility>

#include "app/base/signals_blocked.hpp"

namespace ledgerd {

namespace {

constexpr auto look_pause = std::chrono::milliseconds{500};
constexpr auto look_pause_least = std::chrono::milliseconds{10};
constexpr auto stop_reserve = std::chrono::seconds{5}; // to write the log and end the threads

std::string microseconds(std::chrono::microseconds time) {
  return std::to_string(time.count());
}

std::string microseconds(progress_time now) {
  return microseconds(
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()));
}

// Names only: why is for operators, and anybody on the machine may read the status of a service.
std::string status_of(const service_look& seen, bool was_ready) {
  if (seen.failing.empty())
    return "ready";
  std::string names;
  for (const auto& each : seen.failing)
    names += (names.empty() ? "" : ", ") + each;
  return (was_ready ? "not ready: " : "starting, waits for: ") + names;
}

bool is_due(const std::optional<progress_time>& last, progress_time now,
            progress_time::duration pause) {
  return !last || now - *last >= pause;
}

} // namespace

std::string service_words::look(const service_look& seen, progress_time now) {
  if (stopping_)
    return {};
  std::string lines;
  next_ = told_;
  if (!told_.ready && seen.failing.empty()) {
    next_.ready = true;
    lines += "READY=1\n";
  } else if (!told_.ready && is_due(told_.extended, now, extension_pause)) {
    next_.extended = now;
    lines += "EXTEND_TIMEOUT_USEC=" + microseconds(start_extension) + "\n";
  }
  next_.status = status_of(seen, told_.ready);
  if (next_.status != told_.status)
    lines += "STATUS=" + next_.status + "\n";
  if (next_.ready && watchdog_ && seen.moves && is_due(told_.alive, now, *watchdog_ / 4)) {
    next_.alive = now;
    lines += "WATCHDOG=1\n";
  }
  return lines;
}

std::string service_words::reload_begins(progress_time now) const {
  return told_.ready && !stopping_ ? "RELOADING=1\nMONOTONIC_USEC=" + microseconds(now) + "\n" : "";
}

std::string service_words::reload_ends() const {
  return told_.ready && !stopping_ ? "READY=1\n" : "";
}

std::string service_words::stops(std::chrono::milliseconds at_most) {
  stopping_ = true;
  return "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=" + microseconds(at_most + stop_reserve)
         + "\n";
}

service_notifier::service_notifier(service_manager manager,
                                   std::shared_ptr<const progress_board> board,
                                   const readiness& health)
    : manager_(std::move(manager)), board_(std::move(board)), health_(health),
      words_(manager_.watchdog()) {
  if (!manager_.is_there())
    return;
  const signals_blocked while_starting;
  thread_ = std::thread{[this] { watch(); }};
}

service_notifier::~service_notifier() {
  {
    const std::lock_guard lock{mutex_};
    stop_ = true;
  }
  stopped_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

void service_notifier::reload(const std::function<void()>& work) {
  const auto say = [this](auto words) {
    const std::lock_guard lock{mutex_};
    if (const auto lines = words(); !lines.empty())
      manager_.say(lines);
  };
  say([this] { return words_.reload_begins(std::chrono::steady_clock::now()); });
  work();
  say([this] { return words_.reload_ends(); });
}

void service_notifier::stopping(std::chrono::milliseconds at_most) {
  const std::lock_guard lock{mutex_};
  manager_.say(words_.stops(at_most));
}

void service_notifier::watch() {
  const auto pause = std::clamp<std::chrono::microseconds>(
      manager_.watchdog().value_or(look_pause) / 8, look_pause_least, look_pause);
  std::unique_lock lock{mutex_};
  do {
    const auto now = std::chrono::steady_clock::now();
    service_look seen;
    for (const auto& check : health_.latest())
      if (!check.ok)
        seen.failing.push_back(check.name);
    seen.moves = worth_a_restart(board_->standing(now)) == nullptr || !health_.servers_answer();
    if (const auto lines = words_.look(seen, now); !lines.empty() && manager_.say(lines))
      words_.taken();
  } while (!stopped_.wait_for(lock, pause, [this] { return stop_; }));
}

} // namespace ledgerd
