// Currencies: a code of three capital letters and the number of digits after the decimal point.
//
// No I/O; safe to read from any thread.
#pragma once

#include <array>
#include <atomic>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ledgerd {

// An ISO 4217 style code such as KRW. Always three capital letters.
class currency_code {
public:
  // The code written in `text`, or nothing when it is not exactly three letters A to Z.
  static std::optional<currency_code> parse(std::string_view text) noexcept;

  std::string_view text() const noexcept { return {letters_.data(), letters_.size()}; }

  // A dense index below `index_count`, for tables.
  std::size_t index() const noexcept {
    std::size_t index = 0;
    for (const char letter : letters_)
      index = index * 26 + static_cast<std::size_t>(letter - 'A');
    return index;
  }
  static constexpr std::size_t index_count = 26 * 26 * 26;

  friend auto operator<=>(const currency_code&, const currency_code&) = default;

private:
  std::array<char, 3> letters_{'X', 'X', 'X'};
};

// One row of `ledger.currencies`.
struct currency {
  currency_code code;
  int exponent = 0; // digits after the decimal point, 0 .. max_exponent

  static constexpr int max_exponent = 18; // more digits than an int64 has would leave no whole unit
};

// The currencies the daemon knows, looked up once per message. Grows, but never changes what it
// knows. Any thread may read while another adds.
class currency_table {
public:
  // Precondition (asserted), here as for `add`: every exponent lies in 0 .. currency::max_exponent.
  explicit currency_table(const std::vector<currency>& rows);

  struct additions {
    std::vector<currency> added;
    std::vector<currency> contrary; // known with other digits: left as they were
  };

  additions add(const std::vector<currency>& rows);

  // Digits after the decimal point, or nothing when the currency is unknown.
  std::optional<int> exponent(currency_code code) const noexcept;

private:
  std::vector<std::atomic<std::int8_t>> exponents_; // by currency_code::index(); -1: unknown
};

} // namespace ledgerd
