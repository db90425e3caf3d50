// When a connection is made anew because the broker has refused it something that it cannot get
// back by itself. While that goes on, less and less often.
//
// Pure; belongs to one thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "domain/backoff.hpp"

namespace ledgerd {

class renewal {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::milliseconds pause_min{1000};
  static constexpr std::chrono::milliseconds pause_max{60000};

  // True: now. `refusals`: how many there have been on the lifeline, as of before the renewal.
  bool is_due(std::uint64_t refusals, time_point now) {
    if (refusals == seen_) {
      if (now >= next_ + pauses_.pause())
        pauses_.end();
      return false;
    }
    if (now < next_)
      return false;
    seen_ = refusals;
    next_ = now + pauses_.grow();
    return true;
  }

private:
  std::uint64_t seen_ = 0;
  time_point next_{};
  backoff pauses_{pause_min, pause_max};
};

} // namespace ledgerd
