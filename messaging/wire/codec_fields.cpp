#include "messaging/wire/codec_fields.hpp"

#include <charconv>
#include <limits>
#include <utility>

#include "messaging/topology.hpp"

namespace ledgerd::wire {

namespace {

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

// Whether the member is one of the known fields.
bool take(const json_member& member, std::initializer_list<field*> known) {
  for (auto* one : known)
    if (one->name == member.name) {
      if (++one->times == 1) {
        one->kind = member.kind;
        one->text = member.text;
      }
      return true;
    }
  return false;
}

bool is_number_or_text(const field& given) noexcept {
  return given.kind == json_kind::number || given.kind == json_kind::string;
}

} // namespace

rejection broken(const field& which, std::string_view rule) {
  std::string detail("field \"");
  detail.append(which.name).append("\": ").append(rule);
  return {dead_reason::invalid_field, std::move(detail)};
}

finding read_document(std::string_view document, std::size_t bytes_max,
                      std::initializer_list<field*> known, others rest) {
  if (document.size() > bytes_max)
    return rejection{dead_reason::too_large, "the payload has " + std::to_string(document.size())
                                                 + " bytes, more than "
                                                 + std::to_string(bytes_max)};
  return read_answer(document, known, rest);
}

finding read_answer(std::string_view document, std::initializer_list<field*> known, others rest) {
  std::optional<std::string> unknown; // the first
  const auto visit = [&](const json_member& member) {
    if (!take(member, known) && !unknown)
      unknown = member.name;
  };
  if (auto fault = read_json_object(document, json_depth_max, visit))
    return rejection{dead_reason::malformed_json, std::move(*fault)};
  if (unknown && rest == others::refused)
    return broken({*unknown}, "is not known");
  return check_once(known);
}

finding check_once(std::initializer_list<field*> known) {
  for (const auto* one : known)
    if (one->times > 1)
      return broken(*one, "must not be given twice");
  return std::nullopt;
}

finding read_integer(const field& given, std::int64_t lowest, std::int64_t highest, spelling how,
                     std::int64_t& result) {
  if (given.absent())
    return broken(given, "is required");
  const auto& text = given.text;
  const auto* end = text.data() + text.size();
  const auto is_spelt =
      how == spelling::number ? given.kind == json_kind::number : is_number_or_text(given);
  std::int64_t value = 0;
  if (is_spelt && !text.empty() && text.front() >= '0' && text.front() <= '9'
      && (text.front() != '0' || text.size() == 1))
    if (const auto read = std::from_chars(text.data(), end, value);
        read.ec == std::errc{} && read.ptr == end && value >= lowest && value <= highest) {
      result = value;
      return std::nullopt;
    }
  return broken(given, "must be an integer from " + std::to_string(lowest) + " to "
                           + std::to_string(highest)
                           + ", in digits alone and without leading zeros");
}

finding read_record_id(const field& given, record_id& result) {
  std::int64_t value = 0;
  if (auto fault = read_integer(given, 1, std::numeric_limits<std::int64_t>::max(),
                                spelling::number_or_text, value))
    return fault;
  result = record_id{value};
  return std::nullopt;
}

finding read_user_id(field& given, std::string& result) {
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

finding read_type(const field& given, movement& result) {
  if (given.absent())
    return broken(given, "is required");
  const auto type = given.kind == json_kind::string ? parse_movement(given.text) : std::nullopt;
  if (!type)
    return broken(
        given, "must be " + movement_choice([](const auto& each) { return to_text(each.type); }));
  result = *type;
  return std::nullopt;
}

finding read_currency(const field& given, const currency_table& currencies,
                      std::optional<currency_code> by_default, currency_code& result,
                      int& exponent) {
  auto code = by_default;
  if (given.absent() && !code)
    return broken(given, "is required");
  if (!given.absent()) {
    code = given.kind == json_kind::string ? currency_code::parse(given.text) : std::nullopt;
    if (!code)
      return broken(given, "must be three capital letters");
  }
  const auto known = currencies.exponent(*code);
  if (!known) {
    auto fault = broken(given, "must be a known currency");
    fault.unknown_currency = true;
    return fault;
  }
  result = *code;
  exponent = *known;
  return std::nullopt;
}

finding read_amount(const field& given, int exponent, money& result) {
  if (given.absent())
    return broken(given, "is required");
  if (!is_number_or_text(given))
    return broken(given, "must be a number or a string that holds one");
  const auto read = parse_amount(given.text, exponent);
  if (const auto* fault = std::get_if<amount_fault>(&read))
    return broken(given, rule_text(*fault));
  result = std::get<money>(read);
  return std::nullopt;
}

finding read_list(const field& given, std::size_t size_max,
                  const std::function<finding(const json_member&)>& take) {
  if (given.absent())
    return broken(given, "is required");
  if (given.kind != json_kind::array)
    return broken(given, "must be an array");
  std::size_t size = 0;
  finding fault;
  const auto visit = [&](const json_member& element) {
    if (++size > size_max || fault)
      return;
    fault = take(element);
    if (fault)
      fault->detail.insert(0,
                           "element " + std::to_string(size) + " of " + broken(given, "").detail);
  };
  // The text stood in a document that was read in full, so its form is right.
  if (read_json_array(given.text, json_depth_max, visit) || size > size_max)
    return broken(given, "must hold at most " + std::to_string(size_max) + " elements");
  return fault;
}

} // namespace ledgerd::wire
