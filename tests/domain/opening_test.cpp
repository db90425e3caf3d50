#include "domain/opening.hpp"

#include <set>

#define CAF_SUITE opening
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

const account_key ann{"ann", *currency_code::parse("EUR")};

posting opened(const account_key& account, unsigned attempt) {
  const auto asked = make_opening(account, money{5}, attempt);
  return {.id = transaction_id{1},
          .record = asked.id,
          .account = asked.account,
          .seq = 1,
          .type = asked.type,
          .amount = asked.amount,
          .verdict = outcome::applied,
          .balance_after = asked.amount};
}

} // namespace

CAF_TEST(an_id_is_the_accounts_for_ever) {
  // Rows are in databases under these: a change would open accounts a second time.
  CAF_CHECK_EQUAL(to_int(opening_id(ann, 0)), 951144559672013);
  CAF_CHECK_EQUAL(to_int(opening_id(ann, 1)), 980928523863163);
  CAF_CHECK_EQUAL(to_int(opening_id({"ann", *currency_code::parse("KRW")}, 0)), 980392207767183);
}

CAF_TEST(ids_lie_in_their_range_and_spread) {
  std::set<record_id> ids;
  for (int user = 0; user < 20000; ++user)
    ids.insert(opening_id({std::to_string(user), ann.currency}, 0));
  CAF_CHECK_EQUAL(ids.size(), 20000u);
  CAF_CHECK(is_opening_id(*ids.begin()) && is_opening_id(*ids.rbegin()));
  CAF_CHECK(to_int(*ids.begin()) < opening_id_first + 100'000'000'000);
  CAF_CHECK(to_int(*ids.rbegin()) > opening_id_last - 100'000'000'000);
  std::set<record_id> own;
  for (unsigned attempt = 0; attempt < opening_ids_max; ++attempt)
    own.insert(opening_id(ann, attempt));
  CAF_CHECK_EQUAL(own.size(), opening_ids_max);
}

CAF_TEST(an_opening_row_can_be_nothing_else) {
  CAF_CHECK(is_opening(opened(ann, 0)));
  CAF_CHECK(is_opening(opened(ann, opening_ids_max - 1)));
  const auto but = [](auto change) {
    auto row = opened(ann, 0);
    change(row);
    return is_opening(row);
  };
  CAF_CHECK(!but([](posting& row) { row.seq = 2; }));
  CAF_CHECK(!but([](posting& row) { row.type = movement::withdrawal; }));
  CAF_CHECK(!but([](posting& row) { row.verdict = outcome::balance_overflow; }));
  CAF_CHECK(!but([](posting& row) { row.account.user_id = "bob"; }));
  CAF_CHECK(!but([](posting& row) { row.account.currency = *currency_code::parse("USD"); }));
  CAF_CHECK(!but([](posting& row) { row.record = record_id{opening_id_first}; }));
  CAF_CHECK(!but([](posting& row) { row.record = record_id{1}; }));
}
