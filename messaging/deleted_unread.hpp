// Requests that were deleted before anybody had read them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "messaging/broker.hpp"

namespace ledgerd {

struct sequence_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  friend bool operator==(const sequence_range&, const sequence_range&) = default;
};

// The sequences before `first_seq`, the first that the stream still holds, that no consumer can
// have settled: what lies beyond the last one that any of them has taken, and what lies behind the
// acknowledgement floor of one that still waits for acknowledgements. A consumer at rest proves
// nothing about the others' subjects. Nothing when all is well. Gaps further on do not show.
std::optional<sequence_range> deleted_unread(std::uint64_t first_seq,
                                             std::span<const consumer_state> consumers);

// What was lost with a stream that was deleted, as of the last look at it.
struct lost_requests {
  sequence_range range;      // of the life that ended: all of them lie in it
  std::uint64_t count = 0;   // at most
  bool settled_known = true; // false: nobody has said what was settled, all that was stored counts

  friend bool operator==(const lost_requests&, const lost_requests&) = default;
};

// Remembers what a stream's life holds unsettled, for when the next one begins: what the consumers
// said, and all that has come since. What comes between the last look and the end is not seen.
class stream_lives {
public:
  // A look at the stream, which exists. What was lost when a new life has begun since the last one.
  std::optional<lost_requests> look(const stream_state& stream);

  // Whether the consumers may have more to say.
  bool asks() const noexcept { return !unsettled_ || unsettled_->count > 0; }

  // What the consumers said right after the look; passed over when one of them is missing or new:
  // it may be that of the next life.
  void hear(std::span<const consumer_state> consumers);

private:
  stream_state stream_;                    // at the last look
  std::vector<std::int64_t> made_at_;      // the consumers
  std::optional<lost_requests> unsettled_; // nothing: not known
};

} // namespace ledgerd
