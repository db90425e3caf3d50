// Small readers and writers of text that configuration and verbs share. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ledgerd {

// 500ms, 2s, 1m, 1h: a whole number and one unit. Nothing when it is anything else or over 1000
// hours.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept;

// The shortest exact form: 2s for 2000 ms, 1500ms for 1500 ms.
std::string format_duration(std::chrono::milliseconds value);

// A decimal integer without sign, blanks or leading plus, within [low, high].
std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t low,
                                          std::int64_t high) noexcept;

// The candidate with the smallest edit distance to `name` (the first of equals), or nothing when
// even that one is so far away that it would mislead.
std::optional<std::string> nearest(std::string_view name, std::span<const std::string> candidates);

// Whether `text` is `lower_case` but for the case of its ASCII letters.
bool same_word(std::string_view text, std::string_view lower_case) noexcept;

// Without the blanks and tabs around it.
std::string_view trimmed(std::string_view text) noexcept;

// Control characters, and bytes that are not UTF-8, as \n, \t, \x1b and so on: the result is one
// line of printable text.
std::string escape_controls(std::string_view text);

// A JSON document with the control characters that JSON allows in a text (U+007F .. U+009F, and
// those that break lines or turn their direction) as \u....; line ends between the values stay.
// Precondition: UTF-8.
std::string escape_json_controls(std::string_view document);

// At most `bytes_max` bytes of what somebody typed, with "..." for the rest: for messages.
std::string shorten(std::string_view text, std::size_t bytes_max = 40);

// The same as `escape_controls`, with each run of blanks, tabs and line ends as one blank, and none
// at the ends: for messages of libraries.
std::string one_line(std::string_view text);

// RFC 3339 in UTC with microseconds: 2026-11-24T07:32:46.123456Z.
std::string format_time(std::int64_t microseconds_since_epoch);

// Columns aligned with two spaces between, one line each; the first row is the heading.
// Right-aligns columns of numbers.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

} // namespace ledgerd
