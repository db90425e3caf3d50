#include <limits>
#include <string>

#include <nlohmann/json.hpp>

#include "messaging/codec.hpp"

#define CAF_SUITE codec_result
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

posting sample() {
  return {.id = transaction_id{41},
          .record = record_id{7},
          .account = {"user-1", *currency_code::parse("EUR")},
          .seq = 3,
          .type = movement::deposit,
          .amount = money{1230},
          .verdict = outcome::applied,
          .balance_after = money{5},
          .created_at = database_time{1'795'505'572'000'042}};
}

std::string processed_at(std::int64_t microseconds) {
  auto row = sample();
  row.created_at = database_time{microseconds};
  return nlohmann::json::parse(encode_result(row, 2)).at("processedAt");
}

const std::string* value_of(const outgoing& message, std::string_view name) {
  for (const auto& h : message.headers)
    if (h.name == name)
      return &h.value;
  return nullptr;
}

} // namespace

CAF_TEST(a_result_is_exactly_these_bytes) {
  auto row = sample();
  CAF_CHECK_EQUAL(
      encode_result(row, 2),
      R"({"recordId":7,"transactionId":41,"userId":"user-1","type":"DEPOSIT","status":"SUCCESS",)"
      R"("amount":"12.30","currency":"EUR","balanceAfter":"0.05","processedAt":"2026-11-24T07:32:52.000042Z"})");
  row.type = movement::withdrawal;
  row.verdict = outcome::insufficient_funds;
  row.account.currency = *currency_code::parse("KRW");
  row.record = record_id{std::numeric_limits<std::int64_t>::max()};
  CAF_CHECK_EQUAL(
      encode_result(row, 0),
      R"({"recordId":9223372036854775807,"transactionId":41,"userId":"user-1","type":"WITHDRAWAL",)"
      R"("status":"FAILED","amount":"1230","currency":"KRW","balanceAfter":"5",)"
      R"("reason":"INSUFFICIENT_FUNDS","processedAt":"2026-11-24T07:32:52.000042Z"})");
  row.verdict = outcome::balance_overflow;
  CAF_CHECK(encode_result(row, 0).find(R"("reason":"BALANCE_OVERFLOW")") != std::string::npos);
}

CAF_TEST(any_user_id_survives) {
  for (const std::string user : {"\"", "\\", "\\\"", "a/b", "\xed\x95\x9c", "\xf0\x9f\x92\xb0",
                                 "\x01\n\x1f", "\x7f", "{}", ""}) {
    auto row = sample();
    row.account.user_id = user;
    const auto parsed = nlohmann::json::parse(encode_result(row, 2));
    CAF_CHECK_EQUAL(parsed.at("userId").get<std::string>(), user);
  }
}

CAF_TEST(times_are_right_on_any_date) {
  constexpr std::int64_t day = 86'400'000'000;
  const struct {
    std::int64_t microseconds;
    std::string_view expected;
  } rows[] = {
      {0, "1970-01-01T00:00:00.000000Z"},
      {-1, "1969-12-31T23:59:59.999999Z"},
      {1, "1970-01-01T00:00:00.000001Z"},
      {day - 1, "1970-01-01T23:59:59.999999Z"},
      {day, "1970-01-02T00:00:00.000000Z"},
      {59 * day, "1970-03-01T00:00:00.000000Z"},
      {951'782'400'000'000, "2000-02-29T00:00:00.000000Z"},
      {1'078'012'800'000'000, "2004-02-29T00:00:00.000000Z"},
      {4'107'542'400'000'000, "2100-03-01T00:00:00.000000Z"},
      {4'107'542'400'000'000 - 1, "2100-02-28T23:59:59.999999Z"},
      {253'402'300'799'999'999, "9999-12-31T23:59:59.999999Z"},
      {253'402'300'800'000'000, "+010000-01-01T00:00:00.000000Z"},
      {-62'135'596'800'000'000, "0001-01-01T00:00:00.000000Z"},
      {-62'167'219'200'000'000, "0000-01-01T00:00:00.000000Z"},
      {-62'167'219'200'000'001, "-000001-12-31T23:59:59.999999Z"},
  };
  for (const auto& [microseconds, expected] : rows)
    CAF_CHECK_EQUAL(processed_at(microseconds), expected);
}

// A calendar that counts one day after the other is too simple to be wrong.
CAF_TEST(every_day_of_four_centuries_follows_the_one_before) {
  int year = 1970, month = 1, day = 1;
  auto row = sample();
  for (std::int64_t count = 0; count < 146'097; ++count) {
    char expected[64];
    std::snprintf(expected, sizeof expected, "\"%04d-%02d-%02dT12:34:56.000789Z\"}", year, month,
                  day);
    row.created_at = database_time{count * 86'400'000'000 + 45'296'000'789};
    if (!encode_result(row, 2).ends_with(expected))
      CAF_FAIL(encode_result(row, 2) << " does not end with " << expected);
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    const int lengths[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (++day > lengths[month - 1]) {
      day = 1;
      if (++month > 12) {
        month = 1;
        ++year;
      }
    }
  }
  CAF_CHECK_EQUAL(year, 2370);
}

CAF_TEST(a_result_message_has_its_subject_id_and_trace) {
  delivery source{.subject = "transaction.deposit",
                  .headers = {{"traceparent", "00-1-2-01"},
                              {"X-Other", "no"},
                              {"TraceState", "a=b\r\nNats-Msg-Id: x"},
                              {"traceparent", "second"}}};
  const auto message = make_result(17, sample(), 2, source);
  CAF_CHECK_EQUAL(message.token, 17u);
  CAF_CHECK_EQUAL(message.subject, "transaction.result.deposit");
  CAF_CHECK_EQUAL(message.message_id, "result-7");
  CAF_CHECK_EQUAL(message.payload, encode_result(sample(), 2));
  CAF_REQUIRE_EQUAL(message.headers.size(), 2u);
  CAF_CHECK_EQUAL(*value_of(message, "traceparent"), "00-1-2-01");
  CAF_CHECK_EQUAL(*value_of(message, "tracestate"), "a=b  Nats-Msg-Id: x");
  auto row = sample();
  row.type = movement::withdrawal;
  source.headers = {{"traceparent", std::string(1025, 'x')},
                    {"tracestate", std::string(1024, 'x')}};
  const auto other = make_result(18, row, 2, source);
  CAF_CHECK_EQUAL(other.subject, "transaction.result.withdrawal");
  CAF_CHECK(value_of(other, "traceparent") == nullptr);
  CAF_CHECK(value_of(other, "tracestate") != nullptr);
}
