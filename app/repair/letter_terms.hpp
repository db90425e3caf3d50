// Which fields of a letter's message can be changed, and what the message asks for that goes out.
//
// Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/repair/letter.hpp"
#include "domain/currency.hpp"

namespace ledgerd {

// Why a change of this field is refused, as the end of a sentence that begins with its name;
// nothing: a request has it. Other fields stay as they are written: the ledger reads none of them,
// so a change of one would mend nothing while it looks like a mended message.
std::optional<std::string> change_fault(std::string_view field);

// What a message asks for; empty: that cannot be told.
struct letter_terms {
  std::string type;
  std::string amount;
  std::string currency;
  std::string user;
};

// As the ledger reads the message (`asked`), or else as it stands in the letter, whose content is
// read; texts are cut as on a page.
letter_terms terms_of(const dead_letter& letter, const std::optional<entry>& asked,
                      const currency_table* currencies);

// DEPOSIT of 5.00 EUR for anna, with a dash for what cannot be told; empty: nothing can.
std::string to_text(const letter_terms& terms);

} // namespace ledgerd
