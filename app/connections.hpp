// What the verbs share: connections made from the configuration, and JSON for output.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "app/config.hpp"
#include "domain/entry.hpp"
#include "messaging/broker.hpp"
#include "persistence/postgres.hpp"

namespace ledgerd {

// One attempt; throws std::runtime_error with the reason, without secrets.
std::unique_ptr<broker> connect_broker(const config& settings);

// Throws usage_error when no database is configured. Connects on first use.
std::unique_ptr<ledger_reader> open_ledger(const config& settings);

// The value of a header, or an empty text.
std::string_view header_value(const stored_message& message, std::string_view name);

// The recordId of a payload that is a JSON object with a valid one; nothing for all else.
std::optional<record_id> record_of(std::string_view payload);

// Prints the value in indented lines. Bytes that are not UTF-8 are replaced.
void print_json(const nlohmann::ordered_json& value);

nlohmann::ordered_json posting_json(const posting& row, const currency_table& currencies);

// The amount with the currency's digits, or in minor units when the currency is unknown.
std::string amount_text(money amount, currency_code code, const currency_table& currencies);

} // namespace ledgerd
