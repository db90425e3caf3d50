#include "domain/trace_context.hpp"

#include <algorithm>

namespace ledgerd {

namespace {

constexpr std::size_t trace_id_at = 3;
constexpr std::size_t span_id_at = trace_id_at + 32 + 1;
constexpr std::size_t flags_at = span_id_at + 16 + 1;
constexpr std::size_t size_least = flags_at + 2;

bool is_hex(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_id(std::string_view text) noexcept {
  return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

} // namespace

std::optional<trace_parent> read_traceparent(std::string_view header) noexcept {
  if (header.size() < size_least || header[2] != '-' || header[span_id_at - 1] != '-'
      || header[flags_at - 1] != '-')
    return std::nullopt;
  const auto version = header.substr(0, 2);
  if (!is_hex(version) || version == "ff" || (version == "00" && header.size() != size_least)
      || (header.size() > size_least && header[size_least] != '-'))
    return std::nullopt;
  const trace_parent read{header.substr(trace_id_at, 32), header.substr(span_id_at, 16), false};
  const auto flags = header.substr(flags_at, 2);
  if (!is_id(read.trace_id) || !is_id(read.span_id) || !is_hex(flags))
    return std::nullopt;
  const auto low = flags[1] <= '9' ? flags[1] - '0' : flags[1] - 'a' + 10;
  return trace_parent{read.trace_id, read.span_id, low % 2 == 1};
}

std::string write_traceparent(std::string_view trace_id, std::string_view span_id, bool sampled) {
  return "00-" + std::string(trace_id) + "-" + std::string(span_id) + (sampled ? "-01" : "-00");
}

} // namespace ledgerd
