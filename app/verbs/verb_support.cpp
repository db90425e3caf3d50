#include "app/verbs/verb_support.hpp"

#include <algorithm>

#include "app/base/text.hpp"
#include "app/config/broker_access.hpp"
#include "app/config/config.hpp"

namespace ledgerd {

using nlohmann::ordered_json;

std::unique_ptr<broker> connect_broker(const broker_settings& settings) {
  try {
    return broker::connect(broker_access(settings, "ledgerd verb"),
                           [](link_event, const std::string&) {});
  } catch (const std::runtime_error& e) {
    throw std::runtime_error{"cannot reach the broker at " + redact_url(settings.nats_url) + ": "
                             + e.what()};
  }
}

std::unique_ptr<ledger_reader> open_ledger(const database_settings& settings) {
  require_ledger_database(settings);
  return make_postgres_reader(settings.database_url);
}

std::string_view header_value(const stored_message& message, std::string_view name) {
  for (const auto& header : message.headers)
    if (header.name == name)
      return header.value;
  return {};
}

std::optional<record_id> record_of(std::string_view payload) {
  const auto document = nlohmann::json::parse(payload, nullptr, false);
  if (!document.is_object() || !document.contains("recordId"))
    return std::nullopt;
  const auto& field = document["recordId"];
  const auto text = field.is_string()           ? field.get<std::string>()
                    : field.is_number_integer() ? field.dump()
                                                : "";
  const auto number = parse_integer(text, 1, INT64_MAX);
  if (!number)
    return std::nullopt;
  return record_id{*number};
}

std::string amount_text(money amount, currency_code code, const currency_table& currencies) {
  const auto exponent = currencies.exponent(code);
  return exponent ? format_amount(amount, *exponent)
                  : std::to_string(amount.minor_units()) + " minor units";
}

ordered_json posting_json(const posting& row, const currency_table& currencies) {
  ordered_json item{{"recordId", to_int(row.record)},
                    {"transactionId", to_int(row.id)},
                    {"userId", row.account.user_id},
                    {"currency", row.account.currency.text()},
                    {"seq", row.seq},
                    {"type", to_text(row.type)},
                    {"amount", amount_text(row.amount, row.account.currency, currencies)},
                    {"status", status_text(row.verdict)}};
  if (row.verdict != outcome::applied)
    item["reason"] = reason_text(row.verdict);
  item["balanceAfter"] = amount_text(row.balance_after, row.account.currency, currencies);
  item["processedAt"] = format_time(to_int(row.created_at));
  return item;
}

} // namespace ledgerd
