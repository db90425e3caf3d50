#include "messaging/wire/header_block.hpp"

#include <algorithm>

#include "messaging/wire/header_text.hpp"

namespace ledgerd {

namespace {

constexpr std::string_view version = "NATS/1.0";
constexpr std::string_view line_end = "\r\n";
constexpr std::string_view blanks = " \t";
constexpr std::string_view internal_prefix = "Nats-";
constexpr std::string_view own_prefix = "Ledgerd-";
constexpr std::string_view message_id_header = "Nats-Msg-Id";

constexpr bool is_control(char c) noexcept {
  return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
}

bool is_name(std::string_view text) noexcept {
  return !text.empty()
         && std::ranges::none_of(text, [](char c) { return c == ' ' || is_control(c); });
}

bool is_text(std::string_view text) noexcept {
  return std::ranges::none_of(text, [](char c) { return c != '\t' && is_control(c); });
}

std::string_view without_blanks(std::string_view text) noexcept {
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

bool is_read_here(std::string_view name) noexcept {
  return same_name(name.substr(0, own_prefix.size()), own_prefix)
         || same_name(name, message_id_header) || same_name(name, "traceparent")
         || same_name(name, "tracestate");
}

} // namespace

header_walk::header_walk(std::string_view block) noexcept : rest_(block), ended_(block.empty()) {
  if (ended_)
    return;
  const auto first = take_line();
  const auto said = first.substr(std::min(first.size(), version.size()));
  status_ = without_blanks(said);
  sound_ = sound_ && first.starts_with(version) && is_text(said)
           && (said.empty() || blanks.find(said.front()) != std::string_view::npos);
}

// The next line without its end, which it must have.
std::string_view header_walk::take_line() noexcept {
  const auto end = rest_.find(line_end);
  const auto line = rest_.substr(0, end);
  sound_ = sound_ && end != std::string_view::npos;
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + line_end.size());
  return line;
}

bool header_walk::next(header_line& line) noexcept {
  while (!ended_) {
    const bool is_cut = rest_.empty();
    const auto text = take_line();
    if (text.empty()) {
      ended_ = true;
      sound_ = sound_ && !is_cut && rest_.empty();
      return false;
    }
    const auto colon = text.find(':');
    const auto name = text.substr(0, colon);
    if (colon == std::string_view::npos || !is_name(name)) {
      sound_ = false;
      continue;
    }
    line = {name, without_blanks(text.substr(colon + 1))};
    sound_ = sound_ && is_text(line.value);
    return true;
  }
  return false;
}

header_judgement judge_headers(std::string_view block) noexcept {
  header_judgement result;
  header_walk walk(block);
  for (header_line line; walk.next(line);)
    ++result.count;
  result.sound = walk.sound();
  return result;
}

std::vector<header> parse_headers(std::string_view block, header_choice which) {
  const auto wanted = [which](const header_line& line) {
    return which == header_choice::all || !line.name.starts_with(internal_prefix);
  };
  std::size_t count = 0;
  std::size_t read_here = 0;
  header_line line;
  for (header_walk walk(block); walk.next(line);)
    if (wanted(line)) {
      ++count;
      read_here += is_read_here(line.name) ? 1 : 0;
    }
  auto first = std::min(read_here, headers_kept_max);
  auto others = headers_kept_max - first;
  std::vector<header> result;
  result.reserve(std::min(count, headers_kept_max));
  for (header_walk walk(block); walk.next(line);)
    if (wanted(line))
      if (auto& room = is_read_here(line.name) ? first : others; room > 0) {
        --room;
        result.push_back({std::string(line.name), std::string(line.value)});
      }
  return result;
}

std::string_view header_value_in(std::string_view block, std::string_view name) noexcept {
  header_walk walk(block);
  for (header_line line; walk.next(line);)
    if (line.name == name)
      return line.value;
  return {};
}

} // namespace ledgerd
