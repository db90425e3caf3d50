#include "app/http_target.hpp"

#include <algorithm>

namespace ledgerd {

namespace {

int hexadecimal(char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Cuts off and returns what stands before the next `separator`, which goes too. `more` tells
// whether there was one.
std::string_view next_part(std::string_view& rest, char separator, bool& more) noexcept {
  const auto part = rest.substr(0, rest.find(separator));
  more = part.size() < rest.size();
  rest.remove_prefix(part.size() + (more ? 1 : 0));
  return part;
}

} // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i] == '+' && plus_is_blank ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hexadecimal(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hexadecimal(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      return std::nullopt;
    result += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return result;
}

std::optional<http_values> read_query(std::string_view query, std::size_t count_max) {
  http_values result;
  for (bool more = !query.empty(); more;) {
    const auto item = next_part(query, '&', more);
    if (item.empty())
      continue;
    const auto equals = std::min(item.find('='), item.size());
    auto name = percent_decode(item.substr(0, equals), true);
    auto value = percent_decode(item.substr(std::min(equals + 1, item.size())), true);
    if (!name || !value || result.size() == count_max)
      return std::nullopt;
    result.emplace_back(*std::move(name), *std::move(value));
  }
  return result;
}

path_pattern::path_pattern(std::string_view path) {
  for (bool more = true; more;) {
    const auto part = next_part(path, '/', more);
    const bool parameter = part.starts_with('{') && part.ends_with('}');
    segments_.push_back(
        {std::string{parameter ? part.substr(1, part.size() - 2) : part}, parameter});
  }
}

bool path_pattern::matches(std::string_view path) const noexcept {
  bool more = true;
  for (const auto& wanted : segments_) {
    if (!more)
      return false;
    const auto part = next_part(path, '/', more);
    if (wanted.parameter ? part.empty() : part != wanted.text)
      return false;
  }
  return !more;
}

std::optional<http_values> path_pattern::parameters(std::string_view path) const {
  http_values result;
  bool more = true;
  for (const auto& wanted : segments_) {
    const auto part = next_part(path, '/', more);
    if (!wanted.parameter)
      continue;
    auto value = percent_decode(part);
    if (!value)
      return std::nullopt;
    result.emplace_back(wanted.text, *std::move(value));
  }
  return result;
}

} // namespace ledgerd
