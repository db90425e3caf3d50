#include "app/trace/posting_view.hpp"

#include "app/base/text.hpp"
#include "messaging/codec.hpp"

namespace ledgerd {

using nlohmann::ordered_json;

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
