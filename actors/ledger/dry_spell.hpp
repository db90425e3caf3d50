// A time in which nothing is posted and each failure blames one more account: the cause is then
// rather what they share, a table that is locked or a trigger that refuses every row, than all of
// them. It shows; the gate goes on as before, so that the first success ends it.
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

  // After so long without another failure nobody tries any more, and nothing is known.
  static constexpr std::chrono::seconds forgotten_after{15};

  void failed(const account_key& whom, const std::string& why, time_point now) {
    if (is_over(now))
      posted();
    if (accounts_.empty())
      since_ = now;
    if (accounts_.size() < accounts_common
        && std::find(accounts_.begin(), accounts_.end(), whom) == accounts_.end())
      accounts_.push_back(whom);
    last_ = now;
    why_ = why;
  }

  void posted() { accounts_.clear(); }

  // So many accounts have failed that what one of them is refused for is hardly its own.
  bool is_common(time_point now) const {
    return accounts_.size() >= accounts_common && !is_over(now);
  }

  standstill wait(time_point now) const {
    if (accounts_.size() < accounts_shown || is_over(now))
      return {};
    return {.since = std::chrono::duration_cast<std::chrono::milliseconds>(now - since_),
            .what = "nothing is posted, whichever account it is for: " + why_,
            .aside = true};
  }

private:
  bool is_over(time_point now) const { return now - last_ > forgotten_after; }

  std::vector<account_key> accounts_; // that have failed since something was posted
  time_point since_;
  time_point last_;
  std::string why_;
};

} // namespace ledgerd
