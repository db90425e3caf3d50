#include "actors/common/report.hpp"

#include <algorithm>

namespace ledgerd {

void duration_histogram::record(std::int64_t microseconds) noexcept {
  const auto bucket = std::lower_bound(bounds_us.begin(), bounds_us.end(), microseconds);
  ++buckets_[static_cast<std::size_t>(bucket - bounds_us.begin())];
  sum_us_ += microseconds;
  ++count_;
}

void duration_histogram::add(const duration_histogram& other) noexcept {
  for (std::size_t i = 0; i < buckets_.size(); ++i)
    buckets_[i] += other.buckets_[i];
  sum_us_ += other.sum_us_;
  count_ += other.count_;
}

} // namespace ledgerd
