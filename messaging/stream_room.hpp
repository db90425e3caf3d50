// How full a stream is that refuses what is published beyond its limits. Pure; any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "messaging/broker.hpp"

namespace ledgerd {

// It takes nothing more, or no message as large as those that it holds.
inline bool is_full(const stream_state& of) noexcept {
  if (of.messages == 0)
    return false;
  return (of.messages_max > 0 && of.messages >= of.messages_max)
         || (of.bytes_max > 0 && of.bytes + of.bytes / of.messages > of.bytes_max);
}

// 100: it is full. 0 without a limit.
inline std::int64_t full_percent(const stream_state& of) noexcept {
  if (is_full(of))
    return 100;
  const auto part = [](std::uint64_t used, std::uint64_t most) {
    return most == 0 ? 0 : std::min<std::uint64_t>(99, 100 * used / most);
  };
  return static_cast<std::int64_t>(
      std::max(part(of.messages, of.messages_max), part(of.bytes, of.bytes_max)));
}

// What holds the stream full, such as "1000 of 1000 messages, 9 of 10 bytes".
inline std::string room_text(const stream_state& of) {
  std::string result;
  const auto add = [&](std::uint64_t used, std::uint64_t most, const char* unit) {
    if (most > 0)
      result.append(result.empty() ? "" : ", ")
          .append(std::to_string(used) + " of " + std::to_string(most) + unit);
  };
  add(of.messages, of.messages_max, " messages");
  add(of.bytes, of.bytes_max, " bytes");
  return result;
}

} // namespace ledgerd
