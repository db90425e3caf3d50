// What the database does not take for now: waits beside the others, and is tried again when its
// pause is over, oldest first. Those that are only locked go together, since the store names who is
// locked; one that may be at fault goes alone.
//
// Pure; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include <caf/actor_clock.hpp>

#include "actors/common/lease_table.hpp"

namespace ledgerd {

enum class next_try : std::uint8_t { together, alone };

class aside_queue {
public:
  using time_point = caf::actor_clock::time_point;

  // `bytes` of credit.
  void add(ticket tag, std::size_t bytes, time_point due, next_try how) {
    resting_.push_back({tag, bytes, due, how});
    bytes_ += bytes;
  }

  // Goes alone as soon as it is its turn.
  void add_due(ticket tag, std::size_t bytes) {
    alone_.push_back({tag, bytes, {}, next_try::alone});
    bytes_ += bytes;
  }

  void take_due(time_point now) {
    std::erase_if(resting_, [&](const waiting& each) {
      if (each.due > now)
        return false;
      (each.how == next_try::alone ? alone_ : together_).push_back(each);
      return true;
    });
  }

  bool has_due() const noexcept { return !alone_.empty() || !together_.empty(); }

  // Those that are tried now, at most so many, in turn of either kind; they are no longer here.
  // Precondition: has_due().
  std::vector<ticket> take(std::size_t most) {
    was_alone_ = !alone_.empty() && (together_.empty() || !was_alone_);
    auto& from = was_alone_ ? alone_ : together_;
    std::vector<ticket> result;
    for (auto size = was_alone_ ? 1 : std::min(most, from.size()); size > 0; --size) {
      result.push_back(from.front().tag);
      bytes_ -= from.front().bytes;
      from.pop_front();
    }
    return result;
  }

  std::size_t size() const noexcept { return resting_.size() + alone_.size() + together_.size(); }
  std::size_t bytes() const noexcept { return bytes_; }

private:
  struct waiting {
    ticket tag;
    std::size_t bytes;
    time_point due;
    next_try how;
  };

  std::vector<waiting> resting_;
  std::deque<waiting> alone_; // due, as the next ones
  std::deque<waiting> together_;
  bool was_alone_ = false;
  std::size_t bytes_ = 0; // of all
};

} // namespace ledgerd
