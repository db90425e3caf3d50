#include "app/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <limits>
#include <numeric>

namespace ledgerd {

namespace {

constexpr std::int64_t duration_ms_max = 1000LL * 3600 * 1000;

struct duration_unit {
  std::string_view text;
  std::int64_t milliseconds;
};

// The longer suffix stands before the one it ends with.
constexpr duration_unit duration_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

// The length of the UTF-8 sequence that begins `text`, or 0.
std::size_t utf8_sequence(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(0);
  if (first < 0x80)
    return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length)
    return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
  const auto second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool out_of_range = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || out_of_range ? 0 : length;
}

// Whether `text` begins with U+0000 .. U+001F or U+007F .. U+009F; some terminals obey the latter
// too.
bool begins_with_control(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text[0]);
  return first < 0x20 || first == 0x7f
         || (first == 0xc2 && text.size() > 1 && static_cast<unsigned char>(text[1]) < 0xa0);
}

// The length of the UTF-8 sequence that begins `text` and is safe to print, or 0.
std::size_t printable_sequence(std::string_view text) noexcept {
  const auto length = utf8_sequence(text);
  if (length == 0 || begins_with_control(text))
    return 0;
  if (length < 3)
    return length;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  // U+2028, U+2029 break lines; U+202A .. U+202E and U+2066 .. U+2069 turn the direction of text.
  const bool breaks_line = byte(0) == 0xe2 && byte(1) == 0x80 && byte(2) >= 0xa8 && byte(2) <= 0xae;
  const bool isolates = byte(0) == 0xe2 && byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9;
  return breaks_line || isolates ? 0 : length;
}

// Precondition: `sequence` is one UTF-8 sequence of at most three bytes, or a byte that begins
// none.
unsigned code_point(std::string_view sequence) noexcept {
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned>(static_cast<unsigned char>(sequence[i]));
  };
  if (sequence.size() == 3)
    return (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
  return sequence.size() == 2 ? (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f) : byte(0);
}

// How many columns a UTF-8 text takes, counting code points.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

bool looks_numeric(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.-") == std::string_view::npos;
}

} // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept {
  for (const auto& unit : duration_units) {
    if (!text.ends_with(unit.text))
      continue;
    const auto digits = text.substr(0, text.size() - unit.text.size());
    const auto count = parse_integer(digits, 0, duration_ms_max / unit.milliseconds);
    if (!count)
      return std::nullopt;
    return std::chrono::milliseconds{*count * unit.milliseconds};
  }
  return std::nullopt;
}

std::string format_duration(std::chrono::milliseconds value) {
  const auto* best = &duration_units[0];
  for (const auto& unit : duration_units)
    if (value.count() != 0 && value.count() % unit.milliseconds == 0)
      best = &unit;
  return std::to_string(value.count() / best->milliseconds) + std::string{best->text};
}

std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t low,
                                          std::int64_t high) noexcept {
  std::int64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end || text.starts_with('-') || value < low
      || value > high)
    return std::nullopt;
  return value;
}

std::optional<std::string> nearest(std::string_view name, std::span<const std::string> candidates) {
  const std::string* best = nullptr;
  auto best_distance = std::numeric_limits<std::size_t>::max();
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = &candidate;
    }
  }
  if (best == nullptr || best_distance > std::max<std::size_t>(2, name.size() / 2))
    return std::nullopt;
  return *best;
}

bool same_word(std::string_view text, std::string_view lower_case) noexcept {
  return std::equal(
      text.begin(), text.end(), lower_case.begin(), lower_case.end(), [](char c, char wanted) {
        return (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) == wanted;
      });
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr auto blanks = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

std::string escape_controls(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    if (const auto length = printable_sequence(text); length > 0) {
      result += text.substr(0, length);
      text.remove_prefix(length);
      continue;
    }
    const auto byte = static_cast<unsigned char>(text.front());
    if (byte == '\n')
      result += "\\n";
    else if (byte == '\r')
      result += "\\r";
    else if (byte == '\t')
      result += "\\t";
    else {
      constexpr char digits[] = "0123456789abcdef";
      result += "\\x";
      result += digits[byte >> 4];
      result += digits[byte & 15];
    }
    text.remove_prefix(1);
  }
  return result;
}

std::string escape_json_controls(std::string_view document) {
  std::string result;
  result.reserve(document.size());
  while (!document.empty()) {
    const auto whole = std::max<std::size_t>(utf8_sequence(document), 1);
    if (document.front() == '\n' || printable_sequence(document) > 0) {
      result += document.substr(0, whole);
    } else {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", code_point(document.substr(0, whole)));
      result += escape;
    }
    document.remove_prefix(whole);
  }
  return result;
}

std::string shorten(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max)
    return std::string{text};
  auto size = bytes_max;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80)
    --size; // not within a character
  return std::string{text.substr(0, size)} + "...";
}

std::string one_line(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  std::string result;
  for (const char c : text) {
    if (blanks.find(c) == std::string_view::npos)
      result += c;
    else if (!result.empty() && result.back() != ' ')
      result += ' ';
  }
  result.erase(result.find_last_not_of(' ') + 1);
  return escape_controls(result);
}

std::string format_time(std::int64_t microseconds_since_epoch) {
  auto seconds = static_cast<std::time_t>(microseconds_since_epoch / 1000000);
  auto fraction = microseconds_since_epoch % 1000000;
  if (fraction < 0) {
    fraction += 1000000;
    --seconds;
  }
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char date[40];
  char whole[64];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(whole, sizeof whole, "%s.%06dZ", date, static_cast<int>(fraction));
  return whole;
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty())
    return {};
  const auto columns = rows.front().size();
  std::vector<std::size_t> widths(columns, 0);
  std::vector<bool> numeric(columns, rows.size() > 1);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      widths[c] = std::max(widths[c], width(rows[r][c]));
      if (r > 0 && !looks_numeric(rows[r][c]))
        numeric[c] = false;
    }
  }
  std::string result;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < columns; ++c) {
      const std::string padding(widths[c] - width(row[c]), ' ');
      line += numeric[c] ? padding + row[c] : row[c] + padding;
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    result += line + '\n';
  }
  return result;
}

} // namespace ledgerd
