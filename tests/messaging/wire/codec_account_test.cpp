#include <string>
#include <vector>

#include "messaging/submission_codec.hpp"
#include "tests/domain/seed.hpp"
#include "tests/messaging/wire/codec_worlds.hpp"

#define CAF_SUITE codec_account
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::string_literals;

namespace {

const auto krw = *currency_code::parse("KRW");

std::string refusal(const rejection& why) {
  return std::string(to_text(why.reason)) + ": " + why.detail;
}

std::string describe(const submission& asked) {
  return asked.account.user_id + " " + std::string(asked.account.currency.text()) + " "
         + std::string(to_text(asked.type)) + " " + std::to_string(asked.amount.minor_units());
}

std::string read_submission(const std::string& body) {
  const auto decoded = decode_submission(body, codec_currencies(), {krw, false});
  const auto* why = std::get_if<rejection>(&decoded);
  return why != nullptr ? refusal(*why) : describe(std::get<submission>(decoded));
}

std::string describe(const record_verdict& verdict) {
  return std::to_string(to_int(verdict.id)) + " " + std::to_string(to_int(verdict.transaction))
         + " " + describe(verdict.decided) + " " + std::string(to_text(verdict.status)) + " "
         + verdict.reason + " " + std::to_string(verdict.balance_after.minor_units());
}

std::string describe(const posting& stored) {
  return describe(record_verdict{
      .id = stored.record,
      .decided = {stored.account, stored.type, stored.amount},
      .status = stored.verdict == outcome::applied ? record_status::success : record_status::failed,
      .transaction = stored.id,
      .reason = std::string(reason_text(stored.verdict)),
      .balance_after = stored.balance_after});
}

std::string read_result(const std::string& payload) {
  const auto decoded = decode_result(payload, codec_currencies());
  const auto* why = std::get_if<rejection>(&decoded);
  return why != nullptr ? refusal(*why) : describe(std::get<record_verdict>(decoded));
}

// A valid result, in which one field stands as given, or not at all; one that it lacks is added.
std::string result_with(const std::string& field, const std::string& value) {
  std::vector<std::pair<std::string, std::string>> fields{
      {"recordId", "7"},
      {"transactionId", "41"},
      {"userId", R"("user-1")"},
      {"type", R"("DEPOSIT")"},
      {"status", R"("SUCCESS")"},
      {"amount", R"("12.30")"},
      {"currency", R"("EUR")"},
      {"balanceAfter", R"("0.05")"},
      {"processedAt", R"("2026-11-24T07:32:52.000042Z")"}};
  auto known = false;
  for (auto& [name, text] : fields)
    if (name == field) {
      text = value;
      known = true;
    }
  if (!known)
    fields.emplace_back(field, value);
  std::string out = "{";
  for (const auto& [name, text] : fields)
    if (!text.empty())
      out += (out.size() > 1 ? ",\"" : "\"") + name + "\":" + text;
  return out + "}";
}

std::string failed_with_reason(const std::string& reason) {
  auto out = result_with("status", R"("FAILED")");
  out.pop_back();
  return out + ",\"reason\":" + reason + "}";
}

} // namespace

CAF_TEST(submissions_are_read_by_the_rules_of_requests) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {R"({"userId":"u","type":"DEPOSIT","amount":10000})", "u KRW DEPOSIT 10000"},
      {R"({"userId":"u","type":"WITHDRAWAL","amount":"1.230e1","currency":"EUR"})",
       "u EUR WITHDRAWAL 1230"},
      {R"({"userId":"u","type":"DEPOSIT","amount":1,"currency":null,"recordId":null,"x":[{}]})",
       "u KRW DEPOSIT 1"},
      {R"({"userId":"u","type":"DEPOSIT","amount":1,"recordId":7})",
       R"(INVALID_FIELD: field "recordId": must be left out, the answer tells the id of the new record)"},
      {R"({"userId":"u","type":"DEPOSIT","amount":1,"recordId":""})",
       R"(INVALID_FIELD: field "recordId": must be left out, the answer tells the id of the new record)"},
      {R"({"userId":"u","amount":1})", R"(INVALID_FIELD: field "type": is required)"},
      {R"({"userId":"u","type":"deposit","amount":1})",
       R"(INVALID_FIELD: field "type": must be DEPOSIT or WITHDRAWAL)"},
      {R"({"userId":"u","type":["DEPOSIT"],"amount":1})",
       R"(INVALID_FIELD: field "type": must be DEPOSIT or WITHDRAWAL)"},
      {R"({"type":"DEPOSIT","amount":1})", R"(INVALID_FIELD: field "userId": is required)"},
      {R"({"userId":"u","type":"DEPOSIT"})", R"(INVALID_FIELD: field "amount": is required)"},
      {R"({"userId":"u","type":"DEPOSIT","amount":1.5})",
       R"(INVALID_FIELD: field "amount": must not have non-zero digits beyond the currency's)"},
      {R"({"userId":"u","type":"DEPOSIT","amount":1,"currency":"ZZZ"})",
       R"(INVALID_FIELD: field "currency": must be a known currency)"},
      {R"({"userId":"u","type":"DEPOSIT","amount":1,"amount":1})",
       R"(INVALID_FIELD: field "amount": must not be given twice)"},
      {R"({"userId":"u","type":"DEPOSIT","amount":1,"recordId":null,"recordId":null})",
       R"(INVALID_FIELD: field "recordId": must not be given twice)"},
      {R"([{"userId":"u"}])", "MALFORMED_JSON: the payload is not a JSON object at byte 0"},
      {"", "MALFORMED_JSON: the payload is not a JSON object at byte 0"},
      {std::string(payload_bytes_max + 1, ' '),
       "TOO_LARGE: the payload has 65537 bytes, more than 65536"},
  };
  for (const auto& [body, expected] : rows) {
    const auto found = read_submission(body);
    if (expected.find("non-zero digits") != std::string::npos)
      CAF_CHECK(found.starts_with(R"(INVALID_FIELD: field "amount": )"));
    else
      CAF_CHECK_EQUAL(found, expected);
  }
}

CAF_TEST(an_idempotency_key_is_visible_ascii) {
  for (const auto& key : {"a"s, "!"s, "~"s, "3f2504e0-4f89-41d3-9a0c-0305e82c3301"s,
                          std::string(255, 'x'), "\"quoted\""s})
    CAF_CHECK(std::get<std::string>(read_idempotency_key({key})) == key);
  CAF_CHECK(std::get<std::string>(read_idempotency_key({})).empty());
  CAF_CHECK_EQUAL(refusal(std::get<rejection>(read_idempotency_key({"a", "a"}))),
                  R"(INVALID_FIELD: header "Idempotency-Key": must not be given twice)");
  for (const auto& key :
       {""s, " "s, "a b"s, "\x7f"s, "\x1f"s, "a\0b"s, "\xc3\xa4"s, "a\n"s, std::string(256, 'x')}) {
    const auto read = read_idempotency_key({key});
    CAF_REQUIRE(std::holds_alternative<rejection>(read));
    CAF_CHECK_EQUAL(
        refusal(std::get<rejection>(read)),
        R"(INVALID_FIELD: header "Idempotency-Key": must have 1 to 255 visible ASCII characters)");
  }
}

CAF_TEST(a_user_outside_a_document_has_the_same_rules) {
  for (const auto& user : {"a"s, "a b"s, "\xea\xb9\x80"s, std::string(128, 'u')})
    CAF_CHECK(!check_user_id(user));
  for (const auto& [user, rule] : std::vector<std::pair<std::string, std::string>>{
           {"", "must have 1 to 128 bytes"},
           {std::string(129, 'u'), "must have 1 to 128 bytes"},
           {"a\n", "must not contain control characters"},
           {"\xc2\x85", "must not contain control characters"},
           {"a\0"s, "must not contain control characters"},
           {"\xff", "must be UTF-8"},
           {"\xed\xa0\x80", "must be UTF-8"}}) {
    const auto fault = check_user_id(user);
    CAF_REQUIRE(fault.has_value());
    CAF_CHECK_EQUAL(refusal(*fault), "INVALID_FIELD: field \"userId\": " + rule);
  }
}

CAF_TEST(a_request_is_exactly_these_bytes) {
  transaction_record record{
      .id = record_id{7},
      .asked = {{"a\"b", *currency_code::parse("EUR")}, movement::withdrawal, money{1230}}};
  const auto first = make_request(17, record, 2, 0);
  CAF_CHECK_EQUAL(first.token, 17u);
  CAF_CHECK_EQUAL(first.subject, "transaction.withdrawal");
  CAF_CHECK_EQUAL(first.message_id, "7");
  CAF_CHECK_EQUAL(
      first.payload,
      R"({"recordId":7,"userId":"a\"b","type":"WITHDRAWAL","amount":"12.30","currency":"EUR"})");
  CAF_CHECK(first.headers == (std::vector<header>{{"Ledgerd-Account", "7"}}));
  record.asked.type = movement::deposit;
  const auto later = make_request(18, record, 2, 3);
  CAF_CHECK_EQUAL(later.subject, "transaction.deposit");
  CAF_CHECK_EQUAL(later.message_id, "7-3");
  CAF_CHECK(has_account_mark(later.headers));
}

CAF_TEST(every_request_is_read_as_it_was_asked) {
  codec_worlds worlds(property_seed());
  for (int i = 0; i < 3000; ++i) {
    const transaction_record record{.id = record_id{worlds.number(1)}, .asked = worlds.asked()};
    const auto message =
        make_request(1, record, codec_exponent(record.asked.account.currency), worlds.below(3));
    const auto decoded =
        decode_entry(message.subject, message.payload, codec_currencies(), {krw, false});
    CAF_REQUIRE(std::holds_alternative<entry>(decoded));
    const auto& read = std::get<entry>(decoded);
    CAF_REQUIRE(read.id == record.id);
    CAF_REQUIRE((submission{read.account, read.type, read.amount} == record.asked));
  }
}

CAF_TEST(every_result_is_read_as_it_was_stored) {
  codec_worlds worlds(property_seed());
  for (int i = 0; i < 5000; ++i) {
    auto row = worlds.stored();
    if (i == 0)
      row.account.user_id = std::string(128, '"'); // the longest there is
    const auto payload = encode_result(row, codec_exponent(row.account.currency));
    const auto found = read_result(payload);
    if (found != describe(row))
      CAF_FAIL(payload << " was read as " << found);
  }
}

CAF_TEST(results_may_gain_fields_and_change_their_order) {
  const auto expected = "7 41 user-1 EUR DEPOSIT 1230 SUCCESS  5"s;
  CAF_CHECK_EQUAL(read_result(result_with("x", "1")), expected);
  CAF_CHECK_EQUAL(read_result(result_with("fee", R"({"amount":"x","recordId":[8]})")), expected);
  CAF_CHECK_EQUAL(read_result(result_with("reason", "null")), expected);
  CAF_CHECK_EQUAL(
      read_result(
          R"({"processedAt":"2026-11-24T07:32:52.000042Z","balanceAfter":"0.00","currency":"EUR",)"
          R"("amount":"12.30","reason":"BALANCE_OVERFLOW","status":"FAILED","type":"DEPOSIT",)"
          R"("userId":"user-1","transactionId":41,"recordId":7})"),
      "7 41 user-1 EUR DEPOSIT 1230 FAILED BALANCE_OVERFLOW 0");
}

CAF_TEST(each_field_of_a_result_is_checked) {
  const auto id_rule = "must be an integer from 1 to 9223372036854775807, in digits alone and "
                       "without leading zeros"s;
  const auto amount_rule = "must be a string with exactly the currency's digits"s;
  const auto time_rule = "must be an RFC 3339 time in UTC with microseconds"s;
  struct row {
    std::string field;
    std::vector<std::string> values; // an empty one leaves the field out
    std::string rule;
  };
  const std::vector<row> rows{
      {"recordId", {"", "null"}, "is required"},
      {"recordId",
       {"0", "-1", "7.0", "7e0", "9223372036854775808", R"("7")", "true", "[7]", "{}"},
       id_rule},
      {"transactionId", {"", "null"}, "is required"},
      {"transactionId", {"0", "-0", "1.5", "18446744073709551617", R"("41")"}, id_rule},
      {"userId", {"", "null"}, "is required"},
      {"userId", {"7"}, "must be a string"},
      {"userId", {R"("")", "\"" + std::string(129, 'u') + "\""}, "must have 1 to 128 bytes"},
      {"userId", {R"("\n")", R"("\u0085")"}, "must not contain control characters"},
      {"type", {"", "null"}, "is required"},
      {"type", {R"("TRANSFER")", "1"}, "must be DEPOSIT or WITHDRAWAL"},
      {"currency", {"", "null"}, "is required"},
      {"currency", {R"("eur")", R"("EURO")", "978"}, "must be three capital letters"},
      {"currency", {R"("ZZZ")"}, "must be a known currency"},
      {"currency", {R"("BHD")"}, amount_rule},
      {"amount", {"", "null"}, "is required"},
      {"amount", {"12.30", R"("12.3")", R"("12.300")", R"("1.23e1")", "1230"}, amount_rule},
      {"balanceAfter", {"", "null"}, "is required"},
      {"balanceAfter", {"0.05", R"("5e-2")", R"("0.050")"}, amount_rule},
      {"status", {"", "null"}, "is required"},
      {"status", {R"("PENDING")", R"("success")", "1"}, "must be SUCCESS or FAILED"},
      {"reason", {R"("INSUFFICIENT_FUNDS")", "1"}, "must be left out when status is SUCCESS"},
      {"processedAt",
       {"", "null", "1", R"("")", R"("2026-11-24T07:32:52Z")", R"("2026-11-24T07:32:52.000042")",
        R"("2026-11-24T07:32:52.000042+00:00")", R"("2026-13-24T07:32:52.000042Z")",
        R"("2026-11-32T07:32:52.000042Z")", R"("2026-11-24T24:32:52.000042Z")",
        R"("2026-11-24T07:60:52.000042Z")", R"("2026-11-24T07:32:52.00042Z")",
        R"("2026-11-24 07:32:52.000042Z")", R"("2026-11-24T07:32:52.-00042Z")",
        R"("12026-11-24T07:32:52.000042Z")", R"("2026-11-24T07:32:52.000042ZZ")"},
       time_rule},
  };
  for (const auto& [field, values, rule] : rows)
    for (const auto& value : values) {
      const auto name = field == "currency" && rule == amount_rule ? "amount" : field;
      CAF_MESSAGE(field << " " << value);
      CAF_CHECK_EQUAL(read_result(result_with(field, value)),
                      "INVALID_FIELD: field \"" + name + "\": " + rule);
    }
  for (const auto* value : {R"("0.00")", R"("-12.30")", R"("92233720368547758.08")", R"("x")"})
    CAF_CHECK(
        read_result(result_with("amount", value)).starts_with(R"(INVALID_FIELD: field "amount")"));
  for (const auto* value : {R"("-0.00")", R"("-0.05")", R"("0")", R"("92233720368547758.08")"})
    CAF_CHECK(read_result(result_with("balanceAfter", value))
                  .starts_with(R"(INVALID_FIELD: field "balanceAfter")"));
  CAF_CHECK(read_result(result_with("recordId", "07")).starts_with("MALFORMED_JSON: "));
  CAF_CHECK(read_result(result_with("x", "1") + "x").starts_with("MALFORMED_JSON: "));
}

CAF_TEST(status_and_reason_of_a_result_agree) {
  const auto rule =
      R"(INVALID_FIELD: field "reason": must be INSUFFICIENT_FUNDS or BALANCE_OVERFLOW when status is FAILED)"s;
  CAF_CHECK_EQUAL(read_result(result_with("status", R"("FAILED")")), rule);
  for (const auto* reason : {"null", "1", R"("")", R"("insufficient_funds")",
                             R"("RECORD_ID_CONFLICT")", R"(["INSUFFICIENT_FUNDS"])"})
    CAF_CHECK_EQUAL(read_result(failed_with_reason(reason)), rule);
  CAF_CHECK_EQUAL(read_result(failed_with_reason(R"("INSUFFICIENT_FUNDS")")),
                  "7 41 user-1 EUR DEPOSIT 1230 FAILED INSUFFICIENT_FUNDS 5");
  CAF_CHECK_EQUAL(read_result(failed_with_reason(R"("BALANCE_OVERFLOW","reason":null)")),
                  R"(INVALID_FIELD: field "reason": must not be given twice)");
}

CAF_TEST(damaged_results_never_pass_as_others) {
  codec_worlds worlds(property_seed());
  for (int i = 0; i < 5000; ++i) {
    const auto row = worlds.stored();
    auto payload = encode_result(row, codec_exponent(row.account.currency));
    payload.resize(worlds.below(payload.size()));
    if (!read_result(payload).starts_with("MALFORMED_JSON: "))
      CAF_FAIL(payload << " was read as " << read_result(payload));
  }
}

namespace {

// What a letter says of a record: its id, "nothing", or why it is not about the record.
std::string read_letter(const std::string& mark, const std::string& stream,
                        const std::string& reason, const std::string& payload,
                        const std::string& subject = "transaction.deposit",
                        const std::vector<header>& more = {}) {
  std::vector<header> headers{{"ledgerd-account", mark},
                              {"Ledgerd-Stream", stream},
                              {"Ledgerd-Reason", reason},
                              {"Ledgerd-Subject", subject}};
  headers.insert(headers.end(), more.begin(), more.end());
  const auto read = decode_parked_request(headers, payload, codec_currencies());
  if (!read)
    return "nothing";
  if (const auto* why = std::get_if<rejection>(&*read))
    return refusal(*why);
  const auto& said = std::get<record_verdict>(*read);
  CAF_CHECK(said.parked && said.status == record_status::failed);
  CAF_CHECK_EQUAL(said.reason, reason);
  CAF_CHECK_EQUAL(describe(said.decided), "ann KRW DEPOSIT 10");
  return std::to_string(to_int(said.id));
}

const auto seven =
    R"({"recordId":7,"userId":"ann","type":"DEPOSIT","amount":"10","currency":"KRW"})"s;

} // namespace

CAF_TEST(a_letter_of_something_else_says_nothing_of_a_record) {
  CAF_CHECK_EQUAL(read_letter("7", "TRANSACTION_RESULTS", "INVALID_FIELD", seven), "nothing");
  CAF_CHECK_EQUAL(read_letter("7", "TRANSACTIONS", "UNKNOWN_RECORD", seven), "nothing");
  CAF_CHECK_EQUAL(read_letter("7", "TRANSACTIONS", "", seven), "nothing");
  CAF_CHECK_EQUAL(read_letter("", "TRANSACTIONS", "INVALID_FIELD", seven), "nothing");
  CAF_CHECK(!decode_parked_request({}, seven, codec_currencies()));
}

CAF_TEST(a_parked_request_is_told_by_its_content) {
  for (const auto* reason : {"INVALID_FIELD", "ATTEMPTS_EXHAUSTED", "RECORD_ID_CONFLICT"})
    CAF_CHECK_EQUAL(read_letter("7", "TRANSACTIONS", reason, seven), "7");
  const auto other = R"({"amount":1e1,"currency":"KRW","userId":"ann","recordId":"7","x":[]})"s;
  CAF_CHECK_EQUAL(read_letter("7", "TRANSACTIONS", "ATTEMPTS_EXHAUSTED", other), "7");
  CAF_CHECK_EQUAL(read_letter("7", "TRANSACTIONS", "RECORD_ID_CONFLICT", other), "7");
  // The ledger that parked it may have refused the field that it does not know.
  CAF_CHECK_EQUAL(read_letter("7", "TRANSACTIONS", "INVALID_FIELD", other),
                  "INVALID_FIELD: field \"x\": is not known");
}

CAF_TEST(a_letter_with_a_mark_alone_is_not_about_the_record) {
  const auto read = [](const std::string& mark, const std::string& payload,
                       const std::string& subject = "transaction.deposit",
                       const std::vector<header>& more = {}) {
    return read_letter(mark, "TRANSACTIONS", "INVALID_FIELD", payload, subject, more);
  };
  for (const auto* mark : {"0", "7 or so", "9223372036854775808"})
    CAF_CHECK_EQUAL(read(mark, seven),
                    "INVALID_FIELD: field \"Ledgerd-Account\": must be an integer from 1 to "
                    "9223372036854775807, in digits alone and without leading zeros");
  CAF_CHECK_EQUAL(read("8", seven), "UNKNOWN_RECORD: field \"recordId\": is not that of the mark");
  CAF_CHECK_EQUAL(read("7", seven, "transaction.deposit", {{"Ledgerd-Truncated", "70000"}}),
                  "UNKNOWN_RECORD: its payload was cut");
  CAF_CHECK_EQUAL(read("7", seven, "other.deposit"),
                  "UNKNOWN_RECORD: header Ledgerd-Subject: is not that of a request");
  CAF_CHECK_EQUAL(read("7", seven, "transaction.withdrawal"),
                  "INVALID_FIELD: field \"type\": must agree with the subject");
  CAF_CHECK(read("7", "not json").starts_with("MALFORMED_JSON: "));
  CAF_CHECK(read("7", "").starts_with("MALFORMED_JSON: "));
  CAF_CHECK_EQUAL(read("7", R"({"recordId":7,"userId":"ann","type":"DEPOSIT","amount":"10"})"),
                  "INVALID_FIELD: field \"currency\": is required");
}
