#include "actors/common/report.hpp"

#include <algorithm>

namespace ledgerd {

void duration_histogram::record(std::int64_t microseconds) noexcept {
  const auto bucket = std::lower_bound(bounds_us.begin(), bounds_us.end(), microseconds);
  ++buckets_[static_cast<std::size_t>(bucket - bounds_us.begin())];
  sum_us_ += microseconds;
  ++count_;
}

} // namespace ledgerd
