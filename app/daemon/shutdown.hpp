// The one deadline of a shutdown, whatever its parts do.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace ledgerd {

// From `begin` on the process ends by the deadline: in order, or at once with exit code 70, saying
// what was left. Thread-safe.
class shutdown_deadline {
public:
  using clock = std::chrono::steady_clock;

  shutdown_deadline() = default;
  ~shutdown_deadline();
  shutdown_deadline(const shutdown_deadline&) = delete;
  shutdown_deadline& operator=(const shutdown_deadline&) = delete;

  // Does nothing when it has begun already.
  void begin(std::chrono::milliseconds limit);

  // What is being done now; named when the deadline cuts it off.
  void doing(std::string what);

  // How long the actors may take: the rest is for ending them.
  std::chrono::milliseconds left_for_draining() const;

private:
  void watch();

  mutable std::mutex mutex_;
  std::condition_variable done_changed_;
  bool done_ = false;
  std::chrono::milliseconds limit_{0};
  clock::time_point until_;
  std::string doing_ = "nothing has begun";
  std::thread thread_;
};

} // namespace ledgerd
