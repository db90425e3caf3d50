#include "messaging/wire/cluster_fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace ledgerd {

namespace {

constexpr std::array<std::string_view, 6> doings{"starting", "serving", "paused",
                                                 "stalled",  "leaving", "gone"};

} // namespace

std::string_view to_text(node_doing what) noexcept {
  return doings.at(static_cast<std::size_t>(what));
}

} // namespace ledgerd

namespace ledgerd::wire {

namespace {

constexpr std::size_t digits = 16;

template <class Number>
bool read_number(const json_member& given, Number& result) {
  if (given.kind != json_kind::number)
    return false;
  const auto* end = given.text.data() + given.text.size();
  const auto read = std::from_chars(given.text.data(), end, result);
  return read.ec == std::errc{} && read.ptr == end;
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
         || c == '_';
}

} // namespace

bool read_boot(const json_member& given, boot_id& result) {
  const auto parsed =
      given.kind == json_kind::string ? parse_boot_id(given.text) : std::optional<boot_id>{};
  result = parsed.value_or(result);
  return parsed.has_value();
}

bool read_name(const json_member& given, std::string& result) {
  result = given.text;
  return given.kind == json_kind::string && !given.text.empty()
         && given.text.size() <= node_name_max
         && std::all_of(given.text.begin(), given.text.end(), is_name_char);
}

bool read_doing(const json_member& given, node_doing& result) {
  if (given.kind != json_kind::string)
    return false;
  const auto found = std::find(doings.begin(), doings.end(), given.text);
  // What a later version may do: whatever it is, this one gives it no accounts for it.
  result = found == doings.end() ? node_doing::starting
                                 : static_cast<node_doing>(found - doings.begin());
  return true;
}

bool read_text(const json_member& given, std::string& result) {
  result = given.text;
  return given.kind == json_kind::string && given.text.size() <= short_text_max
         && std::all_of(given.text.begin(), given.text.end(),
                        [](char c) { return c >= ' ' && c <= '~'; });
}

bool read_count(const json_member& given, std::uint64_t& result) {
  return read_number(given, result);
}

bool read_count(const json_member& given, std::uint32_t& result) {
  return read_number(given, result);
}

bool read_flag(const json_member& given, bool& result) {
  result = given.text == "true";
  return given.kind == json_kind::boolean;
}

bool read_digest(const json_member& given, std::uint64_t& result) {
  if (given.kind != json_kind::string || given.text.size() != digits)
    return false;
  const auto* end = given.text.data() + digits;
  const auto read = std::from_chars(given.text.data(), end, result, 16);
  return read.ec == std::errc{} && read.ptr == end;
}

std::string hexadecimal(std::uint64_t number) {
  // Written like a boot id, which has no other use for 0.
  return to_text(boot_id{number});
}

void append_name(std::string& out, std::string_view name) {
  if (!out.empty() && out.back() != '{' && out.back() != '[')
    out += ',';
  append_json_string(out, name);
  out += ':';
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  append_name(out, name);
  append_json_string(out, valid_utf8(text));
}

void append_member(std::string& out, std::string_view name, std::uint64_t number) {
  append_name(out, name);
  out += std::to_string(number);
}

void append_flag(std::string& out, std::string_view name, bool value) {
  append_name(out, name);
  out += value ? "true" : "false";
}

} // namespace ledgerd::wire
