#include "app/operations/bucket_share.hpp"

#include <cmath>

namespace ledgerd {

std::optional<std::int64_t> value_at_share(std::span<const counted_bucket> buckets, double share) {
  std::int64_t count = 0;
  for (const auto& each : buckets)
    count += each.count;
  const auto wanted = share * static_cast<double>(count);
  std::int64_t below = 0;
  std::int64_t low = 0;
  for (const auto& each : buckets) {
    if (!each.bound)
      return std::nullopt;
    if (each.count > 0 && static_cast<double>(below + each.count) >= wanted) {
      const auto part = (wanted - static_cast<double>(below)) / static_cast<double>(each.count);
      return low + std::llround(static_cast<double>(*each.bound - low) * part);
    }
    below += each.count;
    low = *each.bound;
  }
  return std::nullopt;
}

} // namespace ledgerd
