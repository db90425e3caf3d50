// The importer on a store that fails on purpose; the same on a real database stands in
// tests/e2e/import.mjs.
#include "app/import/importer.hpp"

#include <map>

#include "domain/opening.hpp"
#include "tests/support/memory_store.hpp"

#define CAF_SUITE importer
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

account_key won(const std::string& user) {
  return {user, *currency_code::parse("KRW")};
}

// What the store holds.
class memory_finder final : public account_finder {
public:
  explicit memory_finder(const memory_store& store) : store_(store) {}

  std::vector<present_account> find(const std::vector<account_key>& accounts) override {
    const auto now = store_.shared()->picture();
    std::vector<present_account> result;
    for (const auto& key : accounts) {
      const auto found = now.accounts.find(key);
      if (found == now.accounts.end() || hidden.contains(key))
        continue;
      present_account one{key, found->second, std::nullopt};
      for (const auto& [id, row] : now.postings)
        if (row.account == key && row.seq == 1)
          one.first = row;
      result.push_back(one);
    }
    hidden.clear();
    return result;
  }

  std::set<account_key> hidden; // at the next look: they come into being after it

private:
  const memory_store& store_;
};

// Opens new accounts only, as the store of an import does.
class opening_store final : public ledger_store {
public:
  explicit opening_store(memory_store& store) : store_(store) {}

  post_result post(const posting_batch& batch, const post_limits& limits) override {
    const auto now = store_.shared()->picture();
    store_failure failure{store_failure_kind::rejected, "taken"};
    for (const auto& [asked, place] : batch.entries)
      if (now.accounts.contains(asked.account) && !now.postings.contains(asked.id))
        failure.culprits.push_back(place);
    if (!failure.culprits.empty())
      return failure;
    for (const auto& each : batch.entries)
      if (each.asked.account.user_id == denied)
        return store_failure{
            store_failure_kind::blocked, "permission denied for table archive", {}, 0, true};
    for (const auto& each : batch.entries)
      if (each.asked.account.user_id == locked && locked_for > 0) {
        --locked_for;
        return store_failure{store_failure_kind::blocked, "canceling statement"};
      }
    return store_.post(batch, limits);
  }

  std::string denied; // a trigger lacks a right for this user
  std::string locked; // by somebody, for so many posts
  int locked_for = 0;

private:
  memory_store& store_;
};

struct fixture {
  memory_store store;
  memory_finder finder{store};
  opening_store opener{store};
  std::vector<balance_row> rows;
  std::vector<std::string> waits; // what it said that it waits for

  void row(const std::string& user, std::int64_t balance) {
    rows.push_back({won(user), money{balance}, rows.size() + 2});
  }

  void move(const std::string& user, std::int64_t id, std::int64_t amount) {
    const entry asked{record_id{id}, won(user), movement::deposit, money{amount}};
    store.post({{{won(user), std::nullopt}}, {{asked, 0}}});
  }

  import_result run(std::chrono::milliseconds patience = std::chrono::seconds{10}) {
    import_options options;
    options.waits = [this](const std::string& what) { waits.push_back(what); };
    options.batch_max = 3;
    options.pause = std::chrono::milliseconds{1};
    options.patience = patience;
    return importer{finder, opener, options}.run(rows);
  }

  std::int64_t balance(const std::string& user) const {
    return store.shared()->picture().accounts.at(won(user)).balance.minor_units();
  }
};

// opened known zero left refused
std::string counts(const import_result& got) {
  return std::to_string(got.opened) + " " + std::to_string(got.known) + " "
         + std::to_string(got.zero) + " " + std::to_string(got.left) + " "
         + std::to_string(got.refused.size());
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(importer_tests, fixture)

CAF_TEST(a_second_run_changes_nothing) {
  for (int i = 0; i < 10; ++i)
    row("user-" + std::to_string(i), i);
  CAF_CHECK_EQUAL(counts(importer(finder, opener, {}).compare(rows)), "0 0 1 9 0");
  CAF_CHECK_EQUAL(counts(run()), "9 0 1 0 0");
  CAF_CHECK_EQUAL(balance("user-9"), 9);
  CAF_CHECK_EQUAL(counts(run()), "0 9 1 0 0");
  // The daemon has moved one of them meanwhile.
  move("user-9", 1, 100);
  CAF_CHECK_EQUAL(counts(run()), "0 9 1 0 0");
  CAF_CHECK_EQUAL(balance("user-9"), 109);
}

CAF_TEST(an_account_that_began_with_another_balance_refuses_all) {
  move("moved", 1, 100);
  move("same", 2, 7);
  row("ann", 5);
  CAF_CHECK_EQUAL(counts(run()), "1 0 0 0 0");
  rows[0].balance = money{6};
  row("moved", 99);
  row("same", 7);
  row("new", 3);
  row("new zero", 0);
  const auto result = run();
  CAF_CHECK_EQUAL(counts(result), "0 0 1 1 3");
  CAF_CHECK_EQUAL(result.refused.at(0).opened_with.value().minor_units(), 5);
  CAF_CHECK(!result.refused.at(1).opened_with);
  CAF_CHECK_EQUAL(result.refused.at(1).present.balance.minor_units(), 100);
  CAF_CHECK_EQUAL(result.refused.back().asked.account.user_id, "same"); // by a movement
  CAF_CHECK_EQUAL(store.shared()->picture().accounts.count(won("new")), 0u);
}

CAF_TEST(a_balance_of_zero_is_right_whatever_moved_since) {
  row("moved", 0);
  row("ann", 5);
  CAF_CHECK_EQUAL(counts(run()), "1 0 1 0 0");
  move("moved", 1, 100);
  CAF_CHECK_EQUAL(counts(run()), "0 1 1 0 0"); // the same file again
  rows[1].balance = money{};
  CAF_CHECK_EQUAL(counts(run()), "0 0 1 0 1"); // ann did not begin at zero
}

CAF_TEST(a_movement_that_comes_in_between_is_never_added_to) {
  for (int i = 0; i < 5; ++i)
    row("user-" + std::to_string(i), 10);
  move("user-1", 1, 100);
  move("user-3", 2, 10);
  finder.hidden = {won("user-1"), won("user-3")};
  const auto result = [&] {
    import_options options;
    options.batch_max = 10;
    return importer{finder, opener, options}.run(rows);
  }();
  CAF_CHECK_EQUAL(counts(result), "3 0 0 0 2"); // user-3 has this very balance by chance
  CAF_CHECK_EQUAL(balance("user-1"), 100);
  CAF_CHECK_EQUAL(balance("user-3"), 10);
}

CAF_TEST(what_the_database_does_not_take_now_is_tried_again) {
  for (int i = 0; i < 7; ++i)
    row("user-" + std::to_string(i), 10);
  store.fail_next(4, store_failure_kind::unavailable);
  CAF_CHECK_EQUAL(counts(run()), "7 0 0 0 0");
  rows.clear();
  for (int i = 0; i < 7; ++i)
    row("other-" + std::to_string(i), 10);
  store.commit_in_doubt_next(1);
  CAF_CHECK_EQUAL(counts(run()), "4 3 0 0 0"); // three are answered from their rows
  CAF_CHECK_EQUAL(balance("other-0"), 10);
}

CAF_TEST(it_gives_up_and_says_what_is_left) {
  for (int i = 0; i < 7; ++i)
    row("user-" + std::to_string(i), 10);
  store.fail_next(1000000, store_failure_kind::unavailable);
  const auto result = run(std::chrono::milliseconds{20});
  CAF_CHECK_EQUAL(counts(result), "0 0 0 7 0");
  CAF_CHECK_EQUAL(result.failure, "the test asked for it");
  store.fail_next(0, store_failure_kind::unavailable);
  CAF_CHECK_EQUAL(counts(run()), "7 0 0 0 0");
}

CAF_TEST(an_id_that_another_account_has_is_passed_over) {
  // Somebody has posted under ann's first id.
  move("stranger", to_int(opening_id(won("ann"), 0)), 1);
  row("ann", 5);
  row("bob", 6);
  CAF_CHECK_EQUAL(counts(run()), "2 0 0 0 0");
  CAF_CHECK(store.shared()->picture().postings.contains(opening_id(won("ann"), 1)));
  CAF_CHECK_EQUAL(counts(run()), "0 2 0 0 0");
}

CAF_TEST(an account that the database refuses is named and the others are opened) {
  for (int i = 0; i < 8; ++i)
    row("user-" + std::to_string(i), 10);
  for (const auto* user : {"user-4", "user-7"})
    store.reject(opening_id(won(user), 0));
  const auto result = run();
  CAF_CHECK_EQUAL(counts(result), "6 0 0 0 2");
  CAF_CHECK_EQUAL(result.failure, "");
  CAF_CHECK_EQUAL(result.refused.at(0).asked.account.user_id, "user-4");
  CAF_CHECK_EQUAL(result.refused.at(0).fault, "the test asked for it");
  CAF_CHECK_EQUAL(result.refused.at(1).asked.account.user_id, "user-7");
  CAF_CHECK_EQUAL(store.shared()->picture().accounts.count(won("user-4")), 0u);
  store.accept(opening_id(won("user-4"), 0));
  CAF_CHECK_EQUAL(counts(run()), "1 6 0 0 1");
}

CAF_TEST(an account for which a trigger lacks a right is named at once and the others are opened) {
  for (int i = 0; i < 8; ++i)
    row("user-" + std::to_string(i), 10);
  opener.denied = "user-4";
  const auto begun = std::chrono::steady_clock::now();
  const auto result = run();
  CAF_CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds{5});
  CAF_CHECK_EQUAL(counts(result), "7 0 0 0 1");
  CAF_CHECK_EQUAL(result.refused.at(0).asked.account.user_id, "user-4");
  CAF_CHECK_EQUAL(result.refused.at(0).fault, "permission denied for table archive");
  CAF_CHECK(waits.empty());
  opener.denied.clear();
  CAF_CHECK_EQUAL(counts(run()), "1 7 0 0 0");
}

CAF_TEST(an account that is locked is said to be waited for and the others of its batch go first) {
  for (int i = 0; i < 7; ++i)
    row("user-" + std::to_string(i), 10);
  opener.locked = "user-4";
  opener.locked_for = 5;
  CAF_CHECK_EQUAL(counts(run()), "7 0 0 0 0");
  CAF_CHECK(waits == std::vector<std::string>{"user-4/KRW: canceling statement"});
}

CAF_TEST(one that stays locked is named when the patience is over) {
  for (int i = 0; i < 3; ++i)
    row("user-" + std::to_string(i), 10);
  opener.locked = "user-0";
  opener.locked_for = 1000000;
  const auto result = run(std::chrono::milliseconds{20});
  CAF_CHECK_EQUAL(counts(result), "2 0 0 1 0");
  CAF_CHECK_EQUAL(result.failure, "user-0/KRW: canceling statement");
}

CAF_TEST(a database that is away is said to be waited for once) {
  row("ann", 5);
  row("bob", 6);
  store.fail_next(4, store_failure_kind::unavailable);
  CAF_CHECK_EQUAL(counts(run()), "2 0 0 0 0");
  CAF_CHECK(waits == std::vector<std::string>{"the test asked for it"});
}

CAF_TEST(a database that takes no account of a batch is not asked for all the others) {
  for (int i = 0; i < 9; ++i)
    row("user-" + std::to_string(i), 10);
  for (int i = 3; i < 9; ++i)
    store.reject(opening_id(won("user-" + std::to_string(i)), 0));
  const auto result = run();
  CAF_CHECK_EQUAL(counts(result), "3 0 0 3 3");
  CAF_CHECK_EQUAL(result.failure, "the test asked for it");
}

CAF_TEST(an account whose record ids are all taken is refused and the others are opened) {
  for (unsigned attempt = 0; attempt < opening_ids_max; ++attempt)
    move("stranger", to_int(opening_id(won("ann"), attempt)), 1);
  row("ann", 5);
  row("bob", 6);
  const auto result = run();
  CAF_CHECK_EQUAL(counts(result), "1 0 0 0 1");
  CAF_CHECK_EQUAL(result.refused.at(0).fault, "all record ids of this account are taken by others");
}

CAF_TEST_FIXTURE_SCOPE_END()
