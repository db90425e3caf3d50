// Numbers and times as they stand in payloads. Private to this room; pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/entry.hpp"

namespace ledgerd::wire {

void append_number(std::string& out, std::int64_t number);

// RFC 3339 in UTC with microseconds. A year outside 0000 to 9999, which RFC 3339 cannot say, gets a
// sign and six digits as in ISO 8601.
void append_time(std::string& out, database_time when);

// Reads what `append_time` writes, and nothing else.
std::optional<database_time> parse_time(std::string_view text) noexcept;

} // namespace ledgerd::wire
