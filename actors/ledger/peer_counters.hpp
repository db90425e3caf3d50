// What a peer counts, and how it is reported and exported.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/numbers.hpp"

namespace ledgerd {

struct peer_counters {
  std::int64_t forwarded = 0;
  std::int64_t answered = 0;
  std::int64_t returned = 0;
  std::int64_t full = 0;
  std::int64_t given_back = 0;
  std::int64_t frames = 0;
  std::int64_t frames_again = 0;
  std::int64_t frames_refused = 0;
  std::int64_t late = 0;
  std::int64_t damaged = 0;
  std::int64_t downs = 0;
};

struct peer_gauges {
  gauge held;
  gauge up;
};

struct peer_numbers : peer_counters, peer_gauges {
  static constexpr auto table() {
    using n = peer_numbers;
    // A counter that ends with its peer would look like a restart to whoever adds up.
    constexpr auto kept = not_exported("It ends with its peer; the region counts for all of them.");
    return std::to_array<number_row<n>>({
        {&n::forwarded, "forwarded_total", kept},
        {&n::answered, "answered_total", kept},
        {&n::returned, "returned_total", kept},
        {&n::full, "full_total", kept},
        {&n::given_back, "given_back_total", kept},
        {&n::frames, "frames_total", kept},
        {&n::frames_again, "frames_again_total", kept},
        {&n::frames_refused, "frames_refused_total", kept},
        {&n::late, "late_total", kept},
        {&n::damaged, "damaged_total", kept},
        {&n::downs, "link_downs_total", kept},
        {&n::held, "held",
         exported("ledgerd_peer_held_entries", "Entries that other nodes are deciding.")},
        {&n::up, "link_up", exported("ledgerd_peer_links_up", "Links to other nodes that work.")},
    });
  }
};

} // namespace ledgerd
