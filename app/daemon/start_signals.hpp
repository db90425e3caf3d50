// Hears the signals while the steps of a start wait for servers, some of them for minutes: a
// migration for its turn, or for its tables. The first SIGTERM, SIGINT or SIGQUIT calls what ends
// such a wait and is told to whoever asks; a second one ends the process at once.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "app/base/signals.hpp"

namespace ledgerd {

class start_signals {
public:
  // `on_told` is called once, on a thread of its own, as is what SIGHUP does; it must not throw.
  start_signals(const process_signals& signals, std::function<void()> on_told);

  ~start_signals();

  // The signals are the caller's business again, but for one that came before: ask `told` after it.
  void end();

  start_signals(const start_signals&) = delete;
  start_signals& operator=(const start_signals&) = delete;

  // Whether the process was told to stop.
  bool told() const;

  // Waits until it is, and no longer than that.
  bool wait(std::chrono::milliseconds at_most) const;

private:
  void listen();

  const process_signals& signals_;
  const std::function<void()> on_told_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool told_ = false;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

} // namespace ledgerd
