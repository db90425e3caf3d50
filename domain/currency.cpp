#include "domain/currency.hpp"

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
    : exponents_(currency_code::index_count) {
  for (auto& exponent : exponents_)
    exponent.store(-1, std::memory_order_relaxed);
  add(rows);
}

currency_table::additions currency_table::add(const std::vector<currency>& rows) {
  additions result;
  for (const auto& row : rows) {
    LEDGERD_ASSERT(row.exponent >= 0 && row.exponent <= currency::max_exponent);
    std::int8_t known = -1;
    if (exponents_[row.code.index()].compare_exchange_strong(
            known, static_cast<std::int8_t>(row.exponent), std::memory_order_relaxed))
      result.added.push_back(row);
    else if (known != row.exponent)
      result.contrary.push_back(row);
  }
  return result;
}

std::optional<int> currency_table::exponent(currency_code code) const noexcept {
  const auto found = exponents_[code.index()].load(std::memory_order_relaxed);
  if (found < 0)
    return std::nullopt;
  return found;
}

} // namespace ledgerd
