#include <chrono>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "messaging/codec.hpp"
#include "tests/domain/seed.hpp"
#include "tests/messaging/wire/codec_oracle.hpp"

#define CAF_SUITE codec_decode
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::string_literals;

namespace {

const currency_table currencies({{*currency_code::parse("KRW"), 0},
                                 {*currency_code::parse("EUR"), 2},
                                 {*currency_code::parse("BHD"), 3}});

std::variant<entry, rejection> decode(const std::string& subject, const std::string& payload) {
  return decode_entry(subject, payload, currencies, {*currency_code::parse("KRW"), false});
}

// "id user currency type amount", or "REASON: detail".
std::string describe(const std::variant<entry, rejection>& decoded) {
  if (const auto* why = std::get_if<rejection>(&decoded))
    return std::string(to_text(why->reason)) + ": " + why->detail;
  const auto& e = std::get<entry>(decoded);
  return std::to_string(to_int(e.id)) + " " + e.account.user_id + " "
         + std::string(e.account.currency.text()) + " " + std::string(to_text(e.type)) + " "
         + std::to_string(e.amount.minor_units());
}

// What is expected begins with this text: a detail may go on with the byte's number.
struct decode_row {
  std::string payload;
  std::string expected;
};

void check_rows(const std::string& subject, const std::vector<decode_row>& rows) {
  for (const auto& [payload, expected] : rows) {
    CAF_MESSAGE("payload " << payload.substr(0, 100));
    const auto found = describe(decode(subject, payload));
    const auto is_detail = expected.find(": ") != std::string::npos;
    CAF_CHECK_EQUAL(is_detail ? found.substr(0, expected.size()) : found, expected);
  }
}

// A valid request, in which one field stands as given.
std::string with(const std::string& field, const std::string& value) {
  const std::vector<std::pair<std::string, std::string>> valid{{"recordId", "7"},
                                                               {"userId", R"("user-1")"},
                                                               {"type", R"("DEPOSIT")"},
                                                               {"currency", R"("EUR")"},
                                                               {"amount", "10000"}};
  std::string out = "{";
  for (const auto& [name, text] : valid)
    if (const auto& chosen = name == field ? value : text; !chosen.empty())
      out += (out.size() > 1 ? ",\"" : "\"") + name + "\":" + chosen;
  return out + "}";
}

std::string nested(int depth, const std::string& open, const std::string& close) {
  std::string out = "{\"recordId\":7,\"userId\":\"u\",\"amount\":1,\"x\":";
  for (int i = 1; i < depth; ++i)
    out += open;
  out += "1";
  for (int i = 1; i < depth; ++i)
    out += close;
  return out + "}";
}

} // namespace

CAF_TEST(requests_are_read) {
  check_rows(
      "transaction.deposit",
      {
          {R"({"recordId":7,"userId":"user-1","amount":10000})", "7 user-1 KRW DEPOSIT 10000"},
          {R"({"recordId":"7","userId":"user-1","amount":"10000","currency":"KRW","type":"DEPOSIT"})",
           "7 user-1 KRW DEPOSIT 10000"},
          {" \t\r\n{ \"recordId\" : 7 , \"userId\" : \"user-1\" , \"amount\" : 1 } \t\r\n",
           "7 user-1 KRW DEPOSIT 1"},
          {R"({"amount":1e4,"userId":"user-1","recordId":9223372036854775807})",
           "9223372036854775807 user-1 KRW DEPOSIT 10000"},
          {R"({"recordId":7,"userId":"user-1","amount":12.30,"currency":"EUR"})",
           "7 user-1 EUR DEPOSIT 1230"},
          {R"({"recordId":7,"userId":"u","amount":1,"currency":null,"type":null})",
           "7 u KRW DEPOSIT 1"},
          {R"({"\u0072ecordId":7,"userI\u0064":"u","amount":1})", "7 u KRW DEPOSIT 1"},
          {R"({"recordId":7,"userId":"\ud55c\uD83D\uDCB0\/\"\\","amount":1})",
           "7 \xed\x95\x9c\xf0\x9f\x92\xb0/\"\\ KRW DEPOSIT 1"},
          {"{\"recordId\":7,\"userId\":\"\xed\x95\x9c\",\"amount\":1}",
           "7 \xed\x95\x9c KRW DEPOSIT 1"},
          {R"({"recordId":7,"userId":"u","amount":1,"memo":{"amount":2,"a":[1,2,{"recordId":8}]},"x":[],"y":{}})",
           "7 u KRW DEPOSIT 1"},
          {R"({"recordId":7,"userId":"u","amount":1,"memo":1e400000000,"n":-0,"t":true,"f":false,"z":null})",
           "7 u KRW DEPOSIT 1"},
          {R"({"":1,"x":2,"x":3,"recordId":7,"userId":"u","amount":1})", "7 u KRW DEPOSIT 1"},
          {R"({"RecordId":1,"recordid":2,"recordId":7,"userId":"u","amount":1})",
           "7 u KRW DEPOSIT 1"},
      });
  check_rows(
      "transaction.withdrawal",
      {
          {R"({"recordId":7,"userId":"u","amount":1})", "7 u KRW WITHDRAWAL 1"},
          {R"({"recordId":7,"userId":"u","amount":1,"type":"WITHDRAWAL"})", "7 u KRW WITHDRAWAL 1"},
      });
  check_rows("deposit", {{R"({"recordId":7,"userId":"u","amount":1})", "7 u KRW DEPOSIT 1"}});
}

CAF_TEST(what_is_not_json_from_the_first_byte_to_the_last_is_malformed) {
  const auto good = R"({"recordId":7,"userId":"u","amount":1})"s;
  const std::vector<std::string> rows{
      "",
      " ",
      "null",
      "1",
      "\"x\"",
      "[]",
      "[" + good + "]",
      "{",
      "}",
      "{}{}",
      good + "x",
      good + " {}",
      good + ",",
      good + "\0"s,
      "\0"s + good,
      good + "\0x"s,
      "\xef\xbb\xbf" + good,
      "\xff\xfe{\0}\0"s,
      "{}}",
      "{]",
      "[}",
      "{\"a\"}",
      "{\"a\":}",
      "{\"a\" 1}",
      "{\"a\":1,}",
      "{,\"a\":1}",
      "{\"a\":1 \"b\":2}",
      "{a:1}",
      "{'a':1}",
      "{1:1}",
      "{\"a\":1,,\"b\":2}",
      "{\"a\":[1,]}",
      "{\"a\":[,1]}",
      "{\"a\":[1 2]}",
      "{\"a\":[1}",
      "{\"a\":{1]}",
      "{\"a\":NaN}",
      "{\"a\":Infinity}",
      "{\"a\":-Infinity}",
      "{\"a\":nul}",
      "{\"a\":nulll}",
      "{\"a\":True}",
      "{\"a\":tru}",
      "{\"a\":undefined}",
      "{\"a\":.5}",
      "{\"a\":5.}",
      "{\"a\":0100}",
      "{\"a\":+1}",
      "{\"a\":-}",
      "{\"a\":--1}",
      "{\"a\":1e}",
      "{\"a\":1e+}",
      "{\"a\":1.e1}",
      "{\"a\":0x1}",
      "{\"a\":1_000}",
      "{\"a\":-01}",
      "{\"a\":\"}",
      "{\"a\":\"x",
      "{\"a",
      "{\"a\":\"\\\"}",
      "{\"a\":\"\\x\"}",
      "{\"a\":\"\\u12\"}",
      "{\"a\":\"\\u12g4\"}",
      "{\"a\":\"\\U0041\"}",
      "{\"a\":\"\\",
      "{\"a\":\"\\u",
      "{\"a\":\"\\ud800\"}",
      "{\"a\":\"\\udc00\"}",
      "{\"a\":\"\\ud800\\u0041\"}",
      "{\"a\":\"\\ud800x\"}",
      "{\"a\":\"\\udc00\\ud800\"}",
      "{\"a\":\"\\ud800\\ud800\"}",
      "{\"\\ud800\":1}",
      "{\"a\":{\"b\":\"\\ud800\"}}",
      "{\"a\":\"\t\"}",
      "{\"a\":\"\n\"}",
      "{\"a\":\"\0\"}"s,
      "{\"a\":\"\x1f\"}",
      "{\"a\":\"\x80\"}",
      "{\"a\":\"\xff\"}",
      "{\"a\":\"\xc3\"}",
      "{\"a\":\"\xc3(\"}",
      "{\"a\":\"\xc0\xaf\"}",
      "{\"a\":\"\xc1\xbf\"}",
      "{\"a\":\"\xe0\x80\xaf\"}",
      "{\"a\":\"\xed\xa0\x80\"}",
      "{\"a\":\"\xf0\x80\x80\x80\"}",
      "{\"a\":\"\xf4\x90\x80\x80\"}",
      "{\"a\":\"\xf5\x80\x80\x80\"}",
      "{\"a\":\"\xe2\x82\"}",
      "{\"a\":\"\xe2\x82",
      "{\xc2\xa0\"a\":1}",
      "{/**/\"a\":1}",
      "{\"a\":1}//x",
      "\x0b{}",
      "\x0c{}",
      nested(65, "[", "]"),
      nested(65, "{\"y\":", "}"),
      nested(20000, "[", "]"),
      std::string(65536, '['),
      std::string(65536, '{'),
  };
  for (const auto& payload : rows) {
    CAF_MESSAGE("payload " << payload.substr(0, 60));
    const auto found = describe(decode("transaction.deposit", payload));
    CAF_CHECK_EQUAL(found.substr(0, 28), "MALFORMED_JSON: the payload ");
  }
  CAF_CHECK_EQUAL(describe(decode("transaction.deposit", nested(64, "[", "]"))),
                  "7 u KRW DEPOSIT 1");
  CAF_CHECK_EQUAL(describe(decode("transaction.deposit", nested(64, "{\"y\":", "}"))),
                  "7 u KRW DEPOSIT 1");
}

CAF_TEST(escapes_of_every_length_become_utf_8) {
  check_rows(
      "transaction.deposit",
      {{with("userId", R"("\u0041\u007e")"), "7 A~ EUR DEPOSIT 1000000"},
       {with("userId", R"("\u00a0\u07ff")"), "7 \xc2\xa0\xdf\xbf EUR DEPOSIT 1000000"},
       {with("userId", R"("\u0800\uffff")"), "7 \xe0\xa0\x80\xef\xbf\xbf EUR DEPOSIT 1000000"},
       {with("userId", R"("\ud800\udc00\udbff\udfff")"),
        "7 \xf0\x90\x80\x80\xf4\x8f\xbf\xbf EUR DEPOSIT 1000000"}});
}

CAF_TEST(depth_counts_what_is_open_not_what_was) {
  std::string siblings;
  for (int i = 0; i < 200; ++i)
    siblings += R"("x":[{},[]],)";
  CAF_CHECK_EQUAL(describe(decode("transaction.deposit",
                                  "{" + siblings + R"("recordId":7,"userId":"u","amount":1})")),
                  "7 u KRW DEPOSIT 1");
}

CAF_TEST(a_detail_says_what_is_wrong_and_where) {
  check_rows(
      "transaction.deposit",
      {
          {"{\"a\":.5}", "MALFORMED_JSON: the payload lacks a value at byte 5"},
          {"{\"a\":1} x", "MALFORMED_JSON: the payload has text after the JSON object at byte 8"},
          {"\xef\xbb\xbf{}", "MALFORMED_JSON: the payload begins with a byte-order mark at byte 0"},
          {"[]", "MALFORMED_JSON: the payload is not a JSON object at byte 0"},
          {"{\"a\":\"\xff\"}", "MALFORMED_JSON: the payload is not UTF-8 at byte 6"},
          {"{\"a\":\"\n\"}",
           "MALFORMED_JSON: the payload has a control character in a string at byte 6"},
          {nested(65, "[", "]"), "MALFORMED_JSON: the payload is nested too deeply at byte "},
      });
}

CAF_TEST(a_payload_of_more_than_64_kib_is_too_large) {
  const auto padded = [](std::size_t size) {
    auto out = R"({"recordId":7,"userId":"u","amount":1})"s;
    return out + std::string(size - out.size(), ' ');
  };
  CAF_CHECK_EQUAL(describe(decode("transaction.deposit", padded(65536))), "7 u KRW DEPOSIT 1");
  CAF_CHECK_EQUAL(describe(decode("transaction.deposit", padded(65537))),
                  "TOO_LARGE: the payload has 65537 bytes, more than 65536");
  CAF_CHECK_EQUAL(describe(decode("transaction.deposit", std::string(1 << 20, 'x'))).substr(0, 10),
                  "TOO_LARGE:");
}

CAF_TEST(every_field_has_its_rules) {
  const auto id_rule = "INVALID_FIELD: field \"recordId\": must be an integer from 1 to "
                       "9223372036854775807, in digits "
                       "alone and without leading zeros"s;
  std::vector<decode_row> rows{
      {"{}", "INVALID_FIELD: field \"recordId\": is required"},
      {with("recordId", ""), "INVALID_FIELD: field \"recordId\": is required"},
      {with("recordId", "null"), "INVALID_FIELD: field \"recordId\": is required"},
      {with("recordId", "1"), "1 user-1 EUR DEPOSIT 1000000"},
      {with("recordId", "9223372036854775807"), "9223372036854775807 user-1 EUR DEPOSIT 1000000"},
      {with("recordId", R"("9223372036854775807")"),
       "9223372036854775807 user-1 EUR DEPOSIT 1000000"},
      {with("userId", ""), "INVALID_FIELD: field \"userId\": is required"},
      {with("userId", "null"), "INVALID_FIELD: field \"userId\": is required"},
      {with("userId", "1"), "INVALID_FIELD: field \"userId\": must be a string"},
      {with("userId", "[\"user-1\"]"), "INVALID_FIELD: field \"userId\": must be a string"},
      {with("userId", "\"\""), "INVALID_FIELD: field \"userId\": must have 1 to 128 bytes"},
      {with("userId", '"' + std::string(128, 'x') + '"'),
       "7 " + std::string(128, 'x') + " EUR DEPOSIT 1000000"},
      {with("userId", '"' + std::string(129, 'x') + '"'),
       "INVALID_FIELD: field \"userId\": must have 1 to 128 bytes"},
      {with("userId", '"' + std::string(126, 'x') + "\xed\x95\x9c\""),
       "INVALID_FIELD: field \"userId\": must have 1 to 128 bytes"},
      {with("userId", "\" \""), "7   EUR DEPOSIT 1000000"},
      {with("userId", R"("\u00a0")"), "7 \xc2\xa0 EUR DEPOSIT 1000000"},
      {with("type", R"("WITHDRAWAL")"),
       "INVALID_FIELD: field \"type\": must agree with the subject"},
      {with("currency", ""), "7 user-1 KRW DEPOSIT 10000"},
      {with("currency", "null"), "7 user-1 KRW DEPOSIT 10000"},
      {with("currency", R"("XYZ")"), "INVALID_FIELD: field \"currency\": must be a known currency"},
      {with("amount", ""), "INVALID_FIELD: field \"amount\": is required"},
      {with("amount", "null"), "INVALID_FIELD: field \"amount\": is required"},
      {with("amount", "true"),
       "INVALID_FIELD: field \"amount\": must be a number or a string that holds one"},
      {with("amount", "[1]"),
       "INVALID_FIELD: field \"amount\": must be a number or a string that holds one"},
      {with("amount", "{}"),
       "INVALID_FIELD: field \"amount\": must be a number or a string that holds one"},
      {with("amount", "\"\""), "INVALID_FIELD: field \"amount\": must be a decimal number"},
      {with("amount", "\" 1\""), "INVALID_FIELD: field \"amount\": must be a decimal number"},
      {with("amount", "\"NaN\""), "INVALID_FIELD: field \"amount\": must be a decimal number"},
      {with("amount", "0"), "INVALID_FIELD: field \"amount\": must be greater than zero"},
      {with("amount", "-0"), "INVALID_FIELD: field \"amount\": must be greater than zero"},
      {with("amount", "-1"), "INVALID_FIELD: field \"amount\": must be greater than zero"},
      {with("amount", "1.005"), "INVALID_FIELD: field \"amount\": must not have more digits after "
                                "the point than its currency"},
      {with("amount", "1e-400000000"),
       "INVALID_FIELD: field \"amount\": must not have more digits after the point"},
      {with("amount", "1e400000000"),
       "INVALID_FIELD: field \"amount\": must not be more than 9223372036854775807 minor units"},
      {with("amount", "92233720368547758.08"),
       "INVALID_FIELD: field \"amount\": must not be more than"},
      {with("amount", "92233720368547758.07"), "7 user-1 EUR DEPOSIT 9223372036854775807"},
      {with("amount", "\"92233720368547758.07\""), "7 user-1 EUR DEPOSIT 9223372036854775807"},
      {with("amount", "0.1"), "7 user-1 EUR DEPOSIT 10"},
      {with("amount", "1.10000000000000000000000000000"), "7 user-1 EUR DEPOSIT 110"},
      {with("amount", "\"1E+4\""), "7 user-1 EUR DEPOSIT 1000000"},
  };
  for (const auto* id : {"0",
                         "-0",
                         "-1",
                         "1.0",
                         "1e3",
                         "1.5",
                         "9223372036854775808",
                         "18446744073709551617",
                         "1e400000000",
                         "\"\"",
                         "\"0\"",
                         "\"01\"",
                         "\"+1\"",
                         "\"-1\"",
                         "\" 1\"",
                         "\"1 \"",
                         "\"1.0\"",
                         "\"x\"",
                         "\"9223372036854775808\"",
                         R"("1\u0000")",
                         "true",
                         "[1]",
                         "{}"})
    rows.push_back({with("recordId", id), id_rule});
  for (const auto* user : {R"("a\u0000")", R"("\u001f")", R"("\n")", R"("\u007f")", "\"\x7f\"",
                           R"("\u0080")", R"("x\u009f")", "\"\xc2\x80\"", "\"\xc2\x9f\""})
    rows.push_back({with("userId", user),
                    "INVALID_FIELD: field \"userId\": must not contain control characters"});
  for (const auto* type : {"\"deposit\"", "\"\"", "1", "true", "[\"DEPOSIT\"]", "\"DEPOSIT \""})
    rows.push_back(
        {with("type", type), "INVALID_FIELD: field \"type\": must be DEPOSIT or WITHDRAWAL"});
  for (const auto* code : {"\"krw\"", "\"\"", "\"KR\"", "\"KRWX\"", "1", "[\"KRW\"]",
                           "\"\xc3\x9c"
                           "AB\""})
    rows.push_back({with("currency", code),
                    "INVALID_FIELD: field \"currency\": must be three capital letters"});
  check_rows("transaction.deposit", rows);
  check_rows("transaction.withdrawal",
             {{with("type", R"("DEPOSIT")"),
               "INVALID_FIELD: field \"type\": must agree with the subject"}});
  check_rows("transaction.transfer",
             {{with("", ""), "INVALID_FIELD: the subject must end in deposit or withdrawal"}});
}

CAF_TEST(a_known_field_given_twice_is_invalid) {
  const auto good = with("", "");
  for (const auto* name : {"recordId", "userId", "type", "currency", "amount"}) {
    const auto twice = good.substr(0, good.size() - 1) + ",\"" + name + "\":null}";
    CAF_CHECK_EQUAL(describe(decode("transaction.deposit", twice)),
                    "INVALID_FIELD: field \""s + name + "\": must not be given twice");
  }
  CAF_CHECK_EQUAL(describe(decode("transaction.deposit",
                                  good.substr(0, good.size() - 1) + R"(,"\u0061mount":1})")),
                  "INVALID_FIELD: field \"amount\": must not be given twice");
}

CAF_TEST(malformed_wins_over_invalid_fields) {
  CAF_CHECK_EQUAL(describe(decode("transaction.deposit", R"({"recordId":0,"amount":-1,"x":[1,})"))
                      .substr(0, 15),
                  "MALFORMED_JSON:");
}

CAF_TEST(an_unknown_default_currency_is_the_fields_fault) {
  const auto decoded = decode_entry("transaction.deposit", with("currency", ""), currencies,
                                    {*currency_code::parse("XAU"), false});
  CAF_CHECK_EQUAL(describe(decoded), "INVALID_FIELD: field \"currency\": must be a known currency");
}

// Mutations of valid documents. Every one is decoded twice and compared with a decoder that shares
// no code.
CAF_TEST(mutated_documents_agree_with_the_oracle) {
  const std::vector<std::string> corpus{
      with("", ""),
      with("currency", ""),
      with("amount", "\"1E+4\""),
      with("userId", R"("\ud83d\udcb0")"),
      with("userId", "\"\xed\x95\x9c\""),
      R"({"recordId":"7","userId":"u","amount":1,"x":{"y":[1,2.5e3,true,null,"s"]}})"};
  const std::vector<std::string> dictionary{"{",
                                            "}",
                                            "[",
                                            "]",
                                            ":",
                                            ",",
                                            "\"",
                                            "\\",
                                            "\\u0000",
                                            "\\ud800",
                                            "\\udc00",
                                            "\\u009f",
                                            "null",
                                            "true",
                                            "0",
                                            "-",
                                            "1e",
                                            ".",
                                            "e400",
                                            "E-2",
                                            "9223372036854775807",
                                            "9223372036854775808",
                                            "\"amount\":1,",
                                            "\"type\":null,",
                                            "\"recordId\"",
                                            "KRW",
                                            "EUR",
                                            "BHD",
                                            "DEPOSIT",
                                            "\xc2\x80",
                                            "\xed\xa0\x80",
                                            "\xff",
                                            "\xef\xbb\xbf",
                                            " ",
                                            "\n",
                                            "\0"s,
                                            "\x7f",
                                            "[[[[[[[[[[[[[[[[",
                                            "]]]]]]]]]]]]]]]]"};
  const auto seed = property_seed();
  CAF_MESSAGE("seed " << seed);
  std::mt19937_64 random(seed);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::map<std::string, int> seen;
  for (int i = 0; i < 150'000; ++i) {
    auto payload = corpus[below(corpus.size())];
    for (auto n = below(4); n > 0 && !payload.empty(); --n) {
      const auto at = below(payload.size());
      switch (below(5)) {
      case 0:
        payload[at] = static_cast<char>(random());
        break;
      case 1:
        payload.insert(at, dictionary[below(dictionary.size())]);
        break;
      case 2:
        payload.erase(at, 1 + below(6));
        break;
      case 3:
        payload.insert(below(payload.size()), payload.substr(at, 1 + below(12)));
        break;
      default:
        payload.insert(at, 1, "0123456789.-+eE\" "[below(17)]);
      }
    }
    const auto* subject = below(4) == 0 ? "transaction.withdrawal" : "transaction.deposit";
    if (const auto fault = codec_disagreement(subject, payload); !fault.empty())
      CAF_FAIL("seed " << seed << ", round " << i << ": " << payload << ": " << fault);
    const auto found = describe(decode(subject, payload));
    ++seen[found.substr(0, found.find(':') == std::string::npos ? 0 : found.find(':'))];
  }
  CAF_MESSAGE("accepted " << seen[""] << ", malformed " << seen["MALFORMED_JSON"] << ", invalid "
                          << seen["INVALID_FIELD"]);
  CAF_CHECK_GREATER(seen[""], 10'000);
  CAF_CHECK_GREATER(seen["MALFORMED_JSON"], 10'000);
  CAF_CHECK_GREATER(seen["INVALID_FIELD"], 10'000);
}
