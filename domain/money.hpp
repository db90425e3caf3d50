// Exact money: a signed 64-bit count of a currency's minor units, with checked arithmetic.
//
// No floating-point type is ever involved. Pure values; any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace ledgerd {

// An amount or a balance in minor units (for KRW won, for EUR cents). The currency is kept beside
// it.
class money {
public:
  constexpr money() noexcept = default;
  constexpr explicit money(std::int64_t minor_units) noexcept : minor_units_(minor_units) {}

  constexpr std::int64_t minor_units() const noexcept { return minor_units_; }

  // The exact sum or difference, or nothing when it does not fit 64 bits.
  friend std::optional<money> checked_add(money a, money b) noexcept;
  friend std::optional<money> checked_subtract(money a, money b) noexcept;

  friend constexpr auto operator<=>(money, money) = default;

private:
  std::int64_t minor_units_ = 0;
};

std::optional<money> checked_add(money a, money b) noexcept;
std::optional<money> checked_subtract(money a, money b) noexcept;

// Why a token is not a valid amount, in the order in which the rules are checked.
enum class amount_fault {
  not_a_decimal,   // not a JSON number from first to last character
  not_positive,    // zero or negative
  too_many_digits, // non-zero digits beyond the currency's
  too_large,       // more than 2^63-1 minor units
};

// The rule that was broken, as the end of a sentence that begins with the field's name.
std::string_view rule_text(amount_fault fault) noexcept;

// Reads the JSON number grammar (`-?int frac? exp?`) from the raw token, exactly: 10000, 10000.00,
// 1e4 and 1E+4 are the same amount. `exponent` is the currency's digits after the point. Takes time
// linear in the token's length whatever its exponent says.
std::variant<money, amount_fault> parse_amount(std::string_view token, int exponent) noexcept;

// The amount with exactly `exponent` digits after the point: 12.30 for 1230 and 2; 10000 for 10000
// and 0.
std::string format_amount(money amount, int exponent);

} // namespace ledgerd
