// HAND OVER: which entries this node decides, to whom it forwards the others, and which wait until
// the node that had their accounts has let them go; and how a change of owners changes that.
//
// A shard that comes from a node that lives and can be reached waits for it: until it says that it
// has let go by the same owners as ours, until it is gone, cannot be reached any more or cannot
// finish what it has, and never longer than the patience, from when it was gained; a change
// meanwhile does not begin that anew. Then the fence protects the account. Nothing waits for a node
// that is dead.
//
// Pure decisions, no clock of its own; belongs to one actor.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "domain/boot_id.hpp"
#include "domain/ownership.hpp"
#include "messaging/cluster_codec.hpp"

namespace ledgerd {

class hand_over {
public:
  using time_point = std::chrono::steady_clock::time_point;

  // Another node of the ledger, as this one sees it.
  struct neighbour {
    owner who;
    bool serves = false;
    bool reached = false; // it reads our frames, and the link to it works
    std::uint64_t released = 0;
    bool lets_go = true; // false: its gates cannot finish, so nobody waits for its release
  };

  // What is known now. A node that is dead or gone is not among the others.
  struct view {
    node_doing doing = node_doing::starting; // this node
    std::vector<neighbour> others;
  };

  // What an entry does, by the shard of its account: one of these, or it goes to
  // `owners()[road - first_owner]`.
  using road = std::uint16_t;
  static constexpr road here = 0;
  static constexpr road waits = 1;
  static constexpr road first_owner = 2;

  struct change {
    bool owners = false;
    bool roads = false; // what waits must be looked at again
  };

  // A node alone: everything is decided here.
  hand_over() = default;

  // Until it is said who is there, or the patience ends, everything waits.
  hand_over(owner self, std::chrono::milliseconds patience, time_point now);

  // Called whenever something is said, and when time passes.
  change look(const view& seen, time_point now);

  // Whether no entry has to be asked for its shard.
  bool all_here() const noexcept { return all_here_; }

  // Precondition: shard < shard_count.
  road road_of(std::size_t shard) const noexcept { return roads_[shard]; }

  const std::vector<owner>& owners() const noexcept { return owned_.owners(); }
  std::uint64_t digest() const noexcept { return owned_.digest(); }

  // How many shards this node decides.
  std::size_t shards() const noexcept { return shards_; }

  // When time alone changes something; nothing: never.
  std::optional<time_point> next_due() const;

private:
  // One for all shards that are gained from a node at once.
  struct wait {
    boot_id from{};
    time_point until;
  };
  using wait_number = std::uint16_t; // its place among the waits and 1; 0: for nobody

  std::size_t own_place(const ownership& by) const;
  bool replace_owners(const view& seen, time_point now);
  bool end_waits(const view& seen, time_point now);
  bool is_over(const wait& one, const view& seen, time_point now) const;
  bool lay_roads();

  owner self_;
  std::chrono::milliseconds patience_{0};
  std::optional<time_point> starting_until_;
  ownership owned_;
  std::vector<wait> waits_;
  std::array<wait_number, shard_count> waits_for_{};
  std::array<road, shard_count> roads_{};
  bool all_here_ = true;
  std::size_t shards_ = shard_count;
};

} // namespace ledgerd
