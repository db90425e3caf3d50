// A file of balances: CSV with a header line, or one JSON object a line. Everything that is wrong
// with it is found before anything is done.
//
// Holds all of it: about 150 bytes for an account. Pure but for the stream; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <map>
#include <string>
#include <vector>

#include "domain/currency.hpp"
#include "domain/entry.hpp"

namespace ledgerd {

struct balance_row {
  account_key account;
  money balance; // never negative
  std::uint64_t line = 0;
};

// What a file says of one currency, to be compared with where it comes from.
class balance_total {
public:
  void add(money balance);

  std::uint64_t accounts() const noexcept { return accounts_; }

  // The exact sum with the currency's digits, however large.
  std::string text(int exponent) const;

private:
  __extension__ using wide = unsigned __int128; // 2^64 balances of 2^63 fit

  std::uint64_t accounts_ = 0;
  wide sum_ = 0;
};

struct balance_file {
  struct fault {
    std::uint64_t line;
    std::string rule; // a sentence that names field and rule
  };
  static constexpr std::size_t faults_listed = 1000;

  std::vector<balance_row> rows; // those that are right, zero balances too
  std::map<currency_code, balance_total> totals;
  std::vector<fault> faults; // the first `faults_listed`
  std::uint64_t fault_count = 0;
  // Lines whose user has a blank at an end: allowed, and another account than without.
  std::uint64_t padded_count = 0;
  std::uint64_t first_padded = 0; // its line
};

// Reads to the end. The first line that is not blank tells the form: a `{` begins a JSON object,
// anything else is CSV (RFC 4180, one record a line) whose header names the columns `user`,
// `currency` and `balance` in any order among others. Blank lines, a byte-order mark and line ends
// of other systems are passed over. A fault is also an account that stands twice, a line break in a
// quoted field, and an input that may have ended early: a read that failed, or a last line of CSV
// without its line end.
balance_file read_balances(std::istream& in, const currency_table& currencies);

} // namespace ledgerd
