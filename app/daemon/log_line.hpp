// What a line of the log looks like. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "app/config/log_settings.hpp"

namespace ledgerd {

// What is to be written. `event` is its code (actors/common/log_event.hpp), empty for a line of
// somebody else's; `fields` as `append_log_field` wrote them.
struct log_line {
  std::int64_t microseconds_since_epoch = 0;
  std::string_view level;
  std::string_view node;
  std::string_view event;
  std::string_view sentence;
  std::string_view fields;
};

// Text: `2026-11-24T07:32:46.123456Z info  sentence [event]`, without the fields, which the
// sentence says in words. JSON: an object with time, level, node, event and message, then the
// fields. Exactly one line, whatever the sentence holds, with a newline at its end.
std::string format_log_line(log_format style, const log_line& line);

} // namespace ledgerd
