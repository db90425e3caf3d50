// Takes up currencies that were inserted while the daemon runs.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "domain/currency.hpp"
#include "domain/currency_lookup.hpp"
#include "domain/log_throttle.hpp"

namespace ledgerd {

// Looks again and again, and whenever somebody asks, on a thread of its own, until it is destroyed.
// A currency whose number of digits was changed is logged once and keeps its old one: balances are
// counted in it.
class currency_watch final : public currency_lookup {
public:
  // Reads what is known elsewhere, on the watch's thread; may throw, which is tried again.
  using reader = std::function<std::vector<currency>()>;

  // Between two looks that somebody asks for lie at least `rest`.
  currency_watch(std::shared_ptr<currency_table> table, reader read,
                 std::chrono::milliseconds pause = std::chrono::seconds{10},
                 std::chrono::milliseconds rest = std::chrono::milliseconds{100});
  ~currency_watch() override { stop(); }
  currency_watch(const currency_watch&) = delete;
  currency_watch& operator=(const currency_watch&) = delete;

  // Looks no more; who waits or asks from now on is told that nothing is known.
  void stop();

  struct stopped_at_end {
    currency_watch& watch;
    ~stopped_at_end() { watch.stop(); }
  };

  std::uint64_t request() override;
  std::uint64_t done() const override { return done_; }
  void request(std::function<void(bool)> then) override;

private:
  void watch();
  bool look();

  const std::shared_ptr<currency_table> table_;
  const reader read_;
  const std::chrono::milliseconds pause_;
  const std::chrono::milliseconds rest_;
  std::vector<currency> complained_;
  log_throttle lines_{std::chrono::minutes{1}};
  std::mutex mutex_;
  std::condition_variable rung_;
  bool stop_ = false;
  std::uint64_t begun_ = 0;     // the number of the last look that began
  std::uint64_t requested_ = 0; // of the last that was asked for
  std::vector<std::function<void(bool)>> waiting_;
  std::atomic<std::uint64_t> done_{0};
  std::thread thread_; // last: it uses all of the above
};

} // namespace ledgerd
