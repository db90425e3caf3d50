#include <string>
#include <vector>

#include "messaging/codec.hpp"
#include "messaging/request_fields.hpp"

#define CAF_SUITE codec_rules
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

const currency_table currencies({{*currency_code::parse("KRW"), 0},
                                 {*currency_code::parse("EUR"), 2}});

const std::string good = R"({"recordId":7,"userId":"ann","amount":"1","currency":"EUR"})";

// A good request, but for one field.
std::string with(const std::string& field, const std::string& value) {
  std::string out = "{";
  for (const auto& [name, given] : std::vector<std::pair<std::string, std::string>>{
           {"recordId", "7"}, {"userId", "\"ann\""}, {"amount", "\"1\""}, {"currency", "\"EUR\""}})
    if (const auto& text = name == field ? value : given; !text.empty())
      out.append(out.size() > 1 ? ",\"" : "\"").append(name).append("\":").append(text);
  return out.append("}");
}

std::string describe(const std::variant<entry, rejection>& decoded) {
  const auto* why = std::get_if<rejection>(&decoded);
  return why == nullptr ? "" : std::string(to_text(why->reason)) + ": " + why->detail;
}

} // namespace

CAF_TEST(without_a_default_the_currency_is_required) {
  for (const auto& payload : {with("currency", ""), with("currency", "null")})
    CAF_CHECK_EQUAL(describe(decode_entry("transaction.deposit", payload, currencies, {})),
                    "INVALID_FIELD: field \"currency\": is required");
  CAF_CHECK(std::holds_alternative<entry>(
      decode_entry("transaction.deposit", with("currency", "\"EUR\""), currencies, {})));
}

CAF_TEST(only_a_currency_that_is_not_known_is_worth_a_look_at_the_table) {
  struct row {
    std::string payload;
    bool unknown;
  };
  const std::vector<row> table{
      {with("currency", "\"XAU\""), true}, {with("currency", "\"xau\""), false},
      {with("currency", "7"), false},      {with("recordId", "0"), false},
      {with("amount", "-1"), false},       {"{", false},
  };
  for (const auto& [payload, unknown] : table) {
    const auto decoded = decode_entry("transaction.deposit", payload, currencies, {});
    const auto* why = std::get_if<rejection>(&decoded);
    CAF_REQUIRE(why != nullptr);
    CAF_CHECK_EQUAL(why->unknown_currency, unknown);
  }
}

CAF_TEST(unknown_fields_are_ignored_unless_they_are_to_be_refused) {
  const auto payload = good.substr(0, good.size() - 1) + R"(,"curency":"EUR","x":[1]})";
  CAF_CHECK(
      std::holds_alternative<entry>(decode_entry("transaction.deposit", payload, currencies, {})));
  CAF_CHECK_EQUAL(
      describe(decode_entry("transaction.deposit", payload, currencies, {std::nullopt, true})),
      "INVALID_FIELD: field \"curency\": is not known");
  CAF_CHECK(std::holds_alternative<entry>(
      decode_entry("transaction.deposit", good, currencies, {std::nullopt, true})));
}

CAF_TEST(the_fields_of_a_request_have_their_names) {
  CAF_CHECK(request_field_names()
            == (std::vector<std::string>{"recordId", "userId", "type", "currency", "amount"}));
}
