// Requests in.
#include "messaging/codec.hpp"

#include <algorithm>

#include "messaging/request_fields.hpp"
#include "messaging/topology.hpp"
#include "messaging/wire/codec_fields.hpp"

namespace ledgerd {

namespace {

using wire::field;
using wire::finding;

struct request_fields {
  field record_id{"recordId"};
  field user_id{"userId"};
  field type{"type"};
  field currency{"currency"};
  field amount{"amount"};
};

finding check_type(const field& given, movement expected) {
  if (given.absent())
    return std::nullopt;
  auto type = expected;
  if (auto fault = read_type(given, type))
    return fault;
  if (type != expected)
    return broken(given, "must agree with the subject");
  return std::nullopt;
}

// The first rule that is broken decides, in the order of the fields in `request_fields`.
finding read_fields(request_fields& fields, const currency_table& currencies,
                    const request_rules& rules, entry& result) {
  if (auto fault = read_record_id(fields.record_id, result.id))
    return fault;
  if (auto fault = read_user_id(fields.user_id, result.account.user_id))
    return fault;
  if (auto fault = check_type(fields.type, result.type))
    return fault;
  int exponent = 0;
  if (auto fault = read_currency(fields.currency, currencies, rules.default_currency,
                                 result.account.currency, exponent))
    return fault;
  return read_amount(fields.amount, exponent, result.amount);
}

std::string_view last_token(std::string_view subject) noexcept {
  return subject.substr(subject.rfind('.') + 1); // npos + 1 is 0
}

} // namespace

std::string_view to_text(dead_reason reason) noexcept {
  switch (reason) {
  case dead_reason::malformed_json:
    return "MALFORMED_JSON";
  case dead_reason::too_large:
    return "TOO_LARGE";
  case dead_reason::invalid_field:
    return "INVALID_FIELD";
  case dead_reason::record_id_conflict:
    return "RECORD_ID_CONFLICT";
  case dead_reason::attempts_exhausted:
    return "ATTEMPTS_EXHAUSTED";
  case dead_reason::unknown_record:
    return "UNKNOWN_RECORD";
  case dead_reason::contrary_verdict:
    return "CONTRARY_VERDICT";
  }
  return {};
}

std::vector<std::string> request_field_names() {
  const request_fields all;
  std::vector<std::string> names;
  for (const auto* each : {&all.record_id, &all.user_id, &all.type, &all.currency, &all.amount})
    names.emplace_back(each->name);
  return names;
}

std::variant<entry, rejection> decode_entry(std::string_view subject, std::string_view payload,
                                            const currency_table& currencies,
                                            const request_rules& rules) {
  request_fields fields;
  if (auto fault = wire::read_document(
          payload, payload_bytes_max,
          {&fields.record_id, &fields.user_id, &fields.type, &fields.currency, &fields.amount},
          wire::others_by(rules)))
    return std::move(*fault);
  entry result;
  const auto route =
      std::find_if(movement_routes.begin(), movement_routes.end(),
                   [&](const auto& each) { return each.token() == last_token(subject); });
  if (route == movement_routes.end())
    return rejection{dead_reason::invalid_field,
                     "the subject must end in "
                         + movement_choice([](const auto& each) { return each.token(); })};
  result.type = route->type;
  if (auto fault = read_fields(fields, currencies, rules, result))
    return std::move(*fault);
  return result;
}

} // namespace ledgerd
