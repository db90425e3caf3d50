// What lies below which value, by counted buckets: one way for all who show it. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace ledgerd {

// One bucket: what lies below its bound and above that of the bucket before it.
struct counted_bucket {
  std::optional<std::int64_t> bound; // nothing: all that lies above the others
  std::int64_t count = 0;
};

// Below which value `share` of all lie, within the bounds of its bucket by proportion, as
// Prometheus does it; nothing: above the last bound, or there are none.
std::optional<std::int64_t> value_at_share(std::span<const counted_bucket> buckets, double share);

} // namespace ledgerd
