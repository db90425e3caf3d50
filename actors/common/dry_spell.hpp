// A time in which nothing goes through and each failure blames one more account: the cause is then
// rather what they share, a table that is locked or a trigger that refuses every row, than all of
// them. It shows; the actor goes on as before, so that the first success ends it.
//
// Pure; one thread.
#pragma once

#include <caf/actor_clock.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "actors/common/report.hpp"
#include "domain/entry.hpp"

namespace ledgerd {

class dry_spell {
public:
  using time_point = caf::actor_clock::time_point;

  static constexpr std::size_t accounts_shown = 2; // from so many on it shows
  static constexpr std::size_t accounts_common = 8;

  // A failure that is older says nothing of now: what its account had is decided, or gone, and it
  // must not stand for what one account alone is refused for.
  static constexpr std::chrono::seconds forgotten_after{15};

  void failed(const account_key& whom, const std::string& why, time_point now) {
    std::erase_if(failures_,
                  [&](const failure& each) { return now - each.when > forgotten_after; });
    if (failures_.size() < accounts_shown)
      since_ = now;
    std::erase_if(failures_, [&](const failure& each) { return each.whom == whom; });
    if (failures_.size() == accounts_common)
      failures_.erase(failures_.begin());
    failures_.push_back({whom, now});
    why_ = why;
  }

  void posted() { failures_.clear(); }

  // So many accounts fail that what one of them is refused for is hardly its own.
  bool is_common(time_point now) const { return accounts(now) >= accounts_common; }

  // `what` does not happen, such as "nothing is posted".
  standstill wait(time_point now, const std::string& what) const {
    if (accounts(now) < accounts_shown)
      return {};
    return {.since = std::chrono::duration_cast<std::chrono::milliseconds>(now - since_),
            .what = what + ", whichever account it is for: " + why_,
            .aside = true};
  }

private:
  struct failure {
    account_key whom;
    time_point when;
  };

  std::size_t accounts(time_point now) const {
    return static_cast<std::size_t>(
        std::count_if(failures_.begin(), failures_.end(),
                      [&](const failure& each) { return now - each.when <= forgotten_after; }));
  }

  std::vector<failure> failures_; // the last one of each account since something was posted
  time_point since_;
  std::string why_;
};

} // namespace ledgerd
