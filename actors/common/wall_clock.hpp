// The wall clock, in nanoseconds since 1970: only to say how old a message is by the broker's. A
// function of options, so that tests have their own. Any thread.
#pragma once

#include <chrono>
#include <cstdint>

namespace ledgerd {

inline std::int64_t system_time_ns() {
  using std::chrono::nanoseconds, std::chrono::system_clock;
  return nanoseconds{system_clock::now().time_since_epoch()}.count();
}

// For how long a message has been stored, in microseconds; two clocks may differ.
constexpr std::int64_t stored_for_us(std::int64_t now_ns, std::int64_t stored_at_ns) {
  return now_ns > stored_at_ns ? (now_ns - stored_at_ns) / 1000 : 0;
}

} // namespace ledgerd
