// The daemon's own look at what it does: audits what is new, in small steps, beside all else.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "app/audit/steady_audit.hpp"
#include "app/operations/metrics_snapshot.hpp"
#include "app/operations/routes.hpp"

namespace ledgerd {

// How large the next step is and how long it waits, so that the audit keeps up and takes a
// twentieth of one processor's time while there is other work. Pure.
class audit_pace {
public:
  static constexpr std::size_t least = 250;
  static constexpr std::size_t usual = 2000;
  static constexpr std::size_t most = 8000;

  // How many rows and results the next step looks at.
  std::size_t at_most() const noexcept { return at_most_; }

  // What to wait after a step that took so long, and did not see all that there is.
  std::chrono::milliseconds behind(std::chrono::milliseconds took, bool busy) noexcept;

  void caught_up() noexcept { at_most_ = usual; }

private:
  std::size_t at_most_ = usual;
};

// What the last look has found. Thread-safe.
class audit_board {
public:
  // What is written from now on will be looked at.
  void begins();

  // `behind` is the age of what has not been looked at.
  void looked(const steady_checks& checks, std::chrono::microseconds behind);

  // A look has failed, or has not. The log has a word of what fails several times in a row: nobody
  // would miss an audit that finds nothing because it sees nothing.
  void delayed(const std::string& why);
  void goes_on();

  // Before the first look only how long ago it began: what nobody has looked at is not fine.
  metrics_snapshot metrics() const;

private:
  mutable std::mutex mutex_;
  bool looked_ = false;
  std::size_t failed_ = 0; // looks in a row
  std::uint64_t findings_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t results_ = 0;
  std::chrono::steady_clock::time_point at_;
  std::optional<std::chrono::steady_clock::time_point> seen_to_; // nothing: it never begins
};

// The same routes; their metrics tell the last look, too.
http_routes with_audit(http_routes routes, std::shared_ptr<const audit_board> board);

// Looks on a thread of its own, each time until it has caught up. What is wrong is an error line
// and a metric; a server that is away is somebody else's word.
class audit_watch {
public:
  // `nats` outlives it. With an `interval` of 0 it never looks.
  audit_watch(std::unique_ptr<ledger_reader> ledger, broker& nats,
              std::shared_ptr<audit_board> board, std::chrono::milliseconds interval);
  ~audit_watch();
  audit_watch(const audit_watch&) = delete;
  audit_watch& operator=(const audit_watch&) = delete;

private:
  void watch();
  std::chrono::milliseconds look(); // what to wait until the next
  bool pause(std::chrono::milliseconds time);
  void report();

  const std::unique_ptr<ledger_reader> ledger_;
  broker& nats_;
  const std::shared_ptr<audit_board> board_;
  const std::chrono::milliseconds interval_;
  // The thread's only.
  std::unique_ptr<steady_audit> audit_;
  audit_pace pace_;
  std::uint64_t last_request_ = 0;
  std::size_t reported_ = 0; // findings in the log

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::thread thread_; // last: it uses all of the above
};

} // namespace ledgerd
