#include <limits>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "messaging/submission_codec.hpp"
#include "messaging/wire/codec_fields.hpp"
#include "tests/domain/seed.hpp"
#include "tests/messaging/wire/codec_worlds.hpp"

#define CAF_SUITE codec_question
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::string_literals;

namespace {

const auto krw = *currency_code::parse("KRW");
const auto eur = *currency_code::parse("EUR");

const auto id_rule = "must be an integer from 1 to 9223372036854775807, in digits alone and "
                     "without leading zeros"s;

// What `decoded` holds as `text` says it, or "REASON: detail".
template <class T, class Text>
std::string describe(const std::variant<T, rejection>& decoded, Text text) {
  if (const auto* why = std::get_if<rejection>(&decoded))
    return std::string(to_text(why->reason)) + ": " + why->detail;
  return text(std::get<T>(decoded));
}

std::string read_record(const std::string& body) {
  return describe(decode_record_question(body),
                  [](record_id id) { return std::to_string(to_int(id)); });
}

std::string read_account(const std::string& body) {
  return describe(decode_account_question(body), [](const std::string& user) { return user; });
}

std::string read_history(const std::string& body) {
  return describe(decode_history_question(body), [](const history_question& asked) {
    const auto page = encode_history_position(asked.page);
    return asked.user_id + " " + (asked.currency ? std::string(asked.currency->text()) : "all")
           + " " + std::to_string(asked.limit) + " "
           + (asked.currency ? std::to_string(asked.before) : page);
  });
}

std::string read_ids(const std::string& body) {
  return describe(decode_verdict_question(body), [](const std::vector<record_id>& ids) {
    std::string result;
    for (const auto id : ids)
      result += std::to_string(to_int(id)) + " ";
    return result;
  });
}

std::string read_verdicts(const std::string& body) {
  return describe(decode_verdicts(body, codec_currencies()),
                  [](const std::vector<record_verdict>& verdicts) {
                    std::string result;
                    for (const auto& one : verdicts)
                      result += std::to_string(to_int(one.id)) + " ";
                    return result;
                  });
}

std::string read_currencies(const std::string& body) {
  return describe(decode_facts(body), [](const ledger_facts& facts) {
    std::string result;
    for (const auto& one : facts.currencies)
      result += std::string(one.code.text()) + std::to_string(one.exponent) + " ";
    if (facts.marks)
      result += std::to_string(to_int(facts.marks->highest_record)) + " "
                + std::to_string(to_int(facts.marks->highest_transaction));
    return result;
  });
}

posting sample() {
  return {.id = transaction_id{41},
          .record = record_id{7},
          .account = {"user-1", eur},
          .seq = 3,
          .type = movement::deposit,
          .amount = money{1230},
          .verdict = outcome::applied,
          .balance_after = money{5},
          .created_at = database_time{1'795'505'572'000'042}};
}

} // namespace

CAF_TEST(a_record_is_exactly_these_bytes) {
  transaction_record record{.id = record_id{7},
                            .asked = {{"a\"b", eur}, movement::withdrawal, money{1230}},
                            .created_at = database_time{1'795'505'572'000'042},
                            .updated_at = database_time{1'795'505'572'000'043}};
  CAF_CHECK_EQUAL(
      encode_record(record, 2),
      R"({"recordId":7,"userId":"a\"b","type":"WITHDRAWAL","amount":"12.30","currency":"EUR",)"
      R"("status":"PENDING","createdAt":"2026-11-24T07:32:52.000042Z","updatedAt":"2026-11-24T07:32:52.000043Z"})");
  record.status = record_status::failed;
  record.transaction = transaction_id{41};
  record.reason = "INSUFFICIENT_FUNDS";
  record.balance_after = money{0};
  CAF_CHECK_EQUAL(
      encode_record(record, 2),
      R"({"recordId":7,"transactionId":41,"userId":"a\"b","type":"WITHDRAWAL","amount":"12.30","currency":"EUR",)"
      R"("status":"FAILED","reason":"INSUFFICIENT_FUNDS","balanceAfter":"0.00",)"
      R"("createdAt":"2026-11-24T07:32:52.000042Z","updatedAt":"2026-11-24T07:32:52.000043Z"})");
  // A conflict has a reason and no verdict.
  record.transaction.reset();
  record.balance_after.reset();
  record.reason = reason_record_id_conflict;
  CAF_CHECK_EQUAL(
      encode_record(record, 2),
      R"({"recordId":7,"userId":"a\"b","type":"WITHDRAWAL","amount":"12.30","currency":"EUR",)"
      R"("status":"FAILED","reason":"RECORD_ID_CONFLICT",)"
      R"("createdAt":"2026-11-24T07:32:52.000042Z","updatedAt":"2026-11-24T07:32:52.000043Z"})");
}

CAF_TEST(a_posting_is_told_as_a_record) {
  const auto text =
      R"({"recordId":7,"transactionId":41,"userId":"user-1","type":"DEPOSIT","amount":"12.30","currency":"EUR",)"
      R"("status":"SUCCESS","balanceAfter":"0.05",)"
      R"("createdAt":"2026-11-24T07:32:52.000042Z","updatedAt":"2026-11-24T07:32:52.000042Z"})"s;
  CAF_CHECK_EQUAL(encode_record(sample(), 2), text);
  const auto& known = codec_currencies();
  CAF_CHECK(encode_history({}, known, "") == R"({"items":[],"next":null})");
  auto longest = sample();
  longest.record = record_id{std::numeric_limits<std::int64_t>::max()};
  longest.id = transaction_id{std::numeric_limits<std::int64_t>::max()};
  longest.account.user_id = std::string(128, '"');
  longest.type = movement::withdrawal;
  longest.verdict = outcome::insufficient_funds;
  longest.amount = longest.balance_after = money{std::numeric_limits<std::int64_t>::max()};
  const std::vector<posting> page(history_limit_max, longest);
  CAF_CHECK_LESS(encode_history(page, known, "9223372036854775807")->size(), answer_bytes_max);
  CAF_CHECK(encode_history({sample(), sample()}, known, "9223372036854775807")
            == "{\"items\":[" + text + "," + text + "],\"next\":9223372036854775807}");
  auto unknown = sample();
  unknown.account.currency = *currency_code::parse("QQQ");
  CAF_CHECK(!encode_history({sample(), unknown}, known, ""));
  auto refused = sample();
  refused.verdict = outcome::balance_overflow;
  CAF_CHECK(encode_record(refused, 2).find(R"("status":"FAILED","reason":"BALANCE_OVERFLOW",)")
            != std::string::npos);
}

CAF_TEST(an_account_is_exactly_these_bytes) {
  CAF_CHECK_EQUAL(encode_account("a\\b", {}), R"({"userId":"a\\b","accounts":[]})");
  CAF_CHECK_EQUAL(
      encode_account("u", {{eur, 2, {money{0}, 1}, database_time{0}},
                           {krw, 0, {money{123}, 9'223'372'036'854'775'807}, database_time{1}}}),
      R"({"userId":"u","accounts":[)"
      R"({"currency":"EUR","balance":"0.00","seq":1,"updatedAt":"1970-01-01T00:00:00.000000Z"},)"
      R"({"currency":"KRW","balance":"123","seq":9223372036854775807,"updatedAt":"1970-01-01T00:00:00.000001Z"}]})");
}

CAF_TEST(a_problem_is_json_whatever_it_quotes) {
  CAF_CHECK_EQUAL(
      encode_problem(409, "Conflict", "IDEMPOTENCY_CONFLICT", "the \"key\" is taken"),
      R"({"type":"about:blank","title":"Conflict","status":409,"code":"IDEMPOTENCY_CONFLICT",)"
      R"("detail":"the \"key\" is taken"})");
  for (const auto& [quoted, said] : std::vector<std::pair<std::string, std::string>>{
           {"a\xff", "a?"},
           {"\xc3", "?"},
           {"\xed\xa0\x80", "???"},
           {"\xc0\x80", "??"},
           {"\n\0"s, "\n\0"s},
           {"\xed\x95\x9c\xf0\x9f\x92\xb0", "\xed\x95\x9c\xf0\x9f\x92\xb0"}}) {
    const auto parsed =
        nlohmann::json::parse(encode_problem(404, "Not Found", "NOT_FOUND", quoted));
    CAF_CHECK_EQUAL(parsed.at("detail").get<std::string>(), said);
  }
}

CAF_TEST(questions_are_read) {
  const auto max = "9223372036854775807"s;
  CAF_CHECK_EQUAL(read_record(R"({"recordId":7})"), "7");
  CAF_CHECK_EQUAL(read_record(R"({"x":[1],"recordId":")" + max + R"("})"), max);
  CAF_CHECK_EQUAL(read_account(R"({"userId":"a\u0062"})"), "ab");
  CAF_CHECK_EQUAL(read_history(R"({"userId":"u"})"), "u all 50 0");
  CAF_CHECK_EQUAL(read_history(R"({"userId":"u","currency":null,"limit":null,"before":null})"),
                  "u all 50 0");
  CAF_CHECK_EQUAL(read_history(R"({"userId":"u","before":"7-KRW.3-EUR.)" + max + R"("})"),
                  "u all 50 7-KRW.3-EUR." + max);
  CAF_CHECK_EQUAL(read_history(R"({"userId":"u","currency":"EUR","limit":1000,"before":1})"),
                  "u EUR 1000 1");
  CAF_CHECK_EQUAL(
      read_history(R"({"userId":"u","currency":"KRW","limit":"1","before":")" + max + R"("})"),
      "u KRW 1 " + max);
  CAF_CHECK_EQUAL(read_ids(R"({"recordIds":[]})"), "");
  CAF_CHECK_EQUAL(
      read_ids(" {\"x\":{\"recordIds\":[9]}, \"recordIds\" : [ 1 ,\"2\",\n" + max + " ] }"),
      "1 2 " + max + " ");
  CAF_CHECK_EQUAL(read_currencies(R"({"currencies":[]})"), "");
  CAF_CHECK_EQUAL(
      read_currencies(
          R"({"currencies":[{"code":"KRW","exponent":0},{"exponent":18,"x":[],"code":"XYZ"}]})"),
      "KRW0 XYZ18 ");
  CAF_CHECK_EQUAL(read_verdicts(R"({"results":[]})"), "");
}

CAF_TEST(broken_questions_name_field_and_rule) {
  const auto field = [](const std::string& name, const std::string& rule) {
    return "INVALID_FIELD: field \"" + name + "\": " + rule;
  };
  const auto element = [](int number, const std::string& name, const std::string& rule) {
    return "INVALID_FIELD: element " + std::to_string(number) + " of field \"" + name
           + "\": " + rule;
  };
  CAF_CHECK_EQUAL(read_record("{}"), field("recordId", "is required"));
  CAF_CHECK_EQUAL(read_record(R"({"recordId":0})"), field("recordId", id_rule));
  CAF_CHECK_EQUAL(read_record(R"({"recordId":[7]})"), field("recordId", id_rule));
  CAF_CHECK_EQUAL(read_record(R"({"recordId":7,"recordId":7})"),
                  field("recordId", "must not be given twice"));
  CAF_CHECK_EQUAL(read_record("7"), "MALFORMED_JSON: the payload is not a JSON object at byte 0");
  CAF_CHECK_EQUAL(read_account(R"({"userId":7})"), field("userId", "must be a string"));
  CAF_CHECK_EQUAL(read_account(R"({})"), field("userId", "is required"));
  const auto limit_rule =
      "must be an integer from 1 to 1000, in digits alone and without leading zeros"s;
  for (const auto* limit :
       {"0", "1001", "-1", "1.0", R"("")", R"("x")", R"(" 1")", R"("01")", "true", "[1]"})
    CAF_CHECK_EQUAL(read_history("{\"userId\":\"u\",\"limit\":" + std::string(limit) + "}"),
                    field("limit", limit_rule));
  for (const auto* before : {"0", "-1", "9223372036854775808", "1e3", R"("+1")"})
    CAF_CHECK_EQUAL(read_history("{\"userId\":\"u\",\"currency\":\"KRW\",\"before\":"
                                 + std::string(before) + "}"),
                    field("before", id_rule));
  for (const auto* before :
       {"7", R"("")", R"("0")", R"("07")", R"("-1")", R"("7-")", R"("7-KRW")", R"("7-KRW.")",
        R"("7-KRW.0")", R"("7-KRW.03")", R"("7-krw.3")", R"("7-KRW.3-KRW.3")", R"("7-KRW.3x")",
        R"("7KRW.3")", R"("9223372036854775808")", R"("7-KRW.9223372036854775808")"})
    CAF_CHECK_EQUAL(read_history("{\"userId\":\"u\",\"before\":" + std::string(before) + "}"),
                    field("before",
                          "must be the `next` of an answer without a currency, or there must be a "
                          "currency"));
  for (const auto* code : {R"("krw")", R"("")", "7", R"("KRWX")"})
    CAF_CHECK_EQUAL(read_history("{\"userId\":\"u\",\"currency\":" + std::string(code) + "}"),
                    field("currency", "must be three capital letters"));
  CAF_CHECK_EQUAL(read_ids("{}"), field("recordIds", "is required"));
  CAF_CHECK_EQUAL(read_ids(R"({"recordIds":7})"), field("recordIds", "must be an array"));
  CAF_CHECK_EQUAL(read_ids(R"({"recordIds":"[7]"})"), field("recordIds", "must be an array"));
  CAF_CHECK_EQUAL(read_ids(R"({"recordIds":[7,null]})"),
                  element(2, "recordIds", "field \"recordId\": is required"));
  CAF_CHECK_EQUAL(read_ids(R"({"recordIds":[7,8,[9]]})"),
                  element(3, "recordIds", "field \"recordId\": " + id_rule));
  CAF_CHECK_EQUAL(read_ids(R"({"recordIds":[7,null,[9]]})"), // the first
                  element(2, "recordIds", "field \"recordId\": is required"));
  CAF_CHECK(read_ids(R"({"recordIds":[7,]})").starts_with("MALFORMED_JSON: "));
  CAF_CHECK(read_ids(R"({"recordIds":[7}})").starts_with("MALFORMED_JSON: "));
  CAF_CHECK_EQUAL(read_currencies(R"({"currencies":{}})"), field("currencies", "must be an array"));
  CAF_CHECK_EQUAL(read_currencies(R"({"currencies":["KRW"]})"),
                  element(1, "currencies", "must be an object"));
  CAF_CHECK_EQUAL(read_currencies(R"({"currencies":[{"code":"krw","exponent":0}]})"),
                  element(1, "currencies", "field \"code\": must be three capital letters"));
  for (const auto* exponent : {"19", "-1", "0.0", "\"2\""})
    CAF_CHECK_EQUAL(
        read_currencies(R"({"currencies":[{"code":"KRW","exponent":)" + std::string(exponent)
                        + "}]}"),
        element(1, "currencies",
                "field \"exponent\": must be an integer from 0 to 18, in digits alone and without "
                "leading zeros"));
  CAF_CHECK_EQUAL(
      read_currencies(
          R"({"currencies":[{"code":"KRW","exponent":0},{"code":"KRW","exponent":0}]})"),
      element(2, "currencies", "field \"code\": must not occur twice"));
  CAF_CHECK_EQUAL(read_verdicts(R"({"results":[1]})"), element(1, "results", "must be an object"));
  const auto good = encode_result(sample(), 2);
  CAF_CHECK_EQUAL(read_verdicts("{\"results\":[" + good + ",{}]}"),
                  element(2, "results", "field \"recordId\": is required"));
  CAF_CHECK_EQUAL(read_verdicts("{\"results\":[" + good + "],\"results\":[]}"),
                  field("results", "must not be given twice"));
}

CAF_TEST(arguments_of_a_history_break_the_same_rules_in_the_same_words) {
  struct row {
    std::string user_id;
    std::string currency;
    std::string limit;
    std::string before;
    bool goes_on; // to the node that answers
  };
  const row table[] = {{"ann", "", "", "", true},
                       {"ann", "KRW", "5", "9", true},
                       {"ann", "krw", std::string(7000, '9'), "x", true},
                       {"", "", "", "", false},
                       {std::string(129, 'u'), "", "", "", false},
                       {"a\nb", "", "", "", false},
                       {"ann", "KRW\n", "", "", false},
                       {"ann", "", " 5", "", false},
                       {"ann", "", std::string(1, '\0'), "", false},
                       {"ann", "KRW", "", "9\x7f", false},
                       {"ann", "", "", "9\xc2\x85", false}};
  const auto given = [](const std::string& text) {
    return text.empty() ? std::vector<std::string_view>{} : std::vector<std::string_view>{text};
  };
  for (const auto& [user_id, currency, limit, before, goes_on] : table) {
    const auto found = check_history({user_id, given(currency), given(limit), given(before)});
    CAF_CHECK_EQUAL(!found, goes_on);
    const auto asked =
        decode_history_question(encode_history_question(user_id, currency, limit, before));
    if (found)
      CAF_CHECK_EQUAL(found->detail, std::get<rejection>(asked).detail);
  }
  const auto twice = check_history({"ann", {}, {"5", ""}, {}});
  CAF_CHECK_EQUAL(twice ? twice->detail : "", "field \"limit\": must not be given twice");
  const auto no_text = check_history({"ann", {}, {}, {"\xff"}});
  CAF_CHECK(no_text && no_text->reason == dead_reason::invalid_field);
  CAF_CHECK(!check_history({"ann", {}, {}, {}}));
  CAF_CHECK(check_history({"ann", {""}, {}, {}}));
  CAF_CHECK(check_history({"ann", {}, {""}, {}}));
  CAF_CHECK(check_history({"ann", {}, {}, {""}}));
}

CAF_TEST(a_list_is_an_array_from_the_first_byte_to_the_last) {
  const auto nothing = [](const json_member&) {};
  CAF_CHECK(!read_json_array(" [1, {}] ", 4, nothing));
  CAF_CHECK_EQUAL(read_json_array("{}", 4, nothing).value_or(""),
                  "the payload is not a JSON array at byte 0");
  CAF_CHECK_EQUAL(read_json_array("[] []", 4, nothing).value_or(""),
                  "the payload has text after the JSON array at byte 3");
  wire::field broken{"recordIds"};
  broken.kind = json_kind::array;
  broken.text = "[1";
  CAF_CHECK(wire::read_list(broken, 9, [](const json_member&) { return std::nullopt; }));
}

CAF_TEST(a_verdict_question_has_at_most_500_ids) {
  std::vector<record_id> ids(verdict_question_max,
                             record_id{std::numeric_limits<std::int64_t>::max()});
  CAF_CHECK(std::get<std::vector<record_id>>(decode_verdict_question(encode_verdict_question(ids)))
            == ids);
  ids.push_back(record_id{1});
  CAF_CHECK_EQUAL(read_ids(encode_verdict_question(ids)),
                  R"(INVALID_FIELD: field "recordIds": must hold at most 500 elements)");
}

CAF_TEST(every_question_is_read_as_it_was_asked) {
  codec_worlds worlds(property_seed());
  for (int i = 0; i < 1000; ++i) {
    std::vector<record_id> ids;
    for (auto count = worlds.below(20); count > 0; --count)
      ids.push_back(record_id{worlds.number(1)});
    CAF_REQUIRE(
        std::get<std::vector<record_id>>(decode_verdict_question(encode_verdict_question(ids)))
        == ids);
    const auto user = worlds.user();
    const auto code = worlds.below(2) == 0 ? ""s : std::string(worlds.code().text());
    const auto limit = worlds.below(2) == 0 ? ""s : std::to_string(1 + worlds.below(1000));
    auto before = worlds.below(2) == 0 ? ""s : std::to_string(worlds.number(1));
    if (code.empty() && !before.empty() && worlds.below(2) == 0)
      before += "-EUR." + std::to_string(worlds.number(1));
    const auto expected = user + " " + (code.empty() ? "all" : code) + " "
                          + (limit.empty() ? "50" : limit) + " " + (before.empty() ? "0" : before);
    CAF_REQUIRE_EQUAL(read_history(encode_history_question(user, code, limit, before)), expected);
  }
  // What is not UTF-8 is refused by the node that is asked, not made into another question.
  CAF_CHECK(
      read_history(encode_history_question("u\xff", "", "", "")).starts_with("MALFORMED_JSON"));
}

CAF_TEST(every_answer_is_read_as_it_was_given) {
  codec_worlds worlds(property_seed());
  for (int i = 0; i < 200; ++i) {
    std::vector<posting> decided;
    for (auto count = worlds.below(i == 0 ? 1 : 20); count > 0; --count)
      decided.push_back(worlds.stored());
    const auto answer =
        decode_verdicts(encode_verdicts(decided, codec_currencies()), codec_currencies());
    CAF_REQUIRE(std::holds_alternative<std::vector<record_verdict>>(answer));
    const auto& verdicts = std::get<std::vector<record_verdict>>(answer);
    CAF_REQUIRE_EQUAL(verdicts.size(), decided.size());
    for (std::size_t j = 0; j < decided.size(); ++j) {
      CAF_REQUIRE(verdicts[j].id == decided[j].record);
      CAF_REQUIRE(verdicts[j].transaction == decided[j].id);
      CAF_REQUIRE((verdicts[j].decided
                   == submission{decided[j].account, decided[j].type, decided[j].amount}));
      CAF_REQUIRE(verdicts[j].balance_after == decided[j].balance_after);
      CAF_REQUIRE(verdicts[j].processed_at == decided[j].created_at);
      CAF_REQUIRE_EQUAL(verdicts[j].reason, std::string(reason_text(decided[j].verdict)));
    }
  }
  auto stranger = sample();
  stranger.account.currency = *currency_code::parse("ZZZ");
  CAF_CHECK_EQUAL(
      read_verdicts(encode_verdicts({stranger, sample(), stranger}, codec_currencies())), "7 ");
  CAF_CHECK_EQUAL(read_currencies(encode_facts({codec_currency_rows(), {}})),
                  "KRW0 EUR2 BHD3 XYZ18 ");
  CAF_CHECK_EQUAL(encode_facts({{{eur, 2}}, {}}),
                  R"({"currencies":[{"code":"EUR","exponent":2}]})");
  const auto facts = encode_facts({{{eur, 2}}, ledger_marks{record_id{7}, transaction_id{41}}});
  CAF_CHECK_EQUAL(
      facts,
      R"({"currencies":[{"code":"EUR","exponent":2}],"highestRecordId":7,"highestTransactionId":41})");
  CAF_CHECK_EQUAL(read_currencies(facts), "EUR2 7 41");
  CAF_CHECK_EQUAL(
      read_currencies(R"({"currencies":[],"highestRecordId":-1,"highestTransactionId":41})")
          .substr(0, 38),
      "INVALID_FIELD: field \"highestRecordId\"");
  // As large as an answer can be.
  auto large = sample();
  large.account.user_id = std::string(user_id_bytes_max, '"');
  const std::vector<posting> many(verdict_question_max, large);
  const auto text = encode_verdicts(many, codec_currencies());
  CAF_CHECK(text.size() > payload_bytes_max);
  CAF_CHECK(text.size() < 512 * 1024);
  CAF_CHECK(std::holds_alternative<std::vector<record_verdict>>(
      decode_verdicts(text, codec_currencies())));
}

CAF_TEST(every_record_is_json) {
  codec_worlds worlds(property_seed());
  for (int i = 0; i < 1000; ++i) {
    const auto row = worlds.stored();
    const auto exponent = codec_exponent(row.account.currency);
    const auto parsed = nlohmann::json::parse(encode_record(row, exponent));
    CAF_REQUIRE_EQUAL(parsed.at("userId").get<std::string>(), row.account.user_id);
    CAF_REQUIRE_EQUAL(parsed.at("recordId").get<std::int64_t>(), to_int(row.record));
    CAF_REQUIRE_EQUAL(parsed.at("amount").get<std::string>(), format_amount(row.amount, exponent));
    CAF_REQUIRE_EQUAL(parsed.at("status").get<std::string>(),
                      std::string(status_text(row.verdict)));
    CAF_REQUIRE_EQUAL(parsed.contains("reason"), row.verdict != outcome::applied);
  }
}

CAF_TEST(a_facts_question_says_where_our_ids_begin) {
  const auto from = [](const std::string& body) {
    const auto asked = decode_facts_question(body);
    const auto* id = std::get_if<std::optional<record_id>>(&asked);
    return id == nullptr ? -1 : *id ? to_int(**id) : 0;
  };
  CAF_CHECK_EQUAL(encode_facts_question(record_id{1'000'000'000'000'000}),
                  R"({"recordIdsFrom":1000000000000000})");
  CAF_CHECK_EQUAL(from(R"({"recordIdsFrom":1000000000000000})"), 1'000'000'000'000'000);
  CAF_CHECK_EQUAL(from("{}"), 0);
  CAF_CHECK_EQUAL(from(R"({"recordIdsFrom":0})"), -1);
  CAF_CHECK_EQUAL(from("["), -1);
}
