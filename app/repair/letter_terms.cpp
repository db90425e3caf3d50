#include "app/repair/letter_terms.hpp"

#include "app/base/text.hpp"
#include "messaging/request_fields.hpp"
#include "messaging/topology.hpp"

namespace ledgerd {

namespace {

std::string shown(const std::optional<std::string>& text) {
  return shorten(text.value_or(""), shown_text_max);
}

// The subject alone says what a request moves.
std::string type_by_subject(std::string_view subject) {
  for (const auto& route : movement_routes)
    if (route.request == subject)
      return std::string(to_text(route.type));
  return {};
}

} // namespace

std::optional<std::string> change_fault(std::string_view field) {
  const auto known = request_field_names();
  std::string all;
  for (const auto& each : known) {
    if (each == field)
      return std::nullopt;
    all.append(all.empty() ? "" : ", ").append(each);
  }
  const auto close = nearest(field, known);
  return "is no field of a request"
         + (close ? "; did you mean `" + *close + "`?" : ", which are " + all);
}

letter_terms terms_of(const dead_letter& letter, const std::optional<entry>& asked,
                      const currency_table* currencies) {
  const auto exponent =
      asked && currencies != nullptr ? currencies->exponent(asked->account.currency) : std::nullopt;
  if (exponent)
    return {std::string(to_text(asked->type)), format_amount(asked->amount, *exponent),
            std::string(asked->account.currency.text()), asked->account.user_id};
  const auto& content = letter.content;
  letter_terms result{shown(content.type), shown(content.amount), shown(content.currency),
                      shown(content.user)};
  if (auto type = type_by_subject(letter.subject); !type.empty())
    result.type = std::move(type);
  return result;
}

std::string to_text(const letter_terms& terms) {
  if (terms.amount.empty() && terms.currency.empty() && terms.user.empty())
    return {};
  constexpr std::size_t column_max = 64;
  const auto or_dash = [](const std::string& text) {
    return text.empty() ? std::string{"-"} : shorten(text, column_max);
  };
  return or_dash(terms.type) + " of " + or_dash(terms.amount) + " " + or_dash(terms.currency)
         + " for " + or_dash(terms.user);
}

} // namespace ledgerd
