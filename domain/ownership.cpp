#include "domain/ownership.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "domain/assert.hpp"

namespace ledgerd {

namespace {

// The finalizer of splitmix64 (S. Vigna): FNV alone is too alike for names that differ in a digit.
std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

} // namespace

std::uint64_t fnv1a_64(std::string_view text) noexcept {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

std::uint32_t fnv1a_32(std::string_view text) noexcept {
  std::uint32_t hash = 2166136261U;
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

std::size_t shard_of(std::string_view user_id) noexcept {
  return fnv1a_32(user_id) % shard_count;
}

ownership::ownership(std::vector<owner> nodes) : owners_(std::move(nodes)) {
  LEDGERD_ASSERT(owners_.size() <= std::numeric_limits<std::uint16_t>::max());
  std::sort(owners_.begin(), owners_.end());
  std::vector<std::uint64_t> names;
  for (const auto& each : owners_) {
    names.push_back(fnv1a_64(each.name));
    digest_ = mix(digest_ ^ to_int(each.boot));
  }
  if (owners_.size() < 2)
    return;
  for (std::size_t shard = 0; shard < shard_count; ++shard) {
    const auto salt = mix(shard + 1);
    std::uint64_t highest = 0;
    for (std::size_t i = 0; i < owners_.size(); ++i) {
      const auto weight = mix(names[i] ^ salt);
      // Two of one name: the first by boot id, on every node.
      if (i == 0 || weight > highest) {
        highest = weight;
        places_[shard] = static_cast<std::uint16_t>(i);
      }
    }
  }
}

std::optional<boot_id> ownership::owner_of(std::size_t shard) const {
  LEDGERD_ASSERT(shard < shard_count);
  if (owners_.empty())
    return std::nullopt;
  return owners_[places_[shard]].boot;
}

std::size_t ownership::shards_of(boot_id node) const {
  std::size_t count = 0;
  for (std::size_t shard = 0; shard < shard_count; ++shard)
    count += owner_of(shard) == node ? 1 : 0;
  return count;
}

} // namespace ledgerd
