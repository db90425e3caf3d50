// What is shown of a row of the ledger: `ledgerd account` and `ledgerd trace`. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "domain/entry.hpp"

namespace ledgerd {

nlohmann::ordered_json posting_json(const posting& row, const currency_table& currencies);

// The amount with the currency's digits, or in minor units when the currency is unknown.
std::string amount_text(money amount, currency_code code, const currency_table& currencies);

} // namespace ledgerd
