#define CAF_SUITE noted_accounts

#include "actors/ledger/noted_accounts.hpp"

#include <string>

#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

const hot_accounts::time_point start{1h};

account_key account(int number) {
  return {"user-" + std::to_string(number), *currency_code::parse("KRW")};
}

std::string shown(const std::vector<noted_account>& all) {
  std::string text;
  for (const auto& each : all)
    text += each.account.user_id + "=" + std::to_string(each.entries) + "/"
            + std::to_string(each.time.count()) + " ";
  return text;
}

} // namespace

CAF_TEST(the hottest of many accounts are known exactly and only of the last window) {
  hot_accounts hot;
  hot.begin(start);
  std::vector<account_heat> heats(1000);
  // Account n gets n entries, in three batches, the coldest last.
  for (int round = 0; round < 3; ++round)
    for (int n = 999; n > 0; --n)
      hot.note(account(n), heats[static_cast<std::size_t>(n)], static_cast<std::size_t>(n));
  const auto early = hot.hottest(start + 3s);
  CAF_REQUIRE_EQUAL(early.size(), accounts_noted);
  CAF_CHECK_EQUAL(shown({early[0], early[9]}), "user-999=2997/3000 user-990=2970/3000 ");
  hot.pass(start + 9s);
  CAF_CHECK(hot.hottest(start + 9s)[0].entries == 2997u);
  hot.pass(start + 10s);
  hot.note(account(1), heats[1], 7); // of the new window
  CAF_CHECK_EQUAL(shown({hot.hottest(start + 12s)[0]}), "user-999=2997/10000 ");
  hot.pass(start + 20s);
  CAF_CHECK_EQUAL(shown(hot.hottest(start + 21s)), "user-1=7/10000 ");
  hot.pass(start + 30s);
  CAF_CHECK(hot.hottest(start + 31s).empty());
}

CAF_TEST(an account that warms up slowly takes the place of the coldest) {
  hot_accounts hot;
  hot.begin(start);
  std::vector<account_heat> heats(12);
  for (int n = 0; n < 10; ++n)
    hot.note(account(n), heats[static_cast<std::size_t>(n)], 10 + static_cast<std::size_t>(n));
  for (int i = 0; i < 10; ++i)
    hot.note(account(11), heats[11], 1);
  CAF_CHECK(hot.hottest(start).back().entries == 10u); // as many as the coldest is not enough
  CAF_CHECK(hot.hottest(start).back().account.user_id == "user-0");
  hot.note(account(11), heats[11], 1);
  CAF_CHECK(hot.hottest(start).back().account.user_id == "user-11"); // user-0 has gone
  CAF_CHECK_EQUAL(hot.hottest(start).size(), accounts_noted);
}

CAF_TEST(of what waits the longest are kept whatever comes and what is on its way is none) {
  longest_waits waits{start};
  CAF_CHECK(!waits.is_long(start - 249ms));
  waits.add(account(0), 1, start - 249ms, "commit");
  for (int n = 1; n <= 1000; ++n)
    waits.add(account(n), 2, start - n * 1s, "locked");
  const auto longest = waits.take();
  CAF_REQUIRE_EQUAL(longest.size(), accounts_noted);
  CAF_CHECK_EQUAL(shown({longest[0], longest[9]}), "user-1000=2/1000000 user-991=2/991000 ");
  CAF_CHECK_EQUAL(longest[0].reason, "locked");
}

CAF_TEST(what several actors have noted becomes one list of each sort) {
  std::vector<noted_account> all;
  for (int n = 0; n < 15; ++n) {
    all.push_back({noted_account::why::waiting, account(n), 1, n * 1s, "locked"});
    all.push_back({noted_account::why::hot, account(n), static_cast<std::uint64_t>(n), 10s, {}});
  }
  const auto most = most_noted(std::move(all));
  CAF_REQUIRE_EQUAL(most.size(), 2 * accounts_noted);
  CAF_CHECK(most[9].what == noted_account::why::hot);
  CAF_CHECK(most[10].what == noted_account::why::waiting);
  CAF_CHECK_EQUAL(shown({most[0], most[9], most[10]}),
                  "user-14=14/10000 user-5=5/10000 user-14=1/14000 ");
}
