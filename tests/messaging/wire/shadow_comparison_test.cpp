#include "messaging/shadow_comparison.hpp"

#include <vector>

#include "messaging/codec.hpp"

#define CAF_SUITE shadow_comparison
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

const currency_table currencies({{*currency_code::parse("KRW"), 0},
                                 {*currency_code::parse("EUR"), 2}});

posting row(outcome verdict = outcome::applied, std::int64_t balance = 1250) {
  return {.id = transaction_id{7},
          .record = record_id{42},
          .account = {"ann", *currency_code::parse("EUR")},
          .seq = 3,
          .type = movement::withdrawal,
          .amount = money{500},
          .verdict = verdict,
          .balance_after = money{balance}};
}

struct told_row {
  std::string payload;
  std::string expected; // to_text; empty: they agree
};

std::string differences(shadow_comparison& by, const std::string& payload, const posting& ours) {
  const auto found = by.compare({ours.record, 1, 0, payload}, ours);
  return found ? to_text(*found) + (found->carried ? " carried" : "") : "";
}

std::string told(const std::string& balance) {
  return R"({"recordId":42,"status":"SUCCESS","amount":"5","balanceAfter":")" + balance + "\"}";
}

} // namespace

CAF_TEST(values_are_compared_and_not_their_notation) {
  for (
      const auto& [payload, expected] : std::vector<told_row>{
          {encode_result(row(), 2), ""},
          {R"({"recordId":42,"status":"SUCCESS","amount":5,"balanceAfter":12.5})", ""},
          {R"({"recordId":42,"status":"SUCCESS","amount":"5.000","balanceAfter":"1.25e1","reason":null,
                "transactionId":"a-b","processedAt":1790000000000,"more":[1]})",
           ""},
          {R"({"recordId":42,"status":"FAILED","reason":"INSUFFICIENT_FUNDS","amount":5,"balanceAfter":12.5})",
           "status here SUCCESS, there FAILED, reason here none, there INSUFFICIENT_FUNDS"},
          {R"({"recordId":42,"status":"SUCCESS","amount":5.01,"balanceAfter":12.49})",
           "amount here 5.00, there 5.01, balanceAfter here 12.50, there 12.49"},
          {R"({"recordId":42,"status":"SUCCESS","amount":5.0000001,"balanceAfter":12.5})",
           "amount here 5.00, there 5.0000001"},
          {R"({"recordId":42,"status":"SUCCESS","amount":5,"balanceAfter":-12.5})",
           "balanceAfter here 12.50, there -12.5"},
          {R"({"recordId":42})", "status here SUCCESS, there none, amount here 5.00, there none, "
                                 "balanceAfter here 12.50, "
                                 "there none"},
          {R"({"recordId":42,"status":"SUCCESS","amount":5,"balanceAfter":12.5,"userId":"bob",
                "type":"DEPOSIT","currency":"USD"})",
           "userId here ann, there bob, type here WITHDRAWAL, there DEPOSIT, currency here EUR, "
           "there USD"},
      }) {
    shadow_comparison by{currencies};
    CAF_MESSAGE("payload " << payload);
    CAF_CHECK_EQUAL(differences(by, payload, row()), expected);
    CAF_CHECK_EQUAL(by.agreed(), expected.empty() ? 1u : 0u);
    CAF_CHECK_EQUAL(by.differing(), expected.empty() ? 0u : 1u);
  }
  shadow_comparison by{currencies};
  CAF_CHECK(differences(by, "{", row()).starts_with("payload here {\"recordId\":42"));
}

CAF_TEST(refusals_and_a_balance_of_zero) {
  shadow_comparison by{currencies};
  const auto refused = row(outcome::insufficient_funds, 0);
  CAF_CHECK_EQUAL(differences(by, encode_result(refused, 2), refused), "");
  CAF_CHECK_EQUAL(
      differences(by, R"({"status":"FAILED","reason":"NO_MONEY","amount":5,"balanceAfter":0})",
                  refused),
      "reason here INSUFFICIENT_FUNDS, there NO_MONEY");
  CAF_CHECK_EQUAL(differences(by, R"({"status":"FAILED","amount":5,"balanceAfter":0})", refused),
                  "reason here INSUFFICIENT_FUNDS, there none");
}

CAF_TEST(what_follows_from_a_difference_is_told_apart) {
  shadow_comparison by{currencies};
  CAF_CHECK_EQUAL(differences(by, told("12.51"), row()), "balanceAfter here 12.50, there 12.51");
  CAF_CHECK_EQUAL(by.accounts_off(), 1u);
  CAF_CHECK_EQUAL(differences(by, told("10.01"), row(outcome::applied, 1000)),
                  "balanceAfter here 10.00, there 10.01 carried");
  CAF_CHECK_EQUAL(differences(by, told("10.02"), row(outcome::applied, 1000)),
                  "balanceAfter here 10.00, there 10.02");
  CAF_CHECK_EQUAL(differences(by, told("10.00"), row(outcome::applied, 1000)), "");
  CAF_CHECK_EQUAL(by.accounts_off(), 0u);
  CAF_CHECK_EQUAL(by.carried(), 1u);
}
