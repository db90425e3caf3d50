// Amounts against an independent reading: digits in an array, moved one place at a time, with a
// 128-bit sum at the end. Neither this nor parse_amount knows of the other.
//
// The first byte of an input is the currency's number of digits.
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "domain/money.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace ledgerd;

constexpr int exponent_max = 18;

__extension__ using wide = unsigned __int128;

struct reading {
  std::string fault; // as amount_fault is spelled; empty: none
  std::int64_t value = 0;
};

// A hand-written state machine over the JSON number grammar.
struct decimal {
  bool negative = false;
  std::vector<int> digits;
  long point = 0; // how many of the digits stand before the point
};

bool read_decimal(std::string_view text, decimal& into) {
  std::size_t at = 0;
  const auto peek = [&] { return at < text.size() ? text[at] : '\0'; };
  const auto is_digit = [&] { return at < text.size() && peek() >= '0' && peek() <= '9'; };
  if (at < text.size() && peek() == '-') {
    into.negative = true;
    ++at;
  }
  if (!is_digit())
    return false;
  if (peek() == '0') {
    into.digits.push_back(0);
    ++at;
    if (is_digit())
      return false;
  } else {
    while (is_digit())
      into.digits.push_back(text[at++] - '0');
  }
  into.point = static_cast<long>(into.digits.size());
  if (at < text.size() && peek() == '.') {
    ++at;
    if (!is_digit())
      return false;
    while (is_digit())
      into.digits.push_back(text[at++] - '0');
  }
  if (at < text.size() && (peek() == 'e' || peek() == 'E')) {
    ++at;
    long sign = 1;
    if (at < text.size() && (peek() == '+' || peek() == '-'))
      sign = text[at++] == '-' ? -1 : 1;
    if (!is_digit())
      return false;
    long size = 0;
    while (is_digit()) // beyond any token that is tried here
      size = std::min(1'000'000L, size * 10 + (text[at++] - '0'));
    into.point += sign * size;
  }
  return at == text.size();
}

reading read_amount(std::string_view text, int exponent) {
  decimal number;
  if (!read_decimal(text, number))
    return {"not_a_decimal"};
  while (!number.digits.empty() && number.digits.back() == 0)
    number.digits.pop_back();
  std::size_t zeros = 0;
  while (zeros < number.digits.size() && number.digits[zeros] == 0)
    ++zeros;
  number.digits.erase(number.digits.begin(), number.digits.begin() + static_cast<long>(zeros));
  number.point -= static_cast<long>(zeros);
  if (number.digits.empty() || number.negative)
    return {"not_positive"};
  const auto places = number.point + exponent; // digits of the count of minor units
  if (static_cast<long>(number.digits.size()) > places)
    return {"too_many_digits"};
  if (places > 19)
    return {"too_large"};
  wide sum = 0;
  for (long i = 0; i < places; ++i) {
    const auto place = static_cast<std::size_t>(i);
    sum = sum * 10 + static_cast<unsigned>(place < number.digits.size() ? number.digits[place] : 0);
  }
  if (sum > static_cast<wide>(std::numeric_limits<std::int64_t>::max()))
    return {"too_large"};
  return {{}, static_cast<std::int64_t>(sum)};
}

std::string spelled(amount_fault fault) {
  switch (fault) {
  case amount_fault::not_a_decimal:
    return "not_a_decimal";
  case amount_fault::not_positive:
    return "not_positive";
  case amount_fault::too_many_digits:
    return "too_many_digits";
  case amount_fault::too_large:
    return "too_large";
  }
  return {};
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const int exponent = data[0] % (exponent_max + 1);
  const auto token = text_of(data + 1, size - 1);
  const auto expected = read_amount(token, exponent);
  const auto got = parse_amount(token, exponent);
  if (const auto* fault = std::get_if<amount_fault>(&got)) {
    demand(!rule_text(*fault).empty(), "a fault without its rule");
    demand(spelled(*fault) == expected.fault, "refused for another reason");
    return 0;
  }
  const auto value = std::get<money>(got);
  demand(expected.fault.empty() && value.minor_units() == expected.value, "another amount");
  const auto written = format_amount(value, exponent);
  const auto again = parse_amount(written, exponent);
  demand(std::holds_alternative<money>(again) && std::get<money>(again) == value,
         "an amount is written as another one");
  return 0;
}
