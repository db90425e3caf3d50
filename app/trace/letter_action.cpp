#include "app/trace/letter_action.hpp"

#include "app/trace/finder.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

letter_action::letter_action(const stored_message& of)
    : message(of), what(of.subject.substr(of.subject.rfind('.') + 1)),
      letter(header_number(of, names::letter_header)), who(header_text(of, "Ledgerd-Who")),
      why(header_text(of, "Ledgerd-Why")) {}

std::string letter_action::by() const {
  return (who.empty() ? "somebody" : who) + (why.empty() ? "" : " (" + why + ")");
}

} // namespace ledgerd
