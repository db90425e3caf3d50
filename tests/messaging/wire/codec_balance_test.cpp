#include "messaging/balance_codec.hpp"

#include <string>
#include <vector>

#define CAF_SUITE codec_balance
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::string_literals;

namespace {

const currency_table currencies({{*currency_code::parse("KRW"), 0},
                                 {*currency_code::parse("EUR"), 2}});

// "user currency minor units", or the rule.
std::string describe(const std::variant<account_balance_line, rejection>& read) {
  if (const auto* why = std::get_if<rejection>(&read))
    return why->detail;
  const auto& [account, balance] = std::get<account_balance_line>(read);
  return account.user_id + " " + std::string(account.currency.text()) + " "
         + std::to_string(balance.minor_units());
}

struct document_row {
  std::string document;
  std::string expected; // a beginning
};

struct text_row {
  std::string user, currency, balance;
  std::string expected;
};

} // namespace

CAF_TEST(documents_are_read_by_the_rules_of_a_request) {
  for (const auto& [document, expected] : std::vector<document_row>{
           {R"({"user":"ann","currency":"EUR","balance":12.5})", "ann EUR 1250"},
           {R"({"balance":"12.50","currency":"EUR","userId":"ann"})", "ann EUR 1250"},
           {R"({"user":"ann","currency":"KRW","balance":1E+4,"since":2019})", "ann KRW 10000"},
           {R"({"user":"ann","currency":"KRW","balance":9223372036854775807})",
            "ann KRW 9223372036854775807"},
           {R"({"user":"ann","currency":"KRW","balance":0})", "ann KRW 0"},
           {R"({"user":"ann","currency":"EUR","balance":"0.00"})", "ann EUR 0"},
           {R"({"user":"ann","currency":"EUR","balance":-0.0e5})", "ann EUR 0"},
           {R"({"user":"ann","currency":"KRW","balance":-1})",
            "field \"balance\": must not be negative"},
           {R"({"user":"ann","currency":"EUR","balance":-0.001})",
            "field \"balance\": must not be negative"},
           {R"({"user":"ann","currency":"EUR","balance":12.505})", "field \"balance\": "},
           {R"({"user":"ann","currency":"KRW","balance":9223372036854775808})",
            "field \"balance\": "},
           {R"({"user":"ann","currency":"EUR","balance":"12,50"})", "field \"balance\": "},
           {R"({"user":"ann","currency":"EUR","balance":true})", "field \"balance\": must be a"},
           {R"({"user":"ann","currency":"EUR"})", "field \"balance\": is required"},
           {R"({"user":"ann","balance":1})", "field \"currency\": is required"},
           {R"({"user":"ann","currency":"ZZZ","balance":1})",
            "field \"currency\": must be a known currency"},
           {R"({"currency":"EUR","balance":1})", "field \"user\": is required"},
           {R"({"user":"ann","userId":"ann","currency":"EUR","balance":1})",
            "field \"userId\": must not be given beside"},
           {R"({"user":"ann","user":"bob","currency":"EUR","balance":1})",
            "field \"user\": must not be given twice"},
           {R"({"user":"","currency":"EUR","balance":1})", "field \"user\": must have 1 to 128"},
           {R"({"user":7,"currency":"EUR","balance":1})", "field \"user\": must be a string"},
       }) {
    CAF_MESSAGE("document " << document);
    CAF_CHECK_EQUAL(describe(decode_balance(document, currencies)).substr(0, expected.size()),
                    expected);
  }
  CAF_CHECK(std::holds_alternative<rejection>(decode_balance("{\"user\":\"ann\"", currencies)));
}

CAF_TEST(texts_are_read_likewise) {
  for (const auto& [user, currency, balance, expected] : std::vector<text_row>{
           {"ann", "EUR", "12.50", "ann EUR 1250"},
           {"Ann, \"the\" one", "KRW", "7", "Ann, \"the\" one KRW 7"},
           {"ann", "EUR", "0", "ann EUR 0"},
           {"ann", "EUR", "-0.01", "field \"balance\": must not be negative"},
           {"ann", "EUR", "", "field \"balance\": "},
           {"ann", "EUR", " 1", "field \"balance\": "},
           {"ann", "EUR", "+1", "field \"balance\": "},
           {"ann", "EUR", "1 000", "field \"balance\": "},
           {"ann", "eur", "1", "field \"currency\": must be three capital letters"},
           {"ann", "", "1", "field \"currency\": must be three capital letters"},
           {"\xff", "EUR", "1", "field \"user\": must be UTF-8"},
           {"a\x01", "EUR", "1", "field \"user\": must not contain control characters"},
           {std::string(129, 'a'), "EUR", "1", "field \"user\": must have 1 to 128 bytes"},
       }) {
    CAF_MESSAGE("balance " << balance);
    CAF_CHECK_EQUAL(
        describe(read_balance(user, currency, balance, currencies)).substr(0, expected.size()),
        expected);
  }
}
