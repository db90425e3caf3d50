#include "domain/money.hpp"

#include <algorithm>
#include <charconv>

#include "domain/assert.hpp"
#include "domain/currency.hpp"

namespace ledgerd {

namespace {

// The largest power of ten in 2^63-1: a number with a digit above it does not fit.
constexpr std::int64_t top_power = 18;

// Powers beyond this are all alike: far out of range whatever the digits are, and far from
// overflowing the sums below, because no token is that long.
constexpr std::int64_t power_limit = 1'000'000'000'000'000;

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// A number token taken apart: `digits` without the point, of which the last has the weight
// 10^last_power.
struct decimal {
  bool negative = false;
  std::string_view integer;
  std::string_view fraction;
  std::int64_t exponent = 0;

  std::size_t size() const noexcept { return integer.size() + fraction.size(); }

  char digit(std::size_t i) const noexcept {
    return i < integer.size() ? integer[i] : fraction[i - integer.size()];
  }

  // The power of ten that digit `i` counts.
  std::int64_t power(std::size_t i) const noexcept {
    return exponent + static_cast<std::int64_t>(integer.size()) - 1 - static_cast<std::int64_t>(i);
  }
};

class scanner {
public:
  explicit scanner(std::string_view text) noexcept : rest_(text) {}

  bool done() const noexcept { return rest_.empty(); }

  bool accept(char wanted) noexcept {
    if (rest_.empty() || rest_.front() != wanted)
      return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string_view digits() noexcept {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_digit);
    const auto result = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(result.size());
    return result;
  }

private:
  std::string_view rest_;
};

std::int64_t saturated_power(std::string_view digits, bool negative) noexcept {
  std::int64_t result = 0;
  for (const char c : digits)
    result = std::min(power_limit, result * 10 + (c - '0'));
  return negative ? -result : result;
}

std::optional<decimal> scan_decimal(std::string_view token) noexcept {
  scanner in(token);
  decimal result;
  result.negative = in.accept('-');
  result.integer = in.digits();
  if (result.integer.empty() || (result.integer.size() > 1 && result.integer.front() == '0'))
    return std::nullopt;
  if (in.accept('.')) {
    result.fraction = in.digits();
    if (result.fraction.empty())
      return std::nullopt;
  }
  if (in.accept('e') || in.accept('E')) {
    const bool negative = in.accept('-');
    if (!negative)
      in.accept('+');
    const auto digits = in.digits();
    if (digits.empty())
      return std::nullopt;
    result.exponent = saturated_power(digits, negative);
  }
  if (!in.done())
    return std::nullopt;
  return result;
}

// The digits from `first` to `last`, followed by `zeros` zeros. Precondition: at most 19 digits in
// all.
std::optional<std::int64_t> accumulate(const decimal& number, std::size_t first, std::size_t last,
                                       std::int64_t zeros) noexcept {
  std::int64_t result = 0;
  const auto append = [&result](int digit) {
    return !__builtin_mul_overflow(result, 10, &result)
           && !__builtin_add_overflow(result, digit, &result);
  };
  for (auto i = first; i <= last; ++i)
    if (!append(number.digit(i) - '0'))
      return std::nullopt;
  for (; zeros > 0; --zeros)
    if (!append(0))
      return std::nullopt;
  return result;
}

} // namespace

std::optional<money> checked_add(money a, money b) noexcept {
  std::int64_t result = 0;
  if (__builtin_add_overflow(a.minor_units_, b.minor_units_, &result))
    return std::nullopt;
  return money{result};
}

std::optional<money> checked_subtract(money a, money b) noexcept {
  std::int64_t result = 0;
  if (__builtin_sub_overflow(a.minor_units_, b.minor_units_, &result))
    return std::nullopt;
  return money{result};
}

std::string_view rule_text(amount_fault fault) noexcept {
  switch (fault) {
  case amount_fault::not_a_decimal:
    return "must be a decimal number";
  case amount_fault::not_positive:
    return "must be greater than zero";
  case amount_fault::too_many_digits:
    return "must not have more digits after the point than its currency";
  case amount_fault::too_large:
    return "must not be more than 9223372036854775807 minor units";
  }
  return {};
}

std::variant<money, amount_fault> parse_amount(std::string_view token, int exponent) noexcept {
  LEDGERD_ASSERT(exponent >= 0 && exponent <= currency::max_exponent);
  const auto number = scan_decimal(token);
  if (!number)
    return amount_fault::not_a_decimal;
  const auto is_zero = [&](std::size_t i) { return number->digit(i) == '0'; };
  std::size_t first = 0;
  while (first < number->size() && is_zero(first))
    ++first;
  if (first == number->size() || number->negative)
    return amount_fault::not_positive;
  auto last = number->size() - 1;
  while (is_zero(last))
    --last;
  const auto lowest = number->power(last) + exponent;
  if (lowest < 0)
    return amount_fault::too_many_digits;
  if (number->power(first) + exponent > top_power)
    return amount_fault::too_large;
  const auto minor_units = accumulate(*number, first, last, lowest);
  if (!minor_units)
    return amount_fault::too_large;
  return money{*minor_units};
}

std::string format_amount(money amount, int exponent) {
  LEDGERD_ASSERT(exponent >= 0 && exponent <= currency::max_exponent);
  char buffer[20]; // a sign and the 19 digits of a 64-bit number
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, amount.minor_units()).ptr;
  std::string text(buffer, end);
  if (exponent == 0)
    return text;
  const auto places = static_cast<std::size_t>(exponent);
  const std::size_t sign = amount.minor_units() < 0 ? 1 : 0;
  if (text.size() - sign <= places)
    text.insert(sign, places + 1 - (text.size() - sign), '0');
  text.insert(text.size() - places, 1, '.');
  return text;
}

} // namespace ledgerd
