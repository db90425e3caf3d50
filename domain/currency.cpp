#include "domain/currency.hpp"

#include <algorithm>

#include "domain/assert.hpp"

namespace ledgerd {

std::optional<currency_code> currency_code::parse(std::string_view text) noexcept {
  currency_code result;
  if (text.size() != result.letters_.size())
    return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] < 'A' || text[i] > 'Z')
      return std::nullopt;
    result.letters_[i] = text[i];
  }
  return result;
}

currency_table::currency_table(const std::vector<currency>& rows)
    : exponents_(currency_code::index_count, std::int8_t{-1}) {
  for (const auto& row : rows) {
    LEDGERD_ASSERT(row.exponent >= 0 && row.exponent <= currency::max_exponent);
    exponents_[row.code.index()] = static_cast<std::int8_t>(row.exponent);
  }
}

std::optional<int> currency_table::exponent(currency_code code) const noexcept {
  const auto found = exponents_[code.index()];
  if (found < 0)
    return std::nullopt;
  return found;
}

} // namespace ledgerd
