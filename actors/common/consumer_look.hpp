// What an actor that pulls can tell of its consumer: how much waits there, and how old the oldest
// message is that the actor holds. By what the broker said with its deliveries; nobody is asked.
//
// Pure; any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

#include "actors/common/numbers.hpp"
#include "actors/common/progress.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

// What waits at the consumer; nothing: not known. `room` is for what the actor asks: that nothing
// waits holds only while something is asked for, else nobody would say what has come since.
inline std::optional<std::uint64_t> known_backlog(const delivery_source& source,
                                                  const capacity& room) {
  const auto said = source.backlog();
  return said == 0 && room.messages == 0 ? std::nullopt : said;
}

// The oldest of what is held.
struct oldest_delivery {
  progress_time arrived;
  std::int64_t stored_at_ns = std::numeric_limits<std::int64_t>::max(); // or none says so

  void add(progress_time its_arrival, std::int64_t its_stored_at_ns) {
    arrived = std::min(arrived, its_arrival);
    if (its_stored_at_ns > 0)
      stored_at_ns = std::min(stored_at_ns, its_stored_at_ns);
  }

  // By the broker's clock, which says `wall_ns`, and at least for as long as it has been here.
  std::int64_t age_ms(progress_time now, std::int64_t wall_ns) const {
    using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::nanoseconds;
    return std::max<std::int64_t>(
        duration_cast<milliseconds>(nanoseconds{wall_ns - stored_at_ns}).count(),
        duration_cast<milliseconds>(now - arrived).count());
  }
};

// The age of what an actor has that holds nothing: what waits is about to come, as far as it is
// known and asked for.
inline gauge age_of_nothing(const std::optional<std::uint64_t>& backlog, const capacity& room) {
  return backlog && room.messages > 0 ? 0 : not_known;
}

} // namespace ledgerd
