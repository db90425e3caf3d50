// When subscriptions that the broker has refused, or has taken away, are made anew: a change of
// rights forbids them, and the broker does not bring them back when the rights come back. While
// that goes on, less and less often.
//
// Pure; belongs to one thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

#include "domain/backoff.hpp"

namespace ledgerd {

struct retry_pauses {
  std::chrono::milliseconds first{1000};
  std::chrono::milliseconds longest{60000};
  // A try that is not refused for so long has worked. Less than the longest pause.
  std::chrono::milliseconds settled{5000};
};

// Of one owner's subscriptions. Those that stand are left alone, for each one that is made stays in
// memory until its session ends. For the same reason, once the pauses are at their longest, only
// one of those that are refused is tried, each in its turn: when it stands, so may the others.
class retries {
public:
  using time_point = std::chrono::steady_clock::time_point;

  retries(std::size_t count, retry_pauses pauses)
      : refused_(count, false), settled_(pauses.settled), longest_(pauses.longest),
        pauses_(pauses.first, pauses.longest) {}

  void refuse(std::size_t which) { refused_.at(which) = true; }

  // All are made anew, for another reason: that says nothing of whether the last try worked.
  void forget() {
    std::fill(refused_.begin(), refused_.end(), false);
    is_probing_ = false;
  }

  // Those that are to be made anew now; the caller does so.
  std::vector<std::size_t> due(time_point now) {
    if (is_probing_ && !refused_[last_] && now >= tried_at_ + settled_) {
      is_probing_ = false;
      pauses_.end();
      next_ = now;
    }
    if (std::find(refused_.begin(), refused_.end(), true) == refused_.end()) {
      if (now >= next_ + pauses_.pause())
        pauses_.end();
      return {};
    }
    if (now < next_)
      return {};
    is_probing_ = pauses_.pause() == longest_;
    tried_at_ = now;
    next_ = now + pauses_.grow();
    return is_probing_ ? next_in_turn() : all();
  }

private:
  std::vector<std::size_t> next_in_turn() {
    do
      last_ = (last_ + 1) % refused_.size();
    while (!refused_[last_]);
    refused_[last_] = false;
    return {last_};
  }

  std::vector<std::size_t> all() {
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < refused_.size(); ++i)
      if (refused_[i])
        result.push_back(i);
    forget();
    return result;
  }

  std::vector<bool> refused_; // and not tried again since
  const std::chrono::milliseconds settled_;
  const std::chrono::milliseconds longest_;
  backoff pauses_;
  bool is_probing_ = false; // the last try was of one alone
  std::size_t last_ = 0;    // whose turn it was
  time_point tried_at_{};
  time_point next_{};
};

} // namespace ledgerd
