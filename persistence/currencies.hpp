// Adding a currency to the ledger: for whoever keeps it. The daemon only reads them.
#pragma once

#include <string>

#include "domain/currency.hpp"

namespace ledgerd {

// What the table holds for a code once somebody wanted to add it.
struct currency_addition {
  bool added = false; // false: the code was there already
  int exponent = 0;   // that of the table; what was asked for unless somebody was there before
};

// Inserts the currency unless its code is there: a row is never changed, since balances are counted
// in its digits. Two at once are safe. Waits for the database; throws std::runtime_error with a
// sentence of one line (never the password), among others when the role may not insert.
currency_addition add_currency(const std::string& ledger_database_url, const currency& wanted);

} // namespace ledgerd
