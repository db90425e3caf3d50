// Which node owns an account: the account's shard, and the node with the highest rendezvous hash
// among those that take part (D. Thaler, C. Ravishankar, "Using name-based mappings to increase hit
// rates", 1998). A node that joins takes its share of the shards from all others, and nothing else
// moves. Pure; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/boot_id.hpp"

namespace ledgerd {

// So many that the shares of a handful of nodes differ by 2 % or so: the busiest node sets the pace
// of all. With 1,024 it had up to 12 % more than its share.
inline constexpr std::size_t shard_count = 16384;

// 32-bit FNV-1a: the hash of NATS's own `partition()` in subject mappings, and the same in every
// build.
std::uint32_t fnv1a_32(std::string_view text) noexcept;

// 64-bit FNV-1a.
std::uint64_t fnv1a_64(std::string_view text) noexcept;

// Accounts of one user are in one shard. Less than `shard_count`.
std::size_t shard_of(std::string_view user_id) noexcept;

// A node that takes part: its name decides what it owns, so that one that comes back owns what it
// owned before; its boot id where two have the same name.
struct owner {
  std::string name;
  boot_id boot{};

  friend auto operator<=>(const owner&, const owner&) = default;
};

class ownership {
public:
  ownership() = default; // nobody owns anything

  // In any order; each boot id once.
  explicit ownership(std::vector<owner> nodes);

  // Nothing: there are no owners.
  std::optional<boot_id> owner_of(std::size_t shard) const;

  // The owner's place among `owners()`; 0 without any.
  std::size_t place_of(std::size_t shard) const noexcept { return places_[shard]; }

  std::size_t shards_of(boot_id node) const;

  const std::vector<owner>& owners() const noexcept { return owners_; } // sorted

  // The same for the same boot ids, on every node; 0 without owners.
  std::uint64_t digest() const noexcept { return digest_; }

private:
  std::vector<owner> owners_;
  std::array<std::uint16_t, shard_count> places_{}; // of each shard's owner, in `owners_`
  std::uint64_t digest_ = 0;
};

} // namespace ledgerd
