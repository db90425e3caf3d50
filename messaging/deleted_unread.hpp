// Requests that were deleted before anybody had read them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

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

} // namespace ledgerd
