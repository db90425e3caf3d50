// What may stand in a message's headers. Pure functions; any thread.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "messaging/ports.hpp"

namespace ledgerd {

constexpr char lower_case(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Header names are compared without regard to case, as in HTTP.
constexpr bool same_name(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower_case(x) == lower_case(y); });
}

// The value of the first header of this name; empty: none.
inline std::string_view find_header(const std::vector<header>& headers, std::string_view name) {
  for (const auto& one : headers)
    if (same_name(one.name, name))
      return one.value;
  return {};
}

// `text` on one line: a line break in a value would begin a header of its own.
inline std::string without_breaks(std::string_view text) {
  std::string result(text);
  for (auto& c : result)
    if (c == '\r' || c == '\n' || c == '\0')
      c = ' ';
  return result;
}

} // namespace ledgerd
