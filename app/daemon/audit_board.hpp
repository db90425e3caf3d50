// What the daemon's own audit has found, how far it is, and whether this node is the one that
// looks.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "app/audit/steady_audit.hpp"
#include "app/operations/metrics_snapshot.hpp"

namespace ledgerd {

// Since when it has been this node's duty to look; nothing: it is another one's. Any thread.
using audit_duty = std::function<std::optional<std::chrono::steady_clock::time_point>()>;

// Thread-safe.
class audit_board {
public:
  // This node looks when it is its duty. Before that nothing is shown: it is switched off.
  void opens(audit_duty duty);

  // What was written from so long ago on will be looked at.
  void begins(std::chrono::microseconds behind);

  // `behind` is the age of what has not been looked at.
  void looked(const steady_checks& checks, std::chrono::microseconds behind);

  // Another node looks. What this one has found stays.
  void rests();

  // A look has failed, or has not. The log has a word of what fails several times in a row: nobody
  // would miss an audit that finds nothing because it sees nothing.
  void delayed(const std::string& why);
  void goes_on();

  // On duty, and before the first look, only since when: what nobody has looked at is not fine. Off
  // duty neither age nor lag: they are the other node's.
  metrics_snapshot metrics() const;

private:
  using time_point = std::chrono::steady_clock::time_point;

  mutable std::mutex mutex_;
  audit_duty duty_;
  std::size_t failed_ = 0; // looks in a row
  bool looked_ = false;    // ever
  std::uint64_t findings_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t results_ = 0;
  std::optional<time_point> at_;      // of the last look; nothing: not since it began
  std::optional<time_point> seen_to_; // nothing: it rests, or has not begun
};

} // namespace ledgerd
