#include "app/trace/letter_action.hpp"

#include <charconv>
#include <string_view>

#include "app/trace/finder.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

std::uint64_t number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto* end = text.data() + text.size();
  return std::from_chars(text.data(), end, number) == std::from_chars_result{end, {}} ? number : 0;
}

} // namespace

letter_action::letter_action(const stored_message& of)
    : message(of), what(of.subject.substr(of.subject.rfind('.') + 1)),
      letter(number_in(header_text(of, names::letter_header))), who(header_text(of, "Ledgerd-Who")),
      why(header_text(of, "Ledgerd-Why")) {}

std::string letter_action::by() const {
  return (who.empty() ? "somebody" : who) + (why.empty() ? "" : " (" + why + ")");
}

} // namespace ledgerd
