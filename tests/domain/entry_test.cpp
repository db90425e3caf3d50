#include "domain/entry.hpp"

#include <algorithm>
#include <set>
#include <vector>

#define CAF_SUITE entry
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

currency_code code(std::string_view text) {
  return *currency_code::parse(text);
}

} // namespace

CAF_TEST(words_of_the_payloads_read_back) {
  CAF_CHECK_EQUAL(to_text(movement::deposit), "DEPOSIT");
  CAF_CHECK_EQUAL(to_text(movement::withdrawal), "WITHDRAWAL");
  CAF_CHECK(parse_movement("DEPOSIT") == movement::deposit);
  CAF_CHECK(parse_movement("WITHDRAWAL") == movement::withdrawal);
  for (const auto* text : {"", "deposit", "DEPOSIT ", "DEPOSITS", "WITHDRAW"})
    CAF_CHECK(!parse_movement(text));
  CAF_CHECK_EQUAL(status_text(outcome::applied), "SUCCESS");
  CAF_CHECK_EQUAL(reason_text(outcome::applied), "");
  for (const auto refusal : {outcome::insufficient_funds, outcome::balance_overflow}) {
    CAF_CHECK_EQUAL(status_text(refusal), "FAILED");
    CAF_CHECK(parse_reason(reason_text(refusal)) == refusal);
  }
  CAF_CHECK_EQUAL(reason_text(outcome::insufficient_funds), "INSUFFICIENT_FUNDS");
  CAF_CHECK_EQUAL(reason_text(outcome::balance_overflow), "BALANCE_OVERFLOW");
  for (const auto* text : {"", "SUCCESS", "insufficient_funds", "OVERFLOW"})
    CAF_CHECK(!parse_reason(text));
}

// The values were computed by another program (64-bit FNV-1a over the bytes given in the header).
CAF_TEST(fingerprints_are_fnv_1a) {
  CAF_CHECK_EQUAL(fingerprint({"user-1", code("KRW")}, movement::deposit, money{10000}),
                  3121051088770431775);
  CAF_CHECK_EQUAL(fingerprint({"\xed\x95\x9c", code("EUR")}, movement::withdrawal, money{1}),
                  1196798235021137715);
}

CAF_TEST(a_fingerprint_depends_on_every_field) {
  const std::set<std::int64_t> prints{
      fingerprint({"user-1", code("KRW")}, movement::deposit, money{10000}),
      fingerprint({"user-2", code("KRW")}, movement::deposit, money{10000}),
      fingerprint({"user-1", code("EUR")}, movement::deposit, money{10000}),
      fingerprint({"user-1", code("KRW")}, movement::withdrawal, money{10000}),
      fingerprint({"user-1", code("KRW")}, movement::deposit, money{10001}),
      fingerprint({"user-1K", code("RWK")}, movement::deposit, money{10000}),
  };
  CAF_CHECK_EQUAL(prints.size(), 6u);
}

// COLLATE "C" compares the bytes of UTF-8 as unsigned numbers, a prefix first, then the next
// column.
CAF_TEST(accounts_are_ordered_as_postgresql_does_under_collate_c) {
  const std::vector<account_key> ordered{
      {"", code("KRW")},
      {"A", code("EUR")},
      {"A", code("KRW")},
      {"A ", code("EUR")},
      {"AA", code("EUR")},
      {"B", code("AAA")},
      {"Z", code("AAA")},
      {"a", code("AAA")},
      {"a-b", code("AAA")},
      {"a_b", code("AAA")},
      {"ab", code("AAA")},
      {"z\x7f", code("AAA")},
      {"z\xc2\x80", code("AAA")},
      {"\xc3\xa9", code("AAA")},
      {"\xed\x95\x9c", code("AAA")},
      {"\xf0\x9f\x92\xb0", code("AAA")},
  };
  for (std::size_t a = 0; a < ordered.size(); ++a)
    for (std::size_t b = 0; b < ordered.size(); ++b) {
      CAF_CHECK_EQUAL(ordered[a] < ordered[b], a < b);
      CAF_CHECK_EQUAL(ordered[a] == ordered[b], a == b);
    }
}

CAF_TEST(content_is_user_currency_type_and_amount) {
  const entry asked{record_id{7}, {"user-1", code("KRW")}, movement::deposit, money{100}};
  posting stored{.id = transaction_id{1},
                 .record = record_id{7},
                 .account = asked.account,
                 .seq = 3,
                 .type = asked.type,
                 .amount = asked.amount,
                 .verdict = outcome::balance_overflow,
                 .balance_after = money{5}};
  CAF_CHECK(same_content(asked, stored));
  auto other = asked;
  other.account.user_id = "user-2";
  CAF_CHECK(!same_content(other, stored));
  other = asked;
  other.account.currency = code("EUR");
  CAF_CHECK(!same_content(other, stored));
  other = asked;
  other.type = movement::withdrawal;
  CAF_CHECK(!same_content(other, stored));
  other = asked;
  other.amount = money{101};
  CAF_CHECK(!same_content(other, stored));
}
