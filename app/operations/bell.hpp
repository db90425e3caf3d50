// Lets a thread wait until another one rings. Thread-safe; shared by those who ring and wait, since
// it has to outlive a question of which the line still knows.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace ledgerd {

class bell {
public:
  void ring() {
    const std::lock_guard lock{mutex_};
    rings_ = true;
    rung_.notify_one();
  }

  // Until it has rung since the last call, at most that long.
  void wait(std::chrono::milliseconds at_most) {
    std::unique_lock lock{mutex_};
    rung_.wait_for(lock, at_most, [this] { return rings_; });
    rings_ = false;
  }

private:
  std::mutex mutex_;
  std::condition_variable rung_;
  bool rings_ = false;
};

} // namespace ledgerd
