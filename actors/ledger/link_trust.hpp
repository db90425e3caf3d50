// Whether a link that works is used. One that went down and comes back is used at once; one that
// does so again and again is used only after it has worked for a while, each time longer, so that a
// link that flaps does not move accounts to and fro.
//
// Pure: no clock of its own; belongs to one actor.
#pragma once

#include <chrono>
#include <optional>

#include "domain/backoff.hpp"

namespace ledgerd {

class link_trust {
public:
  using time_point = std::chrono::steady_clock::time_point;

  void up(time_point now) {
    if (!up_since_)
      up_since_ = now;
  }

  void down(time_point now) {
    if (!up_since_)
      return;
    // One that had worked for long has merely failed.
    const bool again = downs_ && now - *up_since_ < steady;
    up_since_.reset();
    downs_ = true;
    if (again)
      pauses_.grow();
    else
      pauses_.end();
  }

  bool works() const noexcept { return up_since_.has_value(); }

  bool is_used(time_point now) const { return up_since_ && now >= *up_since_ + pauses_.pause(); }

  // When time alone makes it used; nothing: never.
  std::optional<time_point> next_due(time_point now) const {
    if (!up_since_ || is_used(now))
      return std::nullopt;
    return *up_since_ + pauses_.pause();
  }

private:
  static constexpr std::chrono::seconds steady{60};

  std::optional<time_point> up_since_;
  bool downs_ = false; // it was down before
  backoff pauses_{std::chrono::seconds{1}, std::chrono::seconds{30}};
};

} // namespace ledgerd
