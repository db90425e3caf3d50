// Whether the broker's acknowledgement wait of a delivery is started again: only while the delivery
// is young or the node makes progress. After that the lease runs out, and a healthy node gets the
// message; should this one recover first, or both decide it, the gate knows.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "actors/common/progress.hpp"

namespace ledgerd {

// When a delivery arrived and when its lease was renewed last.
struct lease_times {
  progress_time arrived;
  progress_time renewed;
};

class lease_rule {
public:
  // What is younger is renewed whatever the node does: takeover is bounded by it and the
  // acknowledgement wait.
  static constexpr std::chrono::milliseconds hold_max{3000};

  // What the root said last counts for so long: a root that has fallen silent means no progress. It
  // speaks twice a second, and says nothing while something of its own hesitates.
  static constexpr std::chrono::milliseconds pulse_lasts{1200};

  // A node that has stood still may only seem to move: a batch that was in doubt comes back as
  // known, and the next COMMIT hangs again. It is trusted when it has finished what it held, or has
  // moved for so long.
  static constexpr std::chrono::milliseconds trusted_after{10000};

  // `ack_wait` is the consumer's.
  explicit lease_rule(std::chrono::milliseconds ack_wait = std::chrono::milliseconds{30000})
      : ack_wait_(ack_wait) {}

  // From the root, regularly: whether the node makes progress.
  void pulse(bool moving, progress_time now) {
    standing_ = !moving;
    moving_until_ = moving ? now + pulse_lasts : progress_time::min();
    if (standing_)
      stood_ = now;
    else if (stood_ && now - *stood_ >= trusted_after)
      stood_.reset();
  }

  // Whether to take nothing more, when so many deliveries are held.
  bool full(std::size_t held) const { return standing_ || (stood_ && held > 0); }

  // Whether to renew a delivery's lease now.
  bool due(const lease_times& of, progress_time now) const {
    return now - of.renewed >= ack_wait_ / 3
           && (now - of.arrived < hold_max || (now < moving_until_ && !stood_));
  }

private:
  std::chrono::milliseconds ack_wait_;
  bool standing_ = false;
  std::optional<progress_time> stood_; // last, while the node is not trusted again
  progress_time moving_until_ = progress_time::min();
};

} // namespace ledgerd
