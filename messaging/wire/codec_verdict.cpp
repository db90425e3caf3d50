// Results in, and the question for verdicts with its answer.
#include <algorithm>
#include <limits>
#include <utility>

#include "messaging/names.hpp"
#include "messaging/submission_codec.hpp"
#include "messaging/topology.hpp"
#include "messaging/wire/codec_fields.hpp"
#include "messaging/wire/codec_text.hpp"
#include "messaging/wire/header_text.hpp"

namespace ledgerd {

namespace {

using wire::field;
using wire::finding;
using wire::spelling;

struct result_fields {
  field record_id{"recordId"};
  field transaction_id{"transactionId"};
  field user_id{"userId"};
  field type{"type"};
  field currency{"currency"};
  field amount{"amount"};
  field balance_after{"balanceAfter"};
  field status{"status"};
  field reason{"reason"};
  field processed_at{"processedAt"};
};

finding read_id(const field& given, std::int64_t& result) {
  return read_integer(given, 1, std::numeric_limits<std::int64_t>::max(), spelling::number, result);
}

// A result says its amounts in exactly one way; one with other digits was computed with another
// exponent than ours.
finding check_digits(const field& given, money amount, int exponent) {
  if (given.kind != json_kind::string || given.text != format_amount(amount, exponent))
    return broken(given, "must be a string with exactly the currency's digits");
  return std::nullopt;
}

finding read_balance(const field& given, int exponent, money& result) {
  if (given.kind == json_kind::string && given.text == format_amount(money{}, exponent)) {
    result = money{};
    return std::nullopt;
  }
  if (auto fault = read_amount(given, exponent, result))
    return fault;
  return check_digits(given, result, exponent);
}

finding read_money(result_fields& fields, const currency_table& currencies,
                   record_verdict& result) {
  auto& decided = result.decided;
  int exponent = 0;
  if (auto fault = read_currency(fields.currency, currencies, std::nullopt,
                                 decided.account.currency, exponent))
    return fault;
  if (auto fault = read_amount(fields.amount, exponent, decided.amount))
    return fault;
  if (auto fault = check_digits(fields.amount, decided.amount, exponent))
    return fault;
  return read_balance(fields.balance_after, exponent, result.balance_after);
}

finding read_status(result_fields& fields, record_verdict& result) {
  if (fields.status.absent())
    return broken(fields.status, "is required");
  const auto status = fields.status.kind == json_kind::string
                          ? parse_record_status(fields.status.text)
                          : std::nullopt;
  if (!status || *status == record_status::pending)
    return broken(fields.status, "must be SUCCESS or FAILED");
  result.status = *status;
  if (*status == record_status::success)
    return fields.reason.absent()
               ? std::nullopt
               : finding(broken(fields.reason, "must be left out when status is SUCCESS"));
  if (fields.reason.kind != json_kind::string || !parse_reason(fields.reason.text))
    return broken(fields.reason,
                  "must be INSUFFICIENT_FUNDS or BALANCE_OVERFLOW when status is FAILED");
  result.reason = std::move(fields.reason.text);
  return std::nullopt;
}

// The first rule that is broken decides, in the order of the fields in `result_fields`.
finding read_fields(result_fields& fields, const currency_table& currencies,
                    record_verdict& result) {
  std::int64_t record = 0;
  std::int64_t transaction = 0;
  if (auto fault = read_id(fields.record_id, record))
    return fault;
  if (auto fault = read_id(fields.transaction_id, transaction))
    return fault;
  result.id = record_id{record};
  result.transaction = transaction_id{transaction};
  if (auto fault = read_user_id(fields.user_id, result.decided.account.user_id))
    return fault;
  if (auto fault = read_type(fields.type, result.decided.type))
    return fault;
  if (auto fault = read_money(fields, currencies, result))
    return fault;
  if (auto fault = read_status(fields, result))
    return fault;
  const auto time = fields.processed_at.kind == json_kind::string
                        ? wire::parse_time(fields.processed_at.text)
                        : std::nullopt;
  if (!time)
    return broken(fields.processed_at, "must be an RFC 3339 time in UTC with microseconds");
  result.processed_at = *time;
  return std::nullopt;
}

// Why a request may have been parked.
constexpr dead_reason request_reasons[] = {
    dead_reason::malformed_json, dead_reason::too_large, dead_reason::invalid_field,
    dead_reason::record_id_conflict, dead_reason::attempts_exhausted};

// Whether the ledger had read the request before it was parked.
bool was_read(std::string_view reason) {
  return reason == to_text(dead_reason::record_id_conflict)
         || reason == to_text(dead_reason::attempts_exhausted);
}

rejection of_another(std::string detail) {
  return {dead_reason::unknown_record, std::move(detail)};
}

// The request that was parked, in whatever notation, if it is that of the record `marked`. Only
// what every ledger reads in the same way counts: no currency by default; no field that a ledger
// may refuse, unless this one has not; nothing that was cut.
std::variant<entry, rejection> read_parked(const std::vector<header>& headers,
                                           std::string_view payload,
                                           const currency_table& currencies, record_id marked) {
  if (!find_header(headers, "Ledgerd-Truncated").empty())
    return of_another("its payload was cut");
  const auto subject = find_header(headers, "Ledgerd-Subject");
  const request_rules rules{.refuse_unknown_fields =
                                !was_read(find_header(headers, "Ledgerd-Reason"))};
  auto decoded = decode_entry(subject, payload, currencies, rules);
  if (const auto* asked = std::get_if<entry>(&decoded)) {
    if (asked->id != marked)
      return of_another("field \"recordId\": is not that of the mark");
    if (route_of(asked->type).request != subject)
      return of_another("header Ledgerd-Subject: is not that of a request");
  }
  return decoded;
}

} // namespace

std::variant<record_verdict, rejection> decode_result(std::string_view payload,
                                                      const currency_table& currencies) {
  result_fields fields;
  if (auto fault = wire::read_document(payload, payload_bytes_max,
                                       {&fields.record_id, &fields.transaction_id, &fields.user_id,
                                        &fields.type, &fields.currency, &fields.amount,
                                        &fields.balance_after, &fields.status, &fields.reason,
                                        &fields.processed_at}))
    return std::move(*fault);
  record_verdict result;
  if (auto fault = read_fields(fields, currencies, result))
    return std::move(*fault);
  return result;
}

bool has_account_mark(const std::vector<header>& headers) {
  return !find_header(headers, names::account_mark).empty();
}

bool is_parking_reason(std::string_view reason) {
  return std::any_of(std::begin(request_reasons), std::end(request_reasons),
                     [&](dead_reason one) { return to_text(one) == reason; });
}

std::optional<std::variant<record_verdict, rejection>>
decode_parked_request(const std::vector<header>& headers, std::string_view payload,
                      const currency_table& currencies) {
  const auto mark = find_header(headers, names::account_mark);
  const auto reason = find_header(headers, "Ledgerd-Reason");
  if (mark.empty() || find_header(headers, "Ledgerd-Stream") != names::request_stream
      || !is_parking_reason(reason))
    return std::nullopt;
  record_verdict result{
      .status = record_status::failed, .reason = std::string(reason), .parked = true};
  if (auto fault = wire::read_record_id(
          {names::account_mark, 1, json_kind::string, std::string(mark)}, result.id))
    return std::move(*fault);
  auto decoded = read_parked(headers, payload, currencies, result.id);
  if (auto* fault = std::get_if<rejection>(&decoded))
    return std::move(*fault);
  auto& asked = std::get<entry>(decoded);
  result.decided = {std::move(asked.account), asked.type, asked.amount};
  return result;
}

std::string encode_verdict_question(const std::vector<record_id>& ids) {
  std::string out = "{\"recordIds\":[";
  auto separator = "";
  for (const auto id : ids)
    wire::append_number(out.append(std::exchange(separator, ",")), to_int(id));
  out.append("]}");
  return out;
}

std::variant<std::vector<record_id>, rejection> decode_verdict_question(std::string_view body) {
  field given{"recordIds"};
  if (auto fault = wire::read_document(body, payload_bytes_max, {&given}))
    return std::move(*fault);
  std::vector<record_id> result;
  const auto take = [&](const json_member& element) -> finding {
    const field one{"recordId", 1, element.kind, std::string(element.text)};
    return read_record_id(one, result.emplace_back());
  };
  if (auto fault = read_list(given, verdict_question_max, take))
    return std::move(*fault);
  return result;
}

// A posting in a currency that the table does not know yet is left out: whoever asks will ask
// again.
std::string encode_verdicts(const std::vector<posting>& decided, const currency_table& currencies) {
  std::string out = "{\"results\":[";
  auto separator = "";
  for (const auto& one : decided)
    if (const auto exponent = currencies.exponent(one.account.currency))
      out.append(std::exchange(separator, ",")).append(encode_result(one, *exponent));
  out.append("]}");
  return out;
}

std::variant<std::vector<record_verdict>, rejection>
decode_verdicts(std::string_view body, const currency_table& currencies) {
  field given{"results"};
  if (auto fault = wire::read_answer(body, {&given}))
    return std::move(*fault);
  std::vector<record_verdict> result;
  const auto take = [&](const json_member& element) -> finding {
    if (element.kind != json_kind::object)
      return rejection{dead_reason::invalid_field, "must be an object"};
    auto decoded = decode_result(element.text, currencies);
    if (auto* fault = std::get_if<rejection>(&decoded))
      return std::move(*fault);
    result.push_back(std::get<record_verdict>(std::move(decoded)));
    return std::nullopt;
  };
  if (auto fault = read_list(given, verdict_question_max, take))
    return std::move(*fault);
  return result;
}

} // namespace ledgerd
