#include "domain/money.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <limits>
#include <random>
#include <string>

#include "tests/domain/amount_oracle.hpp"
#include "tests/domain/seed.hpp"

#define CAF_SUITE money
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

constexpr auto int64_max = std::numeric_limits<std::int64_t>::max();
constexpr auto int64_min = std::numeric_limits<std::int64_t>::min();

std::string describe(const std::variant<money, amount_fault>& parsed) {
  if (const auto* amount = std::get_if<money>(&parsed))
    return std::to_string(amount->minor_units());
  switch (std::get<amount_fault>(parsed)) {
  case amount_fault::not_a_decimal:
    return "not_a_decimal";
  case amount_fault::not_positive:
    return "not_positive";
  case amount_fault::too_many_digits:
    return "too_many_digits";
  case amount_fault::too_large:
    return "too_large";
  }
  return "?";
}

struct amount_row {
  std::string token;
  int exponent;
  std::string_view expected;
};

} // namespace

CAF_TEST(amounts_are_read_exactly_from_the_token) {
  const amount_row rows[] = {
      {"10000", 0, "10000"},
      {"10000.00", 0, "10000"},
      {"1e4", 0, "10000"},
      {"1E+4", 0, "10000"},
      {"1E4", 0, "10000"},
      {"1000000e-2", 0, "10000"},
      {"0.00001e9", 0, "10000"},
      {"10.000e3", 0, "10000"},
      {"1e0000000000000000000000000004", 0, "10000"},
      {"0.10000e5", 0, "10000"},
      {"1", 0, "1"},
      {"1.0", 0, "1"},
      {"12.3", 2, "1230"},
      {"12.30", 2, "1230"},
      {"12.300000", 2, "1230"},
      {"0.01", 2, "1"},
      {"1e-2", 2, "1"},
      {"100e-4", 2, "1"},
      {"0.001", 2, "too_many_digits"},
      {"1e-3", 2, "too_many_digits"},
      {"12.345", 2, "too_many_digits"},
      {"1.5", 0, "too_many_digits"},
      {"0.5", 0, "too_many_digits"},
      {"1e-1", 0, "too_many_digits"},
      {"1e-400000000", 0, "too_many_digits"},
      {"1e-99999999999999999999999999999", 0, "too_many_digits"},
      {"0.000000000000000001", 18, "1"},
      {"9.223372036854775807", 18, "9223372036854775807"},
      {"9.223372036854775808", 18, "too_large"},
      {"0.0000000000000000001", 18, "too_many_digits"},
      {"9223372036854775806", 0, "9223372036854775806"},
      {"9223372036854775807", 0, "9223372036854775807"},
      {"9223372036854775807.000", 0, "9223372036854775807"},
      {"922337203685477580.7e1", 0, "9223372036854775807"},
      {"9223372036854775808", 0, "too_large"},
      {"9223372036854775810", 0, "too_large"},
      {"18446744073709551616", 0, "too_large"},
      {"18446744073709551617", 0, "too_large"},
      {"92233720368547758.07", 2, "9223372036854775807"},
      {"92233720368547758.08", 2, "too_large"},
      {"1e18", 0, "1000000000000000000"},
      {"9e18", 0, "9000000000000000000"},
      {"1e19", 0, "too_large"},
      {"1e400000000", 0, "too_large"},
      {"1e99999999999999999999999999999", 0, "too_large"},
      {"1.5e400000000", 0, "too_large"},
      {"0", 0, "not_positive"},
      {"0.00", 2, "not_positive"},
      {"0.001e-5", 2, "too_many_digits"},
      {"0e400000000", 0, "not_positive"},
      {"-0", 0, "not_positive"},
      {"-0.0", 0, "not_positive"},
      {"-1", 0, "not_positive"},
      {"-0.001", 2, "not_positive"},
      {"-1e400000000", 0, "not_positive"},
      {"", 0, "not_a_decimal"},
      {"-", 0, "not_a_decimal"},
      {"+1", 0, "not_a_decimal"},
      {"--1", 0, "not_a_decimal"},
      {"00", 0, "not_a_decimal"},
      {"01", 0, "not_a_decimal"},
      {"-01", 0, "not_a_decimal"},
      {"0100", 0, "not_a_decimal"},
      {".5", 0, "not_a_decimal"},
      {"1.", 0, "not_a_decimal"},
      {"1.e3", 0, "not_a_decimal"},
      {"1e", 0, "not_a_decimal"},
      {"1e+", 0, "not_a_decimal"},
      {"1e-", 0, "not_a_decimal"},
      {"1e1.5", 0, "not_a_decimal"},
      {"1e4e4", 0, "not_a_decimal"},
      {"e4", 0, "not_a_decimal"},
      {"1.2.3", 0, "not_a_decimal"},
      {" 1", 0, "not_a_decimal"},
      {"1 ", 0, "not_a_decimal"},
      {"1 000", 0, "not_a_decimal"},
      {"1,000", 0, "not_a_decimal"},
      {"1_000", 0, "not_a_decimal"},
      {"\t1", 0, "not_a_decimal"},
      {"1\n", 0, "not_a_decimal"},
      {std::string("1\0", 2), 0, "not_a_decimal"},
      {"0x10", 0, "not_a_decimal"},
      {"1f", 0, "not_a_decimal"},
      {"NaN", 0, "not_a_decimal"},
      {"Infinity", 0, "not_a_decimal"},
      {"-Infinity", 0, "not_a_decimal"},
      {"\xef\xbc\x91", 0, "not_a_decimal"},
  };
  for (const auto& [token, exponent, expected] : rows) {
    CAF_MESSAGE("token '" << token << "', exponent " << exponent);
    CAF_CHECK_EQUAL(describe(parse_amount(token, exponent)), expected);
  }
}

CAF_TEST(time_is_linear_whatever_the_exponent_says) {
  const auto zeros = std::string(60'000, '0');
  const auto begin = std::clock(); // of the processor: whatever else runs on this machine
  for (int i = 0; i < 100; ++i) {
    CAF_REQUIRE_EQUAL(describe(parse_amount("1e2147483648", 0)), "too_large");
    CAF_REQUIRE_EQUAL(describe(parse_amount("1e-2147483648", 0)), "too_many_digits");
    CAF_REQUIRE_EQUAL(describe(parse_amount("0." + zeros + "25e60002", 0)), "25");
    CAF_REQUIRE_EQUAL(describe(parse_amount("25" + zeros + "e-60000", 0)), "25");
    CAF_REQUIRE_EQUAL(describe(parse_amount("25." + zeros, 0)), "25");
  }
  CAF_CHECK_LESS(std::clock() - begin, 5 * CLOCKS_PER_SEC);
}

CAF_TEST(random_tokens_agree_with_string_arithmetic) {
  const auto seed = property_seed();
  CAF_MESSAGE("seed " << seed);
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  const std::array<std::string, 8> heads{"9223372036854775807",
                                         "9223372036854775808",
                                         "922337203685477580",
                                         "1",
                                         "0",
                                         "10",
                                         "999999999999999999",
                                         ""};
  std::array<int, 5> seen{};
  for (int i = 0; i < 200'000; ++i) {
    std::string token = below(10) == 0 ? "-" : "";
    token += heads[below(heads.size())];
    for (auto n = below(4); n > 0; --n)
      token += static_cast<char>('0' + below(3) * below(4));
    if (below(2) == 0)
      token.insert(below(token.size() + 1), ".");
    if (below(3) == 0)
      token.append(below(6), '0');
    if (below(2) == 0)
      token += (below(2) == 0 ? "e" : "E-") + std::to_string(below(30));
    if (below(20) == 0)
      token.insert(below(token.size() + 1), 1, "+-.eE0 x"[below(8)]);
    const auto exponent = static_cast<int>(below(5) == 0 ? below(19) : below(4));
    const auto expected = amount_oracle::parse(token, exponent);
    if (describe(parse_amount(token, exponent)) != expected)
      CAF_FAIL("seed " << seed << ": '" << token << "' with exponent " << exponent << " is not "
                       << describe(parse_amount(token, exponent)) << " but " << expected);
    const std::array<std::string_view, 4> faults{"not_a_decimal", "not_positive", "too_many_digits",
                                                 "too_large"};
    std::size_t kind = 0;
    while (kind < faults.size() && faults[kind] != expected)
      ++kind;
    ++seen[kind];
  }
  for (const auto count : seen)
    CAF_CHECK_GREATER(count, 5'000); // the generator reaches every kind of answer
}

CAF_TEST(amounts_are_written_with_the_digits_of_the_currency) {
  const struct {
    std::int64_t minor_units;
    int exponent;
    std::string_view expected;
  } rows[] = {
      {0, 0, "0"},
      {0, 2, "0.00"},
      {1, 0, "1"},
      {1, 2, "0.01"},
      {10, 2, "0.10"},
      {99, 2, "0.99"},
      {100, 2, "1.00"},
      {1230, 2, "12.30"},
      {10000, 0, "10000"},
      {-1, 2, "-0.01"},
      {-1230, 2, "-12.30"},
      {1, 18, "0.000000000000000001"},
      {int64_max, 0, "9223372036854775807"},
      {int64_max, 2, "92233720368547758.07"},
      {int64_max, 18, "9.223372036854775807"},
      {int64_min, 0, "-9223372036854775808"},
      {int64_min, 18, "-9.223372036854775808"},
  };
  for (const auto& [minor_units, exponent, expected] : rows)
    CAF_CHECK_EQUAL(format_amount(money{minor_units}, exponent), expected);
}

CAF_TEST(what_is_written_reads_as_the_same_amount) {
  std::mt19937_64 random(property_seed());
  for (int i = 0; i < 50'000; ++i) {
    const money amount{static_cast<std::int64_t>((random() >> (1 + random() % 62)) | 1U)};
    const auto exponent = static_cast<int>(random() % 19);
    CAF_REQUIRE_EQUAL(describe(parse_amount(format_amount(amount, exponent), exponent)),
                      std::to_string(amount.minor_units()));
  }
}

CAF_TEST(sums_are_exact_or_nothing) {
  const struct {
    std::int64_t a;
    std::int64_t b;
    std::optional<std::int64_t> sum;
    std::optional<std::int64_t> difference;
  } rows[] = {
      {0, 0, 0, 0},
      {1, 2, 3, -1},
      {int64_max, 0, int64_max, int64_max},
      {int64_max, 1, std::nullopt, int64_max - 1},
      {int64_max - 1, 1, int64_max, int64_max - 2},
      {int64_max, int64_max, std::nullopt, 0},
      {int64_min, 0, int64_min, int64_min},
      {int64_min, 1, int64_min + 1, std::nullopt},
      {int64_min, -1, std::nullopt, int64_min + 1},
      {0, int64_min, int64_min, std::nullopt},
      {-1, int64_max, int64_max - 1, int64_min},
      {-2, int64_max, int64_max - 2, std::nullopt},
  };
  const auto units = [](std::optional<money> m) {
    return m ? std::to_string(m->minor_units()) : "nothing";
  };
  const auto text = [](std::optional<std::int64_t> n) {
    return n ? std::to_string(*n) : "nothing";
  };
  for (const auto& [a, b, sum, difference] : rows) {
    CAF_MESSAGE(a << " and " << b);
    CAF_CHECK_EQUAL(units(checked_add(money{a}, money{b})), text(sum));
    CAF_CHECK_EQUAL(units(checked_subtract(money{a}, money{b})), text(difference));
  }
}

CAF_TEST(every_fault_has_its_own_rule) {
  const amount_fault faults[] = {amount_fault::not_a_decimal, amount_fault::not_positive,
                                 amount_fault::too_many_digits, amount_fault::too_large};
  for (const auto a : faults) {
    CAF_CHECK(rule_text(a).starts_with("must "));
    for (const auto b : faults)
      CAF_CHECK_EQUAL(rule_text(a) == rule_text(b), a == b);
  }
}
