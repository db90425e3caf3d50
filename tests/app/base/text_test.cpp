#include "app/base/text.hpp"

#define CAF_SUITE text
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using std::chrono::milliseconds;

CAF_TEST(durations are a whole number and one unit) {
  struct row {
    const char* text;
    long long milliseconds; // -1: refused
  };
  constexpr row table[] = {
      {"500ms", 500},
      {"2s", 2000},
      {"1m", 60000},
      {"1h", 3600000},
      {"0s", 0},
      {"1000h", 3600000000},
      {"", -1},
      {"5", -1},
      {"s", -1},
      {"ms", -1},
      {"-1s", -1},
      {"+1s", -1},
      {" 1s", -1},
      {"1 s", -1},
      {"1.5s", -1},
      {"1S", -1},
      {"1sec", -1},
      {"1001h", -1},
      {"99999999999999999999s", -1},
      {"1m30s", -1},
      {"9223372036854775807ms", -1},
  };
  for (const auto& [text, expected] : table) {
    const auto parsed = parse_duration(text);
    CAF_CHECK_EQUAL(std::make_pair(std::string{text}, parsed ? parsed->count() : -1),
                    std::make_pair(std::string{text}, static_cast<long>(expected)));
  }
}

CAF_TEST(a duration is written in its largest exact unit and read back) {
  for (const long long count : {0LL, 1LL, 500LL, 1500LL, 2000LL, 60000LL, 90000LL, 3600000LL}) {
    const milliseconds value{count};
    CAF_CHECK(parse_duration(format_duration(value)) == value);
  }
  CAF_CHECK_EQUAL(format_duration(milliseconds{2000}), "2s");
  CAF_CHECK_EQUAL(format_duration(milliseconds{1500}), "1500ms");
  CAF_CHECK_EQUAL(format_duration(milliseconds{7200000}), "2h");
}

CAF_TEST(integers have neither sign nor blanks and lie within their limits) {
  CAF_CHECK_EQUAL(parse_integer("1", 1, 64).value_or(-1), 1);
  CAF_CHECK_EQUAL(parse_integer("64", 1, 64).value_or(-1), 64);
  for (const char* bad :
       {"0", "65", "", "-1", "+1", " 1", "1 ", "1x", "0x1", "1.0", "99999999999999999999"})
    CAF_CHECK_EQUAL(std::make_pair(std::string{bad}, parse_integer(bad, 1, 64).has_value()),
                    std::make_pair(std::string{bad}, false));
}

CAF_TEST(the nearest name is offered only when it is near) {
  const std::vector<std::string> names{"--gates", "--fetchers", "--max-in-flight"};
  CAF_CHECK_EQUAL(nearest("--gate", names).value_or(""), "--gates");
  CAF_CHECK_EQUAL(nearest("--max-inflight", names).value_or(""), "--max-in-flight");
  CAF_CHECK_EQUAL(nearest("--something-else-entirely", names).value_or(""), "");
  CAF_CHECK_EQUAL(nearest("--gates", {}).value_or(""), "");
}

CAF_TEST(escaped text is one line without control characters) {
  CAF_CHECK_EQUAL(escape_controls("plain \xc3\xa9 \xe2\x82\xa9 \xf0\x9f\x92\xb0"),
                  "plain \xc3\xa9 \xe2\x82\xa9 \xf0\x9f\x92\xb0");
  CAF_CHECK_EQUAL(escape_controls("a\nb\r\tc\x1b[31m\x7f"), "a\\nb\\r\\tc\\x1b[31m\\x7f");
  CAF_CHECK_EQUAL(escape_controls(std::string_view{"\0", 1}), "\\x00");
  CAF_CHECK_EQUAL(escape_controls("\xff\xc3"), "\\xff\\xc3");          // not UTF-8
  CAF_CHECK_EQUAL(escape_controls("\xc0\x8a"), "\\xc0\\x8a");          // an overlong newline
  CAF_CHECK_EQUAL(escape_controls("\xe0\x80\x8a"), "\\xe0\\x80\\x8a"); // a longer one
  CAF_CHECK_EQUAL(escape_controls("\xed\xa0\x80"), "\\xed\\xa0\\x80"); // a surrogate
  CAF_CHECK_EQUAL(escape_controls("\xc2\x85"), "\\xc2\\x85");          // next line
  CAF_CHECK_EQUAL(escape_controls("\xe2\x80\xa8"), "\\xe2\\x80\\xa8"); // line separator
  CAF_CHECK_EQUAL(escape_controls("\xe2\x80\xae"), "\\xe2\\x80\\xae"); // right-to-left override
}

CAF_TEST(the message of a library becomes one line) {
  CAF_CHECK_EQUAL(one_line("  refused\n\tIs the server running?\x1b\n"),
                  "refused Is the server running?\\x1b");
  CAF_CHECK_EQUAL(one_line(" \n"), "");
}

CAF_TEST(times are RFC 3339 in UTC with microseconds) {
  CAF_CHECK_EQUAL(format_time(0), "1970-01-01T00:00:00.000000Z");
  CAF_CHECK_EQUAL(format_time(1764000000123456), "2025-11-24T16:00:00.123456Z");
  CAF_CHECK_EQUAL(format_time(-1), "1969-12-31T23:59:59.999999Z");
}

CAF_TEST(tables align numbers to the right and text to the left) {
  CAF_CHECK_EQUAL(format_table({{"name", "count"}, {"a", "5"}, {"long name", "12345"}}),
                  "name       count\n"
                  "a              5\n"
                  "long name  12345\n");
  CAF_CHECK_EQUAL(format_table({}), "");
}

CAF_TEST(a JSON document keeps its values and loses its controls) {
  CAF_CHECK_EQUAL(
      escape_json_controls(
          "{\n \"a\": \"\xc2\x9b\x7f\xe2\x80\xa8\xe2\x81\xa6 \xc3\xa9\xf0\x9f\x92\xb0\"\n}"),
      "{\n \"a\": \"\\u009b\\u007f\\u2028\\u2066 \xc3\xa9\xf0\x9f\x92\xb0\"\n}");
}

CAF_TEST(long words are cut between characters) {
  CAF_CHECK_EQUAL(shorten("abc", 3), "abc");
  CAF_CHECK_EQUAL(shorten("abcd", 3), "abc...");
  CAF_CHECK_EQUAL(shorten("ab\xc3\xa9z", 3), "ab...");
}
