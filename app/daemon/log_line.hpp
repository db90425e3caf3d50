// What a line of the log looks like. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "app/config/log_settings.hpp"

namespace ledgerd {

// Text: `2026-11-24T07:32:46.123456Z info  message`. JSON: an object with time, level, node and
// message. Exactly one line, whatever the message holds, with a newline at its end.
std::string format_log_line(log_format style, std::int64_t microseconds_since_epoch,
                            std::string_view level, std::string_view node,
                            std::string_view message);

} // namespace ledgerd
