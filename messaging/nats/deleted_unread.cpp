#include "messaging/deleted_unread.hpp"

#include <algorithm>

namespace ledgerd {

std::optional<sequence_range> deleted_unread(std::uint64_t first_seq,
                                             std::span<const consumer_state> consumers) {
  std::uint64_t taken = 0;
  std::optional<std::uint64_t> waiting; // the lowest floor with something unsettled behind it
  bool any = false;
  for (const auto& one : consumers) {
    if (!one.exists)
      continue;
    any = true;
    taken = std::max({taken, one.ack_floor, one.delivered});
    if (one.ack_pending > 0)
      waiting = std::min(waiting.value_or(one.ack_floor), one.ack_floor);
  }
  const auto settled = std::min(taken, waiting.value_or(taken));
  if (!any || first_seq <= settled + 1)
    return std::nullopt;
  return sequence_range{settled + 1, first_seq - 1};
}

} // namespace ledgerd
