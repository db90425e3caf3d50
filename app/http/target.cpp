#include "app/http/target.hpp"

#include <algorithm>
#include <arpa/inet.h>

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

std::optional<http_host> read_host(std::string_view authority) {
  const bool bracketed = authority.starts_with('[');
  const auto host_end =
      bracketed ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (host_end == std::string_view::npos || host_end == static_cast<std::size_t>(bracketed))
    return std::nullopt;
  auto host = authority.substr(bracketed ? 1 : 0, host_end - (bracketed ? 1 : 0));
  auto rest = authority.substr(host_end + (bracketed ? 1 : 0));
  const bool has_port = rest.starts_with(':');
  rest.remove_prefix(has_port ? 1 : 0);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if ((!has_port && !rest.empty()) || rest.size() > 5
      || !std::all_of(rest.begin(), rest.end(), is_digit))
    return std::nullopt;
  http_host result{{}, std::string{rest}};
  for (char c : host) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool is_name = is_digit(c) || (c >= 'a' && c <= 'z') || c == '.' || c == '-' || c == '_';
    if (!(bracketed ? hexadecimal(c) >= 0 || c == ':' || c == '.' : is_name))
      return std::nullopt;
    result.host += c;
  }
  return result;
}

bool is_loopback(const http_host& where) noexcept {
  std::string_view host{where.host};
  in6_addr six{};
  in_addr four{};
  if (inet_pton(AF_INET6, where.host.c_str(), &six) == 1)
    return IN6_IS_ADDR_LOOPBACK(&six);
  if (inet_pton(AF_INET, where.host.c_str(), &four) == 1)
    return (ntohl(four.s_addr) >> 24) == 127;
  if (host.ends_with('.'))
    host.remove_suffix(1);
  return host == "localhost" || host.ends_with(".localhost");
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
