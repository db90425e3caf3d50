// Marks from time to time, of which one that is old enough is at hand: from there an audit begins
// that takes over from one that may have ended without a word. Pure; belongs to one thread.
#pragma once

#include <chrono>
#include <deque>

#include "app/audit/steady_audit.hpp"

namespace ledgerd {

class mark_shelf {
public:
  using time_point = std::chrono::steady_clock::time_point;

  struct ages {
    std::chrono::milliseconds between;
    std::chrono::milliseconds used; // of the one at hand, at least
  };

  explicit mark_shelf(ages how_old) : ages_(how_old) {}

  bool is_due(time_point now) const {
    return kept_.empty() || now - kept_.back().taken >= ages_.between;
  }

  void put(const audit_mark& mark, time_point now) {
    kept_.push_back({mark, now});
    drop_old(now);
  }

  // The youngest that is old enough; when none is, the oldest. Precondition: there is one.
  const audit_mark& at_hand(time_point now) {
    drop_old(now);
    return kept_.front().mark;
  }

private:
  struct kept {
    audit_mark mark;
    time_point taken;
  };

  void drop_old(time_point now) {
    while (kept_.size() > 1 && now - kept_[1].taken >= ages_.used)
      kept_.pop_front();
  }

  ages ages_;
  std::deque<kept> kept_;
};

} // namespace ledgerd
