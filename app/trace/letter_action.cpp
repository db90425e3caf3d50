#include "app/trace/letter_action.hpp"

#include "app/base/text.hpp"
#include "app/trace/finder.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

letter_action::letter_action(const stored_message& of)
    : message(of), what(of.subject.substr(of.subject.rfind('.') + 1)),
      letter(static_cast<std::uint64_t>(
          parse_integer(header_text(of, names::letter_header), 0, INT64_MAX).value_or(0))),
      who(header_text(of, "Ledgerd-Who")), why(header_text(of, "Ledgerd-Why")) {}

std::string letter_action::by() const {
  return (who.empty() ? "somebody" : who) + (why.empty() ? "" : " (" + why + ")");
}

} // namespace ledgerd
