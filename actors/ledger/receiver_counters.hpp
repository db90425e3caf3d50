// What the receiver counts, and how it is reported and exported.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/numbers.hpp"

namespace ledgerd {

struct receiver_counters {
  std::int64_t received = 0;
  std::int64_t again = 0;
  std::int64_t answered = 0;
  std::int64_t returned = 0;
  std::int64_t full = 0;
  std::int64_t probes = 0;
  std::int64_t damaged = 0;
  std::int64_t version = 0;
  std::int64_t stranger = 0;
  std::int64_t overflow = 0;
  std::int64_t foreign = 0;
};

struct receiver_gauges {
  gauge held;
  gauge held_bytes;
};

struct receiver_numbers : receiver_counters, receiver_gauges {
  static constexpr auto table() {
    using n = receiver_numbers;
    constexpr std::string_view entries = "ledgerd_received_entries_total";
    constexpr std::string_view help =
        "Entries that other nodes gave this one to decide, by what became of them.";
    constexpr std::string_view dropped = "ledgerd_frames_dropped_total";
    constexpr std::string_view dropped_help =
        "Frames from other nodes that were not looked at, by the reason.";
    return std::to_array<number_row<n>>({
        {&n::received, "received_total", not_exported("What became of them says it.")},
        {&n::again, "received_again_total",
         exported("ledgerd_entries_received_again_total",
                  "Entries that came again while they were still held.")},
        {&n::answered, "answered_total", exported(entries, help, "answered")},
        {&n::returned, "returned_total", exported(entries, help, "returned")},
        {&n::full, "full_total",
         exported("ledgerd_entries_no_room_total",
                  "Entries of other nodes that were to come again, for want of room.")},
        {&n::probes, "probes_total", not_exported("Only a loss tells of trouble.")},
        {&n::damaged, "frames_damaged_total", exported(dropped, dropped_help, "damaged")},
        {&n::version, "frames_version_total", exported(dropped, dropped_help, "version")},
        {&n::stranger, "frames_stranger_total", exported(dropped, dropped_help, "stranger")},
        {&n::overflow, "frames_overflow_total", exported(dropped, dropped_help, "overflow")},
        {&n::foreign, "frames_foreign_total", exported(dropped, dropped_help, "foreign_reply")},
        {&n::held, "held",
         exported("ledgerd_received_held_entries",
                  "Entries of other nodes that are being decided here.")},
        {&n::held_bytes, "held_bytes", not_exported("In proportion to the entries.")},
    });
  }
};

} // namespace ledgerd
