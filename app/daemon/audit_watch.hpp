// The daemon's own look at what it does: audits what is new, in small steps, beside all else.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "app/daemon/audit_board.hpp"
#include "app/daemon/audit_looks.hpp"

namespace ledgerd {

// Looks on a thread of its own, each time until it has caught up. What is wrong is an error line
// and a metric; a server that is away is somebody else's word.
class audit_watch {
public:
  // `nats` outlives it. Without a ledger, or with an interval of 0, it never looks.
  audit_watch(std::unique_ptr<ledger_reader> ledger, broker& nats,
              std::shared_ptr<audit_board> board, audit_duty duty, const audit_times& times);
  ~audit_watch();
  audit_watch(const audit_watch&) = delete;
  audit_watch& operator=(const audit_watch&) = delete;

private:
  void watch(audit_looks looks);
  bool pause(std::chrono::milliseconds time);

  const std::unique_ptr<ledger_reader> ledger_;
  const std::shared_ptr<audit_board> board_;
  const std::chrono::milliseconds interval_;
  const std::chrono::milliseconds attend_every_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::thread thread_; // last: it uses all of the above
};

} // namespace ledgerd
