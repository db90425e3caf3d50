// Balances of another service in.
#include "messaging/balance_codec.hpp"

#include <string>
#include <utility>

#include "messaging/wire/codec_fields.hpp"

namespace ledgerd {

namespace {

using wire::field;
using wire::finding;

struct balance_fields {
  field user{"user"};
  field user_id{"userId"};
  field currency{"currency"};
  field balance{"balance"};
};

// A decimal that is not positive.
bool is_zero(std::string_view decimal) noexcept {
  const auto mantissa = decimal.substr(0, decimal.find_first_of("eE"));
  return mantissa.find_first_of("123456789") == std::string_view::npos;
}

finding read_balance_field(const field& given, int exponent, money& result) {
  auto fault = wire::read_amount(given, exponent, result);
  if (!fault || (given.kind != json_kind::number && given.kind != json_kind::string))
    return fault;
  const auto read = parse_amount(given.text, exponent);
  const auto* why = std::get_if<amount_fault>(&read);
  if (why == nullptr || *why != amount_fault::not_positive)
    return fault;
  if (!is_zero(given.text))
    return wire::broken(given, "must not be negative");
  result = money{};
  return std::nullopt;
}

// The first rule that is broken decides.
std::variant<account_balance_line, rejection> read_fields(balance_fields& fields,
                                                          const currency_table& currencies) {
  if (!fields.user.absent() && !fields.user_id.absent())
    return wire::broken(fields.user_id, "must not be given beside \"user\"");
  account_balance_line result;
  auto& user = fields.user.absent() && !fields.user_id.absent() ? fields.user_id : fields.user;
  if (auto fault = wire::read_user_id(user, result.account.user_id))
    return std::move(*fault);
  int exponent = 0;
  if (auto fault = wire::read_currency(fields.currency, currencies, std::nullopt,
                                       result.account.currency, exponent))
    return std::move(*fault);
  if (auto fault = read_balance_field(fields.balance, exponent, result.balance))
    return std::move(*fault);
  return result;
}

field text_field(std::string_view name, std::string_view text) {
  return {name, 1, json_kind::string, std::string(text)};
}

} // namespace

std::variant<account_balance_line, rejection> decode_balance(std::string_view document,
                                                             const currency_table& currencies) {
  balance_fields fields;
  if (auto fault =
          wire::read_document(document, payload_bytes_max,
                              {&fields.user, &fields.user_id, &fields.currency, &fields.balance}))
    return std::move(*fault);
  return read_fields(fields, currencies);
}

std::variant<account_balance_line, rejection> read_balance(std::string_view user,
                                                           std::string_view currency,
                                                           std::string_view balance,
                                                           const currency_table& currencies) {
  balance_fields fields;
  fields.user = text_field("user", user);
  if (valid_utf8(user) != user)
    return wire::broken(fields.user, "must be UTF-8");
  fields.currency = text_field("currency", currency);
  fields.balance = text_field("balance", balance);
  return read_fields(fields, currencies);
}

} // namespace ledgerd
