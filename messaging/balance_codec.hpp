// Balances that come from another service, one a line: the values of a request's fields, by the
// rules of a request. Pure functions; any thread; none throws on any input.
#pragma once

#include <string_view>
#include <variant>

#include "domain/currency.hpp"
#include "domain/entry.hpp"
#include "messaging/codec.hpp"

namespace ledgerd {

struct account_balance_line {
  account_key account;
  money balance; // never negative; zero is a balance, though no amount
};

// {"user": ..., "currency": ..., "balance": ...}; the balance a number or a string that holds one,
// read from the raw token. `userId` is another name of `user`. Fields that are not known are
// ignored, as in a request.
std::variant<account_balance_line, rejection> decode_balance(std::string_view document,
                                                             const currency_table& currencies);

// The same three values as texts. They need not be UTF-8, which is then the fault.
std::variant<account_balance_line, rejection> read_balance(std::string_view user,
                                                           std::string_view currency,
                                                           std::string_view balance,
                                                           const currency_table& currencies);

} // namespace ledgerd
