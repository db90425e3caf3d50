#include "app/daemon/start_signals.hpp"

#include <utility>

namespace ledgerd {

namespace {

constexpr std::chrono::milliseconds look_every{20};

} // namespace

start_signals::start_signals(const process_signals& signals, std::function<void()> on_told)
    : signals_(signals), on_told_(std::move(on_told)), thread_([this] { listen(); }) {}

start_signals::~start_signals() {
  end();
}

void start_signals::end() {
  if (!thread_.joinable())
    return;
  {
    const std::lock_guard lock{mutex_};
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool start_signals::told() const {
  const std::lock_guard lock{mutex_};
  return told_;
}

bool start_signals::wait(std::chrono::milliseconds at_most) const {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, at_most, [this] { return told_; });
}

void start_signals::listen() {
  while (!signals_.wait(look_every))
    if (over_)
      return;
  on_told_();
  std::unique_lock lock{mutex_};
  told_ = true;
  changed_.notify_all();
  signals_.unblock(); // a second one is this thread's
  changed_.wait(lock, [this] { return over_.load(); });
}

} // namespace ledgerd
