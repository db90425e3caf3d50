// The letters that no stream has taken and whose deliveries were therefore postponed: how many, and
// since when. Without it a letter that can never be stored would look new each time it comes again.
//
// Pure; belongs to one actor.
#pragma once

#include <caf/actor_clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace ledgerd {

class unstored_letters {
public:
  using time_point = caf::actor_clock::time_point;

  static constexpr std::size_t size_max = 10000;
  // One that has not come again for so long is another node's.
  static constexpr std::chrono::seconds forget_after{120};

  // The letter of this sequence was first published at `since` and is given up for now.
  void add(std::uint64_t seq, time_point since, time_point now, const std::string& cause) {
    cause_ = cause;
    if (const auto found = letters_.find(seq); found != letters_.end())
      found->second.seen = now;
    else if (letters_.size() < size_max)
      letters_.emplace(seq, letter{since, now});
  }

  void stored(std::uint64_t seq) {
    if (!letters_.empty())
      letters_.erase(seq);
  }

  void forget_old(time_point now) {
    std::erase_if(letters_,
                  [now](const auto& each) { return now - each.second.seen >= forget_after; });
  }

  std::size_t size() const noexcept { return letters_.size(); }

  // The time since which the oldest has waited; `otherwise` when there is none.
  time_point oldest(time_point otherwise) const {
    for (const auto& [seq, one] : letters_)
      otherwise = std::min(otherwise, one.since);
    return otherwise;
  }

  // Why the last one was not stored.
  const std::string& cause() const noexcept { return cause_; }

private:
  struct letter {
    time_point since;
    time_point seen;
  };

  std::map<std::uint64_t, letter> letters_;
  std::string cause_;
};

} // namespace ledgerd
