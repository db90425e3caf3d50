// Watches from outside the actors whether they make progress: says in the log when something stands
// still, when a server is away and when it goes on, and ends a process that is broken.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "actors/common/progress.hpp"
#include "app/operations/readiness.hpp"
#include "app/operations/server_numbers.hpp"

namespace ledgerd {

// What to do about a standstill; a plain class, so that a table can test it.
class standstill_judge {
public:
  // A node that has made no progress for so long while its servers answer is not alive.
  static constexpr std::chrono::milliseconds alive_max{30000};

  // An actor that has not even answered for so long ends the process: whatever blocks has a
  // deadline far below.
  static constexpr std::chrono::milliseconds silent_max{60000};

  enum class step : std::uint8_t { none, say_standing, say_moving, end };

  // Called regularly.
  step look(const std::vector<standing_actor>& standing, bool servers_answer, progress_time now);

  // Who has stood still for too long although all servers answer; nothing: the node is alive.
  const std::optional<std::string>& dead() const { return dead_; }

private:
  std::optional<progress_time> said_;  // since when the log says that something stands still
  std::optional<progress_time> alone_; // since when something does while all servers answer
  std::optional<std::string> dead_;
};

// Thread-safe.
class progress_watch {
public:
  progress_watch(std::shared_ptr<const progress_board> board, const readiness& health);
  ~progress_watch();
  progress_watch(const progress_watch&) = delete;
  progress_watch& operator=(const progress_watch&) = delete;

  // As in `standstill_judge`.
  std::optional<std::string> dead() const;

private:
  void watch();
  void look();

  const std::shared_ptr<const progress_board> board_;
  const readiness& health_;
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  standstill_judge judge_;
  server_log servers_;
  std::thread thread_;
};

} // namespace ledgerd
