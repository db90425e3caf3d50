#include "domain/currency.hpp"

#include <set>
#include <string>

#define CAF_SUITE currency
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

CAF_TEST(a_code_is_exactly_three_capital_letters) {
  const std::pair<std::string_view, bool> rows[] = {
      {"KRW", true},         {"AAA", true},
      {"ZZZ", true},         {"", false},
      {"KR", false},         {"KRWW", false},
      {"krw", false},        {"KrW", false},
      {"K1W", false},        {"K W", false},
      {"@RW", false},        {"[RW", false},
      {"KR\xc3\x9c", false}, {std::string_view("K\0W", 3), false},
  };
  for (const auto& [text, valid] : rows) {
    CAF_MESSAGE("code '" << std::string(text) << "'");
    const auto code = currency_code::parse(text);
    CAF_CHECK_EQUAL(code.has_value(), valid);
    if (code)
      CAF_CHECK_EQUAL(code->text(), text);
  }
}

CAF_TEST(every_code_has_an_index_of_its_own) {
  std::set<std::size_t> indices;
  for (char a = 'A'; a <= 'Z'; ++a)
    for (char b = 'A'; b <= 'Z'; ++b)
      for (char c = 'A'; c <= 'Z'; ++c) {
        const char letters[] = {a, b, c};
        indices.insert(currency_code::parse({letters, 3})->index());
      }
  CAF_CHECK_EQUAL(indices.size(), currency_code::index_count);
  CAF_CHECK_EQUAL(*indices.rbegin(), currency_code::index_count - 1);
}

CAF_TEST(codes_are_ordered_by_their_letters) {
  CAF_CHECK(*currency_code::parse("EUR") < *currency_code::parse("KRW"));
  CAF_CHECK(*currency_code::parse("KRA") < *currency_code::parse("KRW"));
}

CAF_TEST(a_table_knows_what_it_was_given) {
  const auto code = [](std::string_view text) { return *currency_code::parse(text); };
  const currency_table table({{code("KRW"), 0}, {code("EUR"), 2}, {code("ZZZ"), 18}});
  CAF_CHECK_EQUAL(table.exponent(code("KRW")).value_or(-1), 0);
  CAF_CHECK_EQUAL(table.exponent(code("EUR")).value_or(-1), 2);
  CAF_CHECK_EQUAL(table.exponent(code("ZZZ")).value_or(-1), 18);
  CAF_CHECK(!table.exponent(code("USD")));
  CAF_CHECK(!table.exponent(code("AAA")));
}

CAF_TEST(a_table_grows_and_never_changes_what_it_knows) {
  const auto code = [](std::string_view text) { return *currency_code::parse(text); };
  currency_table table({{code("KRW"), 0}, {code("EUR"), 2}});
  const auto first = table.add({{code("KRW"), 0}, {code("EUR"), 3}, {code("QQQ"), 4}});
  CAF_REQUIRE_EQUAL(first.added.size(), 1u);
  CAF_CHECK_EQUAL(first.added[0].code, code("QQQ"));
  CAF_REQUIRE_EQUAL(first.contrary.size(), 1u);
  CAF_CHECK_EQUAL(first.contrary[0].code, code("EUR"));
  CAF_CHECK_EQUAL(table.exponent(code("EUR")).value_or(-1), 2);
  CAF_CHECK_EQUAL(table.exponent(code("QQQ")).value_or(-1), 4);
  CAF_CHECK(table.add({{code("QQQ"), 4}}).added.empty());
}
