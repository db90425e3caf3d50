// What nodes say of one record, and what a result says of its request.

#include "messaging/record_look.hpp"

#include <string>

#define CAF_SUITE record_look
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

const record_look full{boot_id{7},
                       "node-a",
                       {{"deposit-consumer/0", "publishing", 40, 12'345, 2, 1}},
                       {{"transaction.deposit", 40}, {"transaction.withdrawal", 39}}};

std::optional<account_key> account_of(std::string user) {
  return account_key{std::move(user), *currency_code::parse("EUR")};
}

} // namespace

CAF_TEST(a question names its record) {
  for (const auto id : {record_id{1}, record_id{INT64_MAX}})
    for (const auto& account : {std::optional<account_key>{}, account_of(std::string(128, '\1')),
                                account_of("\xC3\xA9\"n")})
      CAF_CHECK(decode_look_question(encode_look_question({id, account}))
                == (look_question{id, account}));
  // Half an account is none, and what is too long is no user.
  for (const auto* half :
       {R"("userId":"ann")", R"("currency":"EUR")", R"("userId":"","currency":"EUR")",
        R"("userId":"ann","currency":"eur")", R"("userId":7,"currency":8)"})
    CAF_CHECK(
        decode_look_question(R"({"question":"record","recordId":"7",)" + std::string(half) + "}")
        == look_question{record_id{7}});
  CAF_CHECK(
      decode_look_question(encode_look_question({record_id{7}, account_of(std::string(129, 'x'))}))
      == look_question{record_id{7}});
  // A node of before takes no more than so many bytes, and looks at no field that it does not know.
  CAF_CHECK_EQUAL(encode_look_question({record_id{7}}), R"({"question":"record","recordId":"7"})");
  for (const auto* other :
       {"", "{}", "x", R"({"question":"metrics"})", R"({"recordId":"7"})",
        R"({"question":"record"})", R"({"question":"record","recordId":7})",
        R"({"question":"record","recordId":"0"})", R"({"question":"record","recordId":"-7"})",
        R"({"question":"record","recordId":"7 "})", R"({"question":"record","recordId":"7"}x)"})
    CAF_CHECK_EQUAL(std::make_pair(other, decode_look_question(other).has_value()),
                    std::make_pair(other, false));
  CAF_CHECK(!decode_look_question(R"({"question":"record","recordId":"7","x":")"
                                  + std::string(1000, 'x') + "\"}"));
}

CAF_TEST(an answer comes back as it was) {
  const auto text = encode_look(full);
  CAF_CHECK(decode_look(text) == full);
  const record_look empty{boot_id{1}, "b", {}, {}};
  CAF_CHECK(decode_look(encode_look(empty)) == empty);
  auto waiting = full;
  waiting.wait = account_wait{"blocked", 12'000};
  const auto told = encode_look(waiting);
  CAF_CHECK(told.ends_with(R"(,"wait":{"why":"blocked","forMs":12000}})"));
  CAF_CHECK(decode_look(told) == waiting);
  // A later version may say more.
  CAF_CHECK(decode_look(R"({"more":[1],)" + text.substr(1)) == full);
  for (std::size_t size = 0; size < text.size(); ++size)
    CAF_CHECK(!decode_look(text.substr(0, size)));
}

CAF_TEST(what is no such answer is none) {
  for (const auto* other :
       {"", "[]", "{}", R"({"boot":"0000000000000007","node":"a"})",
        R"({"boot":"0000000000000007","node":"a","held":{}})",
        R"({"boot":"0000000000000007","node":"a","held":[7]})",
        R"({"boot":"0000000000000000","node":"a","held":[]})",
        R"({"boot":"0000000000000007","node":"a b","held":[]})",
        R"({"boot":"0000000000000007","node":"a","held":[{"seq":-1}]})",
        R"({"boot":"0000000000000007","node":"a","held":[],"wait":[]})",
        R"({"boot":"0000000000000007","node":"a","held":[],"wait":{"why":7}})",
        R"({"boot":"0000000000000007","node":"a","held":[],"wait":{"forMs":""}})",
        R"({"word":{},"knows":[],"tally":{}})"})
    CAF_CHECK_EQUAL(std::make_pair(other, decode_look(other).has_value()),
                    std::make_pair(other, false));
}

CAF_TEST(a result says where it comes from) {
  outgoing result;
  add_origin(result, {123, "node-a"});
  CAF_REQUIRE_EQUAL(result.headers.size(), 1u);
  CAF_CHECK_EQUAL(result.headers[0].value, "123 node-a");
  const auto origin = origin_of(result.headers);
  CAF_CHECK(origin && *origin == (result_origin{123, "node-a"}));
  CAF_CHECK(!origin_of({}));
  for (const auto* bad : {"", "x", "0 a", "12", "12 ", "x 12", "-1 a"})
    CAF_CHECK(!origin_of({{"Ledgerd-Origin", bad}}));
}

CAF_TEST(bytes may name a record) {
  CAF_CHECK(may_name(R"({"recordId":17})", record_id{7}));
  CAF_CHECK(!may_name(R"({"recordId":18})", record_id{7}));
}
