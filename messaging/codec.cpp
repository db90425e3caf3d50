// Requests in.
#include "messaging/codec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "messaging/json_reader.hpp"

namespace ledgerd {

namespace {

// A field of the request as the document gives it.
struct field {
  std::string_view name;
  int times = 0;
  json_kind kind = json_kind::null;
  std::string text;

  bool absent() const noexcept { return kind == json_kind::null; }
};

struct request_fields {
  field record_id{"recordId"};
  field user_id{"userId"};
  field type{"type"};
  field currency{"currency"};
  field amount{"amount"};

  std::array<field*, 5> all() noexcept { return {&record_id, &user_id, &type, &currency, &amount}; }

  void take(const json_member& member) {
    for (auto* known : all())
      if (known->name == member.name && ++known->times == 1) {
        known->kind = member.kind;
        known->text = member.text;
      }
  }
};

rejection broken(const field& which, std::string_view rule) {
  std::string detail("field \"");
  detail.append(which.name).append("\": ").append(rule);
  return {dead_reason::invalid_field, std::move(detail)};
}

// Whether valid UTF-8 holds U+0000 .. U+001F or U+007F .. U+009F.
bool has_control_character(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f)
      return true;
    if (byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0)
      return true;
  }
  return false;
}

using verdict = std::optional<rejection>;

verdict read_record_id(const field& given, record_id& result) {
  if (given.absent())
    return broken(given, "is required");
  const auto& text = given.text;
  const auto* end = text.data() + text.size();
  std::int64_t value = 0;
  const auto is_text = given.kind == json_kind::number || given.kind == json_kind::string;
  if (is_text && !text.empty() && text.front() >= '1' && text.front() <= '9')
    if (const auto read = std::from_chars(text.data(), end, value);
        read.ec == std::errc{} && read.ptr == end) {
      result = record_id{value};
      return std::nullopt;
    }
  return broken(
      given,
      "must be an integer from 1 to 9223372036854775807, in digits alone and without leading "
      "zeros");
}

verdict read_user_id(field& given, std::string& result) {
  if (given.absent())
    return broken(given, "is required");
  if (given.kind != json_kind::string)
    return broken(given, "must be a string");
  if (given.text.empty() || given.text.size() > user_id_bytes_max)
    return broken(given, "must have 1 to 128 bytes");
  if (has_control_character(given.text))
    return broken(given, "must not contain control characters");
  result = std::move(given.text);
  return std::nullopt;
}

verdict check_type(const field& given, movement expected) {
  if (given.absent())
    return std::nullopt;
  const auto type = given.kind == json_kind::string ? parse_movement(given.text) : std::nullopt;
  if (!type)
    return broken(given, "must be DEPOSIT or WITHDRAWAL");
  if (*type != expected)
    return broken(given, "must agree with the subject");
  return std::nullopt;
}

verdict read_currency(const field& given, currency_code& result) {
  if (given.absent())
    return std::nullopt;
  const auto code =
      given.kind == json_kind::string ? currency_code::parse(given.text) : std::nullopt;
  if (!code)
    return broken(given, "must be three capital letters");
  result = *code;
  return std::nullopt;
}

verdict read_amount(const field& given, int exponent, money& result) {
  if (given.absent())
    return broken(given, "is required");
  if (given.kind != json_kind::number && given.kind != json_kind::string)
    return broken(given, "must be a number or a string that holds one");
  const auto read = parse_amount(given.text, exponent);
  if (const auto* fault = std::get_if<amount_fault>(&read))
    return broken(given, rule_text(*fault));
  result = std::get<money>(read);
  return std::nullopt;
}

// The first rule that is broken decides, in the order of the fields in `request_fields`.
verdict read_fields(request_fields& fields, const currency_table& currencies, entry& result) {
  for (const auto* given : fields.all())
    if (given->times > 1)
      return broken(*given, "must not be given twice");
  if (auto fault = read_record_id(fields.record_id, result.id))
    return fault;
  if (auto fault = read_user_id(fields.user_id, result.account.user_id))
    return fault;
  if (auto fault = check_type(fields.type, result.type))
    return fault;
  if (auto fault = read_currency(fields.currency, result.account.currency))
    return fault;
  const auto exponent = currencies.exponent(result.account.currency);
  if (!exponent)
    return broken(fields.currency, "must be a known currency");
  return read_amount(fields.amount, *exponent, result.amount);
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
  }
  return {};
}

std::variant<entry, rejection> decode_entry(std::string_view subject, std::string_view payload,
                                            const currency_table& currencies,
                                            currency_code default_currency) {
  if (payload.size() > payload_bytes_max)
    return rejection{dead_reason::too_large, "the payload has " + std::to_string(payload.size())
                                                 + " bytes, more than "
                                                 + std::to_string(payload_bytes_max)};
  request_fields fields;
  if (auto fault = read_json_object(payload, json_depth_max,
                                    [&fields](const json_member& member) { fields.take(member); }))
    return rejection{dead_reason::malformed_json, std::move(*fault)};
  entry result;
  const auto kind = last_token(subject);
  if (kind != "deposit" && kind != "withdrawal")
    return rejection{dead_reason::invalid_field, "the subject must end in deposit or withdrawal"};
  result.type = kind == "deposit" ? movement::deposit : movement::withdrawal;
  result.account.currency = default_currency;
  if (auto fault = read_fields(fields, currencies, result))
    return std::move(*fault);
  return result;
}

} // namespace ledgerd
