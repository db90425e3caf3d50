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
    constexpr std::string_view entries = "ledgerd_peer_entries_total";
    constexpr std::string_view help =
        "Entries given to other nodes to decide, by what became of them.";
    constexpr std::string_view dropped = "ledgerd_peer_answers_dropped_total";
    constexpr std::string_view dropped_help =
        "Answers of other nodes that were not used, by the reason.";
    return std::to_array<number_row<n>>({
        {&n::forwarded, "forwarded_total",
         exported("ledgerd_forwarded_entries_total",
                  "Entries given to other nodes to decide, each time they were.")},
        {&n::answered, "answered_total", exported(entries, help, "answered")},
        {&n::returned, "returned_total", exported(entries, help, "returned")},
        {&n::given_back, "given_back_total", exported(entries, help, "given_back")},
        {&n::frames, "frames_total",
         exported("ledgerd_peer_frames_total", "Frames sent to other nodes.", "first")},
        {&n::frames_again, "frames_again_total",
         exported("ledgerd_peer_frames_total", "Frames sent to other nodes.", "again")},
        {&n::frames_refused, "frames_refused_total",
         exported("ledgerd_peer_frames_refused_total",
                  "Frames that another node did not look at.")},
        {&n::late, "late_total", exported(dropped, dropped_help, "late")},
        {&n::damaged, "damaged_total", exported(dropped, dropped_help, "damaged")},
        {&n::downs, "link_downs_total",
         exported("ledgerd_peer_link_downs_total", "How often a link to another node went down.")},
        {&n::held, "held",
         exported("ledgerd_peer_held_entries", "Entries that other nodes are deciding.")},
        {&n::up, "link_up", exported("ledgerd_peer_links_up", "Links to other nodes that work.")},
    });
  }
};

} // namespace ledgerd
