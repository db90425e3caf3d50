#include "app/import/balance_file.hpp"

#include <cstdio>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <streambuf>

#define CAF_SUITE balance_file
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

const currency_table currencies({{*currency_code::parse("KRW"), 0},
                                 {*currency_code::parse("EUR"), 2}});

balance_file read(const std::string& text) {
  std::istringstream in{text};
  return read_balances(in, currencies);
}

// "line:user/CUR=minor ..." of the rows, then "!line" of the faults.
std::string describe(const balance_file& file) {
  std::string out;
  for (const auto& row : file.rows)
    out += std::to_string(row.line) + ":" + row.account.user_id + "/"
           + std::string(row.account.currency.text()) + "="
           + std::to_string(row.balance.minor_units()) + " ";
  for (const auto& fault : file.faults)
    out += "!" + std::to_string(fault.line) + " ";
  return out;
}

struct file_row {
  std::string text;
  std::string expected;
};

// A disk that fails where the text ends.
class failing_input final : public std::streambuf {
public:
  explicit failing_input(std::string text) : text_(std::move(text)) {
    setg(text_.data(), text_.data(), text_.data() + text_.size());
  }

protected:
  int_type underflow() override { throw std::runtime_error{"input/output error"}; }

private:
  std::string text_;
};

} // namespace

CAF_TEST(csv_and_json_lines_are_read) {
  for (const auto& [text, expected] : std::vector<file_row>{
           {"user,currency,balance\nann,EUR,1.50\nbob,KRW,0\n", "2:ann/EUR=150 3:bob/KRW=0 "},
           {"\xef\xbb\xbfUser,Balance,Note,Currency\r\nann,1.5,\"a, "
            "\"\"b\"\"\",EUR\r\n\r\nbob,2,,KRW\n",
            "2:ann/EUR=150 4:bob/KRW=2 "},
           {"user,currency,balance\n\"Ann, the one\",EUR,\"1\"\n", "2:Ann, the one/EUR=100 "},
           {"user,currency,balance\n", ""},
           {R"({"user":"ann","currency":"EUR","balance":1.5}
{"userId":"bob","currency":"KRW","balance":"2"}
)",
            "1:ann/EUR=150 2:bob/KRW=2 "},
           {"\n  {\"user\":\"ann\",\"currency\":\"EUR\",\"balance\":1.5}", "2:ann/EUR=150 "},
           // Every fault at once.
           {"user,currency,balance\nann,EUR,-1\nann,EUR,1\nann,EUR,2\nbob,ZZZ,1\nbob,KRW\n"
            "bob,KRW,1,2\n\"bob,KRW,1\nb\"ob,KRW,1\n\"bob\"x,KRW,1\n",
            "3:ann/EUR=100 !2 !4 !5 !6 !7 !8 !9 !10 "},
           {"{\"user\":\"ann\",\"currency\":\"EUR\",\"balance\":1.5}\nann,EUR,1\n",
            "1:ann/EUR=150 !2 "},
           {"ann,EUR,1\nbob,EUR,1\n", "!1 "},
           {"user,user,currency,balance\nann,ann,EUR,1\n", "!1 "},
           {"", "!0 "},
           {"\n\n", "!2 "},
       }) {
    CAF_MESSAGE("file " << text);
    CAF_CHECK_EQUAL(describe(read(text)), expected);
  }
}

CAF_TEST(a_fault_names_field_and_rule) {
  const auto file = read("user,currency,balance\nann,EUR,1\nann,EUR,1\nbob,EUR,-0.01\n");
  CAF_REQUIRE_EQUAL(file.faults.size(), 2u);
  CAF_CHECK_EQUAL(file.faults[0].rule, "account ann/EUR stands in line 2 already");
  CAF_CHECK_EQUAL(file.faults[1].rule, "field \"balance\": must not be negative");
}

CAF_TEST(a line break in a quoted field is one fault that names its cause) {
  const std::string header = "user,currency,balance\n";
  for (const auto& [text, expected] : std::vector<file_row>{
           {header + "\"O'Neill,\nAnn\",EUR,1\nbob,KRW,2\n", "4:bob/KRW=2 !2 "},
           // A quote that is only missing takes nothing along.
           {header + "\"ann,EUR,1\nbob,KRW,2\n", "3:bob/KRW=2 !2 "},
           {header + "\"ann,EUR,1\n\"bob\",KRW,2\n", "3:bob/KRW=2 !2 "},
           {header + "bob,KRW,\"2\n", "!2 "},
           {"\"user\nid\",currency,balance\nann,EUR,1\n", "!1 !2 "},
       }) {
    CAF_MESSAGE("file " << text);
    CAF_CHECK_EQUAL(describe(read(text)), expected);
  }
  const auto rule_of = [&](const std::string& line) {
    return std::string{read(header + line).faults.at(0).rule};
  };
  CAF_CHECK_EQUAL(rule_of("\"a\nb\",EUR,1\n"),
                  "a quote is not closed; a line break in a quoted field is not supported");
  CAF_CHECK_EQUAL(rule_of("a\"b,EUR,1\n"),
                  "a quote stands inside a field without quotes, or text behind a closing quote");
}

CAF_TEST(users that begin or end with a blank are counted) {
  const auto file = read("user,currency,balance\nann,EUR,1\nbob ,EUR,1\n bob,EUR,1\nb b,EUR,1\n");
  CAF_CHECK_EQUAL(describe(file), "2:ann/EUR=100 3:bob /EUR=100 4: bob/EUR=100 5:b b/EUR=100 ");
  CAF_CHECK_EQUAL(file.padded_count, 2u);
  CAF_CHECK_EQUAL(file.first_padded, 3u);
  const auto plain = read("user,currency,balance\nann,EUR,1\n");
  CAF_CHECK_EQUAL(plain.padded_count, 0u);
}

CAF_TEST(a line of csv that may be cut off is refused and a whole json object is not ) {
  const std::string header = "user,currency,balance\n";
  for (const auto& [text, expected] : std::vector<file_row>{
           {header + "ann,EUR,1\nbob,KRW,10", "2:ann/EUR=100 !3 "}, // of 1000
           {header + "bob,KRW,10\r", "!2 "},
           {header + "\"bob\",KRW,\"10\"", "!2 "},
           {header + "ann,EUR,1\n  ", "2:ann/EUR=100 "},
           {"user,currency,balance", "!1 "},
           {R"({"user":"ann","currency":"EUR","balance":1})", "1:ann/EUR=100 "},
           {R"({"user":"ann","currency":"EUR","balance":1)", "!1 "},
       }) {
    CAF_MESSAGE("file " << text);
    CAF_CHECK_EQUAL(describe(read(text)), expected);
  }
  const auto cut = read(header + "bob,KRW,10");
  CAF_CHECK_EQUAL(cut.faults.at(0).rule,
                  "the last line has no line end: it may be cut off within a balance");
}

CAF_TEST(an input that cannot be read to its end is not taken for whole) {
  const auto* rule =
      "the input could not be read to its end; nothing after this line was looked at";
  failing_input disk{"user,currency,balance\nann,EUR,1\n"};
  std::istream in{&disk};
  const auto file = read_balances(in, currencies);
  CAF_CHECK_EQUAL(describe(file), "2:ann/EUR=100 !2 ");
  CAF_CHECK_EQUAL(file.faults.at(0).rule, rule);
  // What is said of a read by the C library alone: a folder can be opened and not read.
  CAF_REQUIRE(std::freopen("/", "r", stdin) != nullptr);
  const auto standard = read_balances(std::cin, currencies);
  CAF_REQUIRE_EQUAL(standard.faults.size(), 1u);
  CAF_CHECK_EQUAL(standard.faults[0].rule, rule);
}

CAF_TEST(faults_are_counted_and_the_first_listed) {
  std::string text = "user,currency,balance\n";
  for (std::size_t i = 0; i < balance_file::faults_listed + 5; ++i)
    text += "ann,EUR,-1\n";
  const auto file = read(text);
  CAF_CHECK_EQUAL(file.fault_count, balance_file::faults_listed + 5);
  CAF_CHECK_EQUAL(file.faults.size(), balance_file::faults_listed);
  CAF_CHECK_EQUAL(read("user,currency,balance\n" + std::string(70000, 'a')).fault_count, 1u);
}

CAF_TEST(totals_are_exact_however_large) {
  std::string text = "user,currency,balance\nann,EUR,0.05\nbob,EUR,0\n";
  for (int i = 0; i < 3; ++i)
    text += "user-" + std::to_string(i) + ",KRW,9223372036854775807\n";
  const auto file = read(text);
  CAF_CHECK_EQUAL(file.totals.at(*currency_code::parse("KRW")).text(0), "27670116110564327421");
  CAF_CHECK_EQUAL(file.totals.at(*currency_code::parse("EUR")).text(2), "0.05");
  CAF_CHECK_EQUAL(file.totals.at(*currency_code::parse("EUR")).accounts(), 2u);
}
