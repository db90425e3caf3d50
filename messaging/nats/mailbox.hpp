// What has come for an actor: filled by a subscription's thread, emptied by the actor's. Private to
// this room; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

#include "messaging/ports.hpp"

namespace ledgerd {

template <class T>
class mailbox {
public:
  void open(waker wake) {
    std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }

  // The waker is not called any more once this has returned.
  void shut() {
    std::lock_guard lock(mutex_);
    wake_ = nullptr;
  }

  // Wakes when there was nothing before. `bytes` is what it weighs, for the tally.
  void put(T one, std::size_t bytes = 0) {
    put_within(std::move(one), bytes, std::numeric_limits<std::size_t>::max());
  }

  // The same, unless what waits would weigh more than `bytes_max` then: it is dropped.
  void put_within(T one, std::size_t bytes, std::size_t bytes_max) {
    std::lock_guard lock(mutex_);
    if (bytes > bytes_max || waiting_bytes_ > bytes_max - bytes)
      return;
    ready_.push_back(std::move(one));
    ++arrived_.messages;
    arrived_.bytes += bytes;
    waiting_bytes_ += bytes;
    if (ready_.size() == 1 && wake_)
      wake_();
  }

  // How many are not taken yet.
  std::size_t waiting() {
    std::lock_guard lock(mutex_);
    return ready_.size();
  }

  // `spare` gives its memory.
  std::vector<T> take(std::vector<T> spare) {
    spare.clear();
    std::lock_guard lock(mutex_);
    std::swap(spare, ready_);
    waiting_bytes_ = 0;
    return spare;
  }

  struct tally {
    capacity arrived{0, 0}; // since the last count
    capacity waiting{0, 0}; // not taken yet
  };

  tally count() {
    std::lock_guard lock(mutex_);
    return {std::exchange(arrived_, {0, 0}), {ready_.size(), waiting_bytes_}};
  }

private:
  std::mutex mutex_;
  waker wake_;
  std::vector<T> ready_;
  capacity arrived_{0, 0};
  std::size_t waiting_bytes_ = 0;
};

} // namespace ledgerd
