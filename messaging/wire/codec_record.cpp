// What callers get: records, accounts, history, problems.
#include <utility>

#include "messaging/submission_codec.hpp"
#include "messaging/wire/codec_text.hpp"
#include "messaging/wire/json_reader.hpp"

namespace ledgerd {

namespace {

using wire::append_number;
using wire::append_time;

// A record as it is said to callers; none of the texts but the user can hold a character that JSON
// would escape.
struct told_record {
  record_id id{};
  std::optional<transaction_id> transaction;
  const account_key& account;
  movement type = movement::deposit;
  money amount;
  std::string_view status;
  std::string_view reason;
  std::optional<money> balance_after;
  database_time created_at{};
  database_time updated_at{};
};

void append_record(std::string& out, const told_record& told, int exponent) {
  append_number(out.append("{\"recordId\":"), to_int(told.id));
  if (told.transaction)
    append_number(out.append(",\"transactionId\":"), to_int(*told.transaction));
  append_json_string(out.append(",\"userId\":"), told.account.user_id);
  out.append(",\"type\":\"").append(to_text(told.type));
  out.append("\",\"amount\":\"").append(format_amount(told.amount, exponent));
  out.append("\",\"currency\":\"").append(told.account.currency.text());
  out.append("\",\"status\":\"").append(told.status);
  if (!told.reason.empty())
    out.append("\",\"reason\":\"").append(told.reason);
  if (told.balance_after)
    out.append("\",\"balanceAfter\":\"").append(format_amount(*told.balance_after, exponent));
  append_time(out.append("\",\"createdAt\":\""), told.created_at);
  append_time(out.append("\",\"updatedAt\":\""), told.updated_at);
  out.append("\"}");
}

void append_posting(std::string& out, const posting& stored, int exponent) {
  append_record(out,
                {.id = stored.record,
                 .transaction = stored.id,
                 .account = stored.account,
                 .type = stored.type,
                 .amount = stored.amount,
                 .status = status_text(stored.verdict),
                 .reason = reason_text(stored.verdict),
                 .balance_after = stored.balance_after,
                 .created_at = stored.created_at,
                 .updated_at = stored.created_at},
                exponent);
}

} // namespace

std::string encode_record(const transaction_record& record, int exponent) {
  std::string out;
  append_record(out,
                {.id = record.id,
                 .transaction = record.transaction,
                 .account = record.asked.account,
                 .type = record.asked.type,
                 .amount = record.asked.amount,
                 .status = to_text(record.status),
                 .reason = record.reason,
                 .balance_after = record.balance_after,
                 .created_at = record.created_at,
                 .updated_at = record.updated_at},
                exponent);
  return out;
}

std::string encode_record(const posting& stored, int exponent) {
  std::string out;
  append_posting(out, stored, exponent);
  return out;
}

std::string encode_account(std::string_view user_id, const std::vector<account_balance>& accounts) {
  std::string out;
  append_json_string(out.append("{\"userId\":"), user_id);
  out.append(",\"accounts\":[");
  auto separator = "";
  for (const auto& one : accounts) {
    out.append(std::exchange(separator, ","));
    out.append("{\"currency\":\"").append(one.currency.text());
    out.append("\",\"balance\":\"").append(format_amount(one.head.balance, one.exponent));
    append_number(out.append("\",\"seq\":"), one.head.seq);
    append_time(out.append(",\"updatedAt\":\""), one.updated_at);
    out.append("\"}");
  }
  out.append("]}");
  return out;
}

std::optional<std::string> encode_history(const std::vector<posting>& postings,
                                          const currency_table& currencies, std::string_view next) {
  std::string out = "{\"items\":[";
  auto separator = "";
  for (const auto& one : postings) {
    const auto exponent = currencies.exponent(one.account.currency);
    if (!exponent)
      return std::nullopt;
    append_posting(out.append(std::exchange(separator, ",")), one, *exponent);
  }
  return out.append("],\"next\":").append(next.empty() ? "null" : next).append("}");
}

std::string encode_problem(int status, std::string_view title, std::string_view code,
                           std::string_view detail) {
  std::string out = "{\"type\":\"about:blank\",\"title\":";
  append_json_string(out, valid_utf8(title));
  append_number(out.append(",\"status\":"), status);
  append_json_string(out.append(",\"code\":"), valid_utf8(code));
  append_json_string(out.append(",\"detail\":"), valid_utf8(detail)); // may quote what came in
  out.append("}");
  return out;
}

} // namespace ledgerd
