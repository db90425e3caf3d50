// Takes up currencies that were inserted while the daemon runs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "domain/currency.hpp"

namespace ledgerd {

// Looks again and again, on a thread of its own, until it is destroyed. A currency whose number of
// digits was changed is logged once and keeps its old one: balances are counted in it.
class currency_watch {
public:
  // Reads what is known elsewhere, on the watch's thread; may throw, which is tried again.
  using reader = std::function<std::vector<currency>()>;

  currency_watch(std::shared_ptr<currency_table> table, reader read,
                 std::chrono::milliseconds pause = std::chrono::seconds{10});
  ~currency_watch();
  currency_watch(const currency_watch&) = delete;
  currency_watch& operator=(const currency_watch&) = delete;

private:
  void watch();
  void look();

  const std::shared_ptr<currency_table> table_;
  const reader read_;
  const std::chrono::milliseconds pause_;
  std::vector<currency> complained_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  std::thread thread_; // last: it uses all of the above
};

} // namespace ledgerd
