#include "app/repair/letter_groups.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "app/base/text.hpp"
#include "app/repair/letter.hpp"

namespace ledgerd {

namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool is_word(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
         || (static_cast<unsigned char>(c) & 0x80U) != 0;
}

// What joins the parts of an identifier, an amount or a time.
bool is_joint(char c) noexcept {
  return c == '-' || c == '.' || c == ':' || c == '+' || c == '@' || c == '/';
}

// Whether what was written ends with a word that says what the quoted name is the name of.
bool names_something(std::string_view written) {
  constexpr std::array<std::string_view, 12> kinds = {
      "field", "constraint", "relation", "column", "function", "trigger",
      "table", "type",       "index",    "schema", "database", "role"};
  if (!written.ends_with(' '))
    return false;
  written.remove_suffix(1);
  const auto word = written.substr(written.rfind(' ') + 1); // npos + 1 is 0
  return std::find(kinds.begin(), kinds.end(), word) != kinds.end();
}

// The end of the word that begins at `from`; joints count where a word goes on behind them.
std::size_t end_of_word(std::string_view text, std::size_t from) {
  auto end = from;
  while (end < text.size()
         && (is_word(text[end])
             || (is_joint(text[end]) && end + 1 < text.size() && is_word(text[end + 1]))))
    ++end;
  return end;
}

} // namespace

std::string masked_detail(std::string_view detail) {
  std::string out;
  for (std::size_t at = 0; at < detail.size();) {
    const char c = detail[at];
    if (c == '"' || c == '`') {
      const auto close = detail.find(c, at + 1);
      const auto end = close == std::string_view::npos ? detail.size() : close + 1;
      if (names_something(out))
        out.append(detail.substr(at, end - at));
      else
        out.append({c, '*', c});
      at = end;
    } else if (is_word(c)) {
      const auto word = detail.substr(at, end_of_word(detail, at) - at);
      out.append(std::any_of(word.begin(), word.end(), is_digit) ? "#" : word);
      at += word.size();
    } else {
      out.push_back(c);
      ++at;
    }
  }
  return out;
}

std::string cause_of(std::string_view reason, std::string_view detail) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::uint32_t fnv = 0x811c9dc5U;
  const auto add = [&](std::string_view text) {
    for (const char byte : text)
      fnv = (fnv ^ static_cast<unsigned char>(byte)) * 0x01000193U;
  };
  add(reason);
  add(std::string_view("\0", 1));
  add(masked_detail(detail));
  std::string result;
  for (int shift = 28; shift >= 0; shift -= 4)
    result.push_back(digits[(fnv >> static_cast<unsigned>(shift)) & 0xfU]);
  return result;
}

void letter_groups::add(const dead_letter& letter, std::uint64_t replays) {
  const auto at = letter.message.stored_at_ns;
  const auto detail = shorten(letter.detail, shown_text_max);
  auto found = std::find_if(groups_.begin(), groups_.end(),
                            [&](const letter_group& each) { return each.cause == letter.cause; });
  if (found == groups_.end()) {
    if (groups_.size() == groups_max) {
      ++others_;
      return;
    }
    found = groups_.insert(
        found, {letter.cause, shorten(letter.reason, shown_text_max), detail, 0, at, at, 0});
  }
  ++found->count;
  if (found->detail != detail)
    found->detail = shorten(masked_detail(letter.detail), shown_text_max);
  found->oldest_ns = std::min(found->oldest_ns, at);
  if (at >= found->newest_ns) {
    found->newest_ns = at;
    found->example = letter.message.seq;
  }
  if (replays == 0)
    return;
  ++found->replayed;
  replayed_.push_back(
      {letter.message.seq, static_cast<std::uint32_t>(found - groups_.begin()), false});
}

void letter_groups::note_failure(std::uint64_t replay_of) {
  const auto found = std::lower_bound(
      replayed_.begin(), replayed_.end(), replay_of,
      [](const replayed_letter& each, std::uint64_t wanted) { return each.seq < wanted; });
  if (found != replayed_.end() && found->seq == replay_of && !std::exchange(found->failed, true))
    ++groups_[found->group].failed_again;
}

std::vector<letter_group> letter_groups::sorted() const {
  auto result = groups_;
  std::sort(result.begin(), result.end(), [](const auto& x, const auto& y) {
    return std::tie(y.count, x.cause) < std::tie(x.count, y.cause);
  });
  return result;
}

} // namespace ledgerd
