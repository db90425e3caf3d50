#define CAF_SUITE side_lane

#include "actors/ledger/side_lane.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

using ids = std::vector<std::int64_t>;

struct lane_fixture {
  side_lane lane{{.entries_max = 8}};
  side_lane::time_point now = side_lane::time_point{} + 1h;

  void add(const std::string& user, const ids& records) {
    ledger_group next;
    next.account = won_account(user);
    next.head = account_head{money{1}, 1};
    for (const auto id : records)
      next.entries.push_back({deposit(id, user, 1), {{}, static_cast<ticket>(id)}});
    lane.add(std::move(next), now);
  }

  // The part whose turn it is; empty: none. Checks that answers would go to the right places.
  ids take() {
    const auto part = lane.take(now);
    ids result;
    if (!part)
      return result;
    CAF_REQUIRE_EQUAL(part->heads.size(), 1u);
    CAF_REQUIRE_EQUAL(part->origins.size(), part->entries.size());
    for (std::size_t i = 0; i < part->entries.size(); ++i) {
      result.push_back(to_int(part->entries[i].asked.id));
      CAF_CHECK_EQUAL(part->origins[i].tag, static_cast<ticket>(result.back()));
    }
    return result;
  }

  bool succeed(std::chrono::microseconds work = 1ms) {
    return lane.posted({money{7}, 7}, work, now);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(side_lane_tests, lane_fixture)

CAF_TEST(an account that is blocked waits with growing pauses and loses nothing) {
  CAF_CHECK(lane.set_aside(won_account("ann"), trouble::blocked, now));
  CAF_CHECK(!lane.set_aside(won_account("ann"), trouble::slow, now));
  CAF_CHECK(!lane.next_due());
  add("ann", {1, 2, 3});
  std::vector<std::chrono::milliseconds> pauses;
  std::vector<std::chrono::milliseconds> locks;
  for (int i = 0; i < 12; ++i) {
    const auto part = lane.take(now);
    CAF_REQUIRE(part);
    locks.push_back(part->limits.lock);
    lane.again(now);
    CAF_CHECK(!lane.take(now));
    const auto pause = *lane.next_due() - now;
    pauses.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(pause));
    now += pause;
  }
  CAF_CHECK(pauses.front() >= 25ms && pauses.front() <= 50ms);
  for (std::size_t i = 6; i < pauses.size(); ++i)
    CAF_CHECK(pauses[i] >= 1500ms && pauses[i] <= 3000ms);
  CAF_CHECK(locks.front() == 100ms && locks.back() == 1000ms);
  CAF_CHECK_EQUAL(take(), (ids{1, 2, 3}));
}

CAF_TEST(who waits does not hold up the next) {
  for (const auto* user : {"ann", "bob"}) {
    lane.set_aside(won_account(user), trouble::blocked, now);
  }
  add("ann", {1});
  CAF_CHECK_EQUAL(take(), (ids{1}));
  lane.again(now);
  add("bob", {2});
  CAF_CHECK_EQUAL(take(), (ids{2}));
  succeed();
  CAF_CHECK(take().empty());
  now += 50ms;
  CAF_CHECK_EQUAL(take(), (ids{1}));
}

CAF_TEST(a part that is too much is cut until it goes through in order) {
  lane.set_aside(won_account("ann"), trouble::slow, now);
  add("ann", {1, 2, 3, 4, 5, 6, 7});
  CAF_CHECK_EQUAL(take(), (ids{1, 2, 3, 4, 5, 6, 7}));
  lane.cut(now);
  CAF_CHECK_EQUAL(take(), (ids{1, 2, 3}));
  lane.cut(now);
  CAF_CHECK_EQUAL(take(), (ids{1}));
  succeed(4s);
  // What was too much is remembered, and slowly tried again.
  CAF_CHECK_EQUAL(take(), (ids{2, 3}));
  succeed(4s);
  CAF_CHECK_EQUAL(take(), (ids{4, 5, 6, 7}));
  lane.cut(now);
  CAF_CHECK_EQUAL(take(), (ids{4, 5}));
  CAF_CHECK(!succeed(4s));
  CAF_CHECK_EQUAL(take(), (ids{6, 7}));
}

CAF_TEST(only the first part has the old head and only the last tells the ledger) {
  lane.set_aside(won_account("ann"), trouble::slow, now);
  add("ann", {1, 2});
  lane.take(now);
  lane.cut(now);
  auto part = lane.take(now);
  CAF_CHECK_EQUAL(part->heads[0].head->seq, 1);
  CAF_CHECK(!part->ledgers[0]);
  succeed();
  part = lane.take(now);
  CAF_CHECK_EQUAL(part->heads[0].head->seq, 7);
  lane.refused(now);
  CAF_CHECK(!lane.next_due());
}

CAF_TEST(a refused entry is passed and the others go on) {
  lane.set_aside(won_account("ann"), trouble::refused, now);
  add("ann", {1, 2, 3});
  ids refused, done;
  for (auto part = take(); !part.empty(); part = take()) {
    if (std::find(part.begin(), part.end(), 2) == part.end()) {
      done.insert(done.end(), part.begin(), part.end());
      succeed();
    } else if (part.size() > 1) {
      lane.cut(now);
    } else {
      refused.push_back(part.front());
      lane.refused(now);
    }
  }
  CAF_CHECK_EQUAL(refused, (ids{2}));
  CAF_CHECK_EQUAL(done, (ids{1, 3}));
}

CAF_TEST(after three quick successes an account returns and later when it comes back often) {
  const auto successes_until_return = [&] {
    lane.set_aside(won_account("ann"), trouble::blocked, now);
    for (int i = 1;; ++i) {
      add("ann", {i});
      CAF_CHECK(!take().empty());
      if (succeed())
        return i;
    }
  };
  CAF_CHECK_EQUAL(successes_until_return(), 3);
  CAF_CHECK(!lane.holds(won_account("ann")));
  CAF_CHECK_EQUAL(successes_until_return(), 6);
  CAF_CHECK_EQUAL(successes_until_return(), 12);
  now += 11min;
  CAF_CHECK_EQUAL(successes_until_return(), 3);
}

CAF_TEST(slow successes and failures between them do not count) {
  lane.set_aside(won_account("ann"), trouble::slow, now);
  for (int i = 0; i < 20; ++i) {
    add("ann", {i});
    CAF_CHECK(!take().empty());
    CAF_CHECK(!succeed(i % 3 == 2 ? 50ms : 1ms));
  }
  CAF_CHECK_EQUAL(lane.accounts(), 1u);
}

CAF_TEST(who is quiet for long is forgotten and who waits never) {
  lane.set_aside(won_account("ann"), trouble::blocked, now);
  lane.set_aside(won_account("bob"), trouble::blocked, now);
  add("bob", {1});
  now += 59s;
  CAF_CHECK(lane.forget_quiet(now).empty() && lane.accounts() == 2);
  now += 2s;
  lane.forget_quiet(now);
  CAF_CHECK(!lane.holds(won_account("ann")) && lane.holds(won_account("bob")));
  CAF_CHECK_EQUAL(lane.entries_waiting(), 1u);
  CAF_CHECK(now - *lane.oldest() == 61s);
}

CAF_TEST(the oldest is the one that has waited longest whoever it is) {
  const auto begin = now;
  for (int i = 0; i < 20; ++i) {
    const auto user = "user-" + std::to_string(i);
    lane.set_aside(won_account(user), trouble::blocked, now);
    add(user, {1});
    now += 1s;
  }
  CAF_REQUIRE(lane.oldest().has_value());
  CAF_CHECK(*lane.oldest() == begin);
}

CAF_TEST(the memory of relapses has a limit) {
  for (int i = 0; i < 5000; ++i) {
    const auto user = "user-" + std::to_string(i);
    lane.set_aside(won_account(user), trouble::blocked, now);
    add(user, {1});
  }
  CAF_CHECK_EQUAL(lane.accounts_waiting(), 5000u);
  CAF_CHECK_LESS_OR_EQUAL(lane.remembered(), 1000u);
}

CAF_TEST_FIXTURE_SCOPE_END()
