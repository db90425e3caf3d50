// Which of one owner's subscriptions the broker has refused, and which of them are to be made anew.
// Belongs to one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "messaging/nats/connection.hpp"
#include "messaging/nats/retries.hpp"

namespace ledgerd {

class refused_subjects {
public:
  refused_subjects(std::vector<std::string> subjects, retry_pauses pauses)
      : subjects_(std::move(subjects)), seen_(subjects_.size(), 0),
        retries_(subjects_.size(), pauses) {}

  const std::vector<std::string>& all() const noexcept { return subjects_; }

  // All are subscribed to anew, on another session: what was refused before says nothing of them.
  void begin(const lifeline& line) {
    look(line);
    retries_.forget();
  }

  // Indices of those that are to be subscribed to once more, now.
  std::vector<std::size_t> due(const lifeline& line) {
    look(line);
    return retries_.due(std::chrono::steady_clock::now());
  }

  // One that was due could not be subscribed to.
  void keep(std::size_t which) { retries_.refuse(which); }

private:
  void look(const lifeline& line) {
    const auto refusals = line.refusals();
    if (refusals == refusals_)
      return;
    refusals_ = refusals;
    for (std::size_t i = 0; i < subjects_.size(); ++i)
      if (const auto last = line.last_refusal(subjects_[i]); last > seen_[i]) {
        seen_[i] = last;
        retries_.refuse(i);
      }
  }

  const std::vector<std::string> subjects_;
  std::vector<std::uint64_t> seen_; // the last refusal of each
  std::uint64_t refusals_ = 0;
  retries retries_;
};

} // namespace ledgerd
