// The letters that no stream has taken and whose deliveries were therefore postponed: how many, and
// since when. Without it a letter that can never be stored would look new each time it comes again.
// What does not come again in time has gone to another node, which counts it: it is remembered for
// a while but not counted, so that this node does not go on complaining about it.
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
  // A postponed delivery comes again after 30 s, and its letter is given up some seconds later.
  static constexpr std::chrono::seconds counted_for{45};
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

  std::size_t count(time_point now) const {
    return static_cast<std::size_t>(
        std::count_if(letters_.begin(), letters_.end(),
                      [now](const auto& each) { return each.second.counts(now); }));
  }

  // The time since which the oldest has waited; now when there is none.
  time_point oldest(time_point now) const {
    auto result = now;
    for (const auto& [seq, one] : letters_)
      if (one.counts(now))
        result = std::min(result, one.since);
    return result;
  }

  // Why the last one was not stored.
  const std::string& cause() const noexcept { return cause_; }

private:
  struct letter {
    time_point since;
    time_point seen;

    bool counts(time_point now) const { return now - seen < counted_for; }
  };

  std::map<std::uint64_t, letter> letters_;
  std::string cause_;
};

} // namespace ledgerd
