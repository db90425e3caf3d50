// What the database does not take for now: waits beside the others, and is tried again when its
// pause is over, oldest first. Those that are only locked go together, since the store names who is
// locked; one that may be at fault goes alone.
//
// Pure; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <vector>

#include <caf/actor_clock.hpp>

#include "actors/common/lease_table.hpp"

namespace ledgerd {

class aside_queue {
public:
  using time_point = caf::actor_clock::time_point;

  // `bytes` of credit.
  void add(ticket tag, std::size_t bytes, time_point due, bool goes_alone) {
    resting_.push_back({tag, bytes, due, goes_alone});
    bytes_ += bytes;
  }

  void take_due(time_point now) {
    std::erase_if(resting_, [&](const waiting& each) {
      if (each.due > now)
        return false;
      due_.push_back(each);
      return true;
    });
  }

  bool has_due() const noexcept { return !due_.empty(); }

  // Those that are tried now, at most so many; they are no longer here. Precondition: has_due().
  std::vector<ticket> take(std::size_t most) {
    const auto first_alone =
        std::find_if(due_.begin(), due_.end(), [](const waiting& each) { return each.goes_alone; });
    const auto together = static_cast<std::size_t>(first_alone - due_.begin());
    std::vector<ticket> result;
    for (auto size = std::clamp<std::size_t>(together, 1, most); size > 0; --size) {
      result.push_back(due_.front().tag);
      bytes_ -= due_.front().bytes;
      due_.pop_front();
    }
    return result;
  }

  std::size_t size() const noexcept { return resting_.size() + due_.size(); }
  std::size_t bytes() const noexcept { return bytes_; }

private:
  struct waiting {
    ticket tag;
    std::size_t bytes;
    time_point due;
    bool goes_alone;
  };

  std::vector<waiting> resting_;
  std::deque<waiting> due_;
  std::size_t bytes_ = 0; // of both
};

} // namespace ledgerd
