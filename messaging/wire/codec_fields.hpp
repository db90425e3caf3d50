// The fields of a document and the rules they must follow: what all decoders share. Private to this
// room; pure functions; any thread; none throws on any input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "messaging/codec.hpp"
#include "messaging/wire/json_reader.hpp"

namespace ledgerd::wire {

// A field as the document gives it. `name` must live as long.
struct field {
  std::string_view name;
  int times = 0;
  json_kind kind = json_kind::null;
  std::string text;

  // `null` is the same as leaving it out.
  bool absent() const noexcept { return kind == json_kind::null; }
};

// What is wrong, or nothing.
using finding = std::optional<rejection>;

// INVALID_FIELD, with the sentence that `rule` ends.
rejection broken(const field& which, std::string_view rule);

// What becomes of fields that are not known.
enum class others : std::uint8_t { ignored, refused };

inline others others_by(const request_rules& rules) noexcept {
  return rules.refuse_unknown_fields ? others::refused : others::ignored;
}

// Fills in the known fields of the document. Checks size, form, and that none is given twice.
finding read_document(std::string_view document, std::size_t bytes_max,
                      std::initializer_list<field*> known, others rest = others::ignored);

// The same without a limit on the size, which the broker has: for the answers of our own nodes.
finding read_answer(std::string_view document, std::initializer_list<field*> known,
                    others rest = others::ignored);

// That no field is given twice.
finding check_once(std::initializer_list<field*> known);

enum class spelling : std::uint8_t { number, number_or_text };

// The field must be there. Digits alone, without leading zeros.
finding read_integer(const field& given, std::int64_t lowest, std::int64_t highest, spelling how,
                     std::int64_t& result);

// The same for a request's record id.
finding read_record_id(const field& given, record_id& result);

// Takes the text out of the field.
finding read_user_id(field& given, std::string& result);

finding read_type(const field& given, movement& result); // required

// `by_default` stands for a field that is left out, and must be known like any other; without it
// the field is required.
finding read_currency(const field& given, const currency_table& currencies,
                      std::optional<currency_code> by_default, currency_code& result,
                      int& exponent);

finding read_amount(const field& given, int exponent, money& result);

// The field must be an array of at most `size_max` elements. Visits them up to the first that
// `take` refuses; its sentence gets the element's number and this field's name in front.
finding read_list(const field& given, std::size_t size_max,
                  const std::function<finding(const json_member&)>& take);

} // namespace ledgerd::wire
