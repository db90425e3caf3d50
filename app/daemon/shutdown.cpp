#include "app/daemon/shutdown.hpp"

#include <algorithm>
#include <utility>

#include "actors/common/fail_stop.hpp"
#include "app/base/signals_blocked.hpp"

namespace ledgerd {

shutdown_deadline::~shutdown_deadline() {
  {
    const std::lock_guard lock{mutex_};
    done_ = true;
  }
  done_changed_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

void shutdown_deadline::begin(std::chrono::milliseconds limit) {
  const std::lock_guard lock{mutex_};
  if (thread_.joinable())
    return;
  limit_ = limit;
  until_ = clock::now() + limit;
  const signals_blocked while_starting;
  thread_ = std::thread{[this] { watch(); }};
}

void shutdown_deadline::doing(std::string what) {
  const std::lock_guard lock{mutex_};
  doing_ = std::move(what);
}

std::chrono::milliseconds shutdown_deadline::left_for_draining() const {
  const std::lock_guard lock{mutex_};
  const auto reserve = std::min(limit_ / 4, std::chrono::milliseconds{1500});
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(until_ - reserve - clock::now());
  return std::max(left, std::chrono::milliseconds{0});
}

void shutdown_deadline::watch() {
  std::unique_lock lock{mutex_};
  if (done_changed_.wait_until(lock, until_, [this] { return done_; }))
    return;
  end_process("the shutdown took longer than " + std::to_string(limit_.count())
              + " ms: ending at once; left was: " + doing_
              + "; what is not settled is delivered again");
}

} // namespace ledgerd
