#include "messaging/deleted_unread.hpp"

#include <algorithm>
#include <utility>

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

std::optional<lost_requests> stream_lives::look(const stream_state& stream) {
  const auto before = std::exchange(stream_, stream);
  if (before.created_at_ns == stream.created_at_ns) {
    if (unsettled_ && stream.last_seq > before.last_seq) {
      if (unsettled_->count == 0)
        unsettled_->range.first = before.last_seq + 1;
      unsettled_->range.last = stream.last_seq;
      unsettled_->count += stream.last_seq - before.last_seq;
    }
    return std::nullopt;
  }
  const auto unsettled = std::exchange(unsettled_, std::nullopt);
  made_at_.clear();
  auto lost = unsettled.value_or(
      lost_requests{{before.first_seq, before.last_seq}, before.messages, false});
  if (!before.exists || lost.count == 0)
    return std::nullopt;
  return lost;
}

void stream_lives::hear(std::span<const consumer_state> consumers) {
  std::vector<std::int64_t> made_at;
  auto first = stream_.last_seq;
  std::uint64_t count = 0;
  for (const auto& one : consumers) {
    if (!one.exists)
      return;
    made_at.push_back(one.created_at_ns);
    const auto unsettled = one.pending + one.ack_pending;
    count += unsettled;
    if (unsettled > 0)
      first = std::min(first, one.ack_floor + 1);
  }
  const auto before = std::exchange(made_at_, made_at);
  if (!before.empty() && before != made_at)
    return;
  unsettled_ = lost_requests{{first, stream_.last_seq}, count, true};
}

} // namespace ledgerd
