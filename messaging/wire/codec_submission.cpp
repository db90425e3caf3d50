// What callers ask for, and the request that is made of it.
#include <algorithm>
#include <utility>

#include "messaging/submission_codec.hpp"
#include "messaging/topology.hpp"
#include "messaging/wire/codec_fields.hpp"
#include "messaging/wire/codec_text.hpp"
#include "messaging/wire/json_reader.hpp"

namespace ledgerd {

namespace {

using wire::field;
using wire::finding;

struct submission_fields {
  field record_id{"recordId"};
  field user_id{"userId"};
  field type{"type"};
  field currency{"currency"};
  field amount{"amount"};
};

// The first rule that is broken decides, in the order of the fields in `submission_fields`.
finding read_fields(submission_fields& fields, const currency_table& currencies,
                    const request_rules& rules, submission& result) {
  if (!fields.record_id.absent())
    return broken(fields.record_id, "must be left out, the answer tells the id of the new record");
  if (auto fault = read_user_id(fields.user_id, result.account.user_id))
    return fault;
  if (auto fault = read_type(fields.type, result.type))
    return fault;
  int exponent = 0;
  if (auto fault = read_currency(fields.currency, currencies, rules.default_currency,
                                 result.account.currency, exponent))
    return fault;
  return read_amount(fields.amount, exponent, result.amount);
}

} // namespace

std::variant<submission, rejection> decode_submission(std::string_view body,
                                                      const currency_table& currencies,
                                                      const request_rules& rules) {
  submission_fields fields;
  if (auto fault = wire::read_document(
          body, payload_bytes_max,
          {&fields.record_id, &fields.user_id, &fields.type, &fields.currency, &fields.amount},
          wire::others_by(rules)))
    return std::move(*fault);
  submission result;
  if (auto fault = read_fields(fields, currencies, rules, result))
    return std::move(*fault);
  return result;
}

std::variant<std::string, rejection>
read_idempotency_key(const std::vector<std::string_view>& values) {
  const auto broken_key = [](const std::string& rule) {
    return rejection{dead_reason::invalid_field, "header \"Idempotency-Key\": " + rule};
  };
  const auto is_visible = [](char c) { return c > ' ' && c < '\x7f'; };
  if (values.empty())
    return std::string();
  if (values.size() > 1)
    return broken_key("must not be given twice");
  const auto key = values.front();
  if (key.empty() || key.size() > idempotency_key_bytes_max
      || !std::all_of(key.begin(), key.end(), is_visible))
    return broken_key("must have 1 to " + std::to_string(idempotency_key_bytes_max)
                      + " visible ASCII characters");
  return std::string(key);
}

std::optional<rejection> check_user_id(std::string_view user_id) {
  field given{
      .name = "userId", .times = 1, .kind = json_kind::string, .text = std::string(user_id)};
  if (valid_utf8(user_id) != user_id)
    return broken(given, "must be UTF-8");
  std::string taken;
  return read_user_id(given, taken);
}

std::variant<record_id, rejection> read_record_id(std::string_view text) {
  const field given{
      .name = "recordId", .times = 1, .kind = json_kind::string, .text = std::string(text)};
  record_id result{};
  if (auto fault = wire::read_record_id(given, result))
    return std::move(*fault);
  return result;
}

outgoing make_request(std::uint64_t token, const transaction_record& record, int exponent,
                      std::uint64_t attempt) {
  const auto& asked = record.asked;
  outgoing result{.token = token,
                  .subject = std::string(route_of(asked.type).request),
                  .message_id = std::to_string(to_int(record.id))};
  result.stream = names::request_stream;
  result.headers = {{std::string(names::account_mark), result.message_id}};
  if (attempt > 0)
    result.message_id.append("-").append(std::to_string(attempt));
  auto& out = result.payload;
  wire::append_number(out.append("{\"recordId\":"), to_int(record.id));
  append_json_string(out.append(",\"userId\":"), asked.account.user_id);
  out.append(",\"type\":\"").append(to_text(asked.type));
  out.append("\",\"amount\":\"").append(format_amount(asked.amount, exponent));
  out.append("\",\"currency\":\"").append(asked.account.currency.text());
  out.append("\"}");
  return result;
}

} // namespace ledgerd
