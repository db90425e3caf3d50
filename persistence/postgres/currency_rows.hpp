// Rows of a table of currencies.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "domain/currency.hpp"
#include "persistence/postgres/database.hpp"

namespace ledgerd {

// Reads rows of code and exponent. Throws std::runtime_error, naming the table, when one is none.
inline std::vector<currency> read_currency_rows(const rows& answer, std::string_view table) {
  std::vector<currency> result;
  result.reserve(answer.size());
  for (std::size_t row = 0; row < answer.size(); ++row) {
    const auto code = currency_code::parse(answer.text(row, 0));
    if (!code)
      throw std::runtime_error(std::string(table) + " holds a code that is none");
    const auto exponent = answer.integer(row, 1);
    if (exponent < 0 || exponent > currency::max_exponent)
      throw std::runtime_error(std::string(table) + " holds an exponent out of range");
    result.push_back({*code, static_cast<int>(exponent)});
  }
  return result;
}

} // namespace ledgerd
