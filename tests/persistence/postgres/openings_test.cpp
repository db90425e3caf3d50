// Opening accounts, and nothing but opening them.
#include "persistence/openings.hpp"

#include <algorithm>
#include <thread>

#include "domain/opening.hpp"
#include "tests/persistence/postgres/postgres_world.hpp"

#define CAF_SUITE postgres_openings
#include "caf/test/unit_test.hpp"

#include "tests/persistence/batches.hpp"
#include "tests/persistence/chain.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct fixture : postgres_world {
  std::unique_ptr<ledger_store> opener() { return make_postgres_opening_store(url); }
  std::unique_ptr<account_finder> finder() { return make_postgres_account_finder(url); }
};

posting_batch opening(const std::vector<std::pair<std::string, std::int64_t>>& balances) {
  posting_batch batch;
  for (const auto& [user, balance] : balances) {
    batch.entries.push_back({make_opening(won(user), money{balance}, 0), batch.heads.size()});
    batch.heads.push_back({won(user), head(0, 0)});
  }
  return batch;
}

std::vector<std::size_t> culprits_of(const post_result& result) {
  const auto* failure = std::get_if<store_failure>(&result);
  if (failure == nullptr || failure->kind != store_failure_kind::rejected)
    return {999};
  auto culprits = failure->culprits;
  std::sort(culprits.begin(), culprits.end());
  return culprits;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(postgres_openings_tests, fixture)

CAF_TEST(new accounts are opened and known rows are answered) {
  const auto store = opener();
  const auto first = posted_of(store->post(opening({{"ann", 5}, {"bob", 7}})));
  CAF_CHECK(verdicts(first) == (std::vector{outcome::applied, outcome::applied}));
  CAF_CHECK(is_opening(first.answers.at(0).stored));
  // The same once more, as after a commit in doubt, and one that is new.
  const auto again = posted_of(store->post(opening({{"ann", 5}, {"bob", 7}, {"eve", 1}})));
  CAF_CHECK(verdicts(again)
            == (std::vector{outcome::duplicate, outcome::duplicate, outcome::applied}));
  CAF_CHECK_EQUAL(chain_fault(content()), "");
  CAF_CHECK_EQUAL(content().postings.size(), 3u);
}

CAF_TEST(an account that has a row is refused by its place) {
  posted_of(store()->post(group(won("bob"), {}, {deposit(1, 100)})));
  posted_of(store()->post(group(won("eve"), {}, {withdrawal(2, 100)}))); // opened at zero
  const auto store = opener();
  CAF_CHECK(culprits_of(store->post(opening({{"ann", 5}, {"bob", 7}, {"dan", 1}, {"eve", 2}})))
            == (std::vector<std::size_t>{1, 3}));
  CAF_CHECK_EQUAL(content().postings.size(), 2u);
  CAF_CHECK_EQUAL(content().accounts.count(won("ann")), 0u);
  posted_of(store->post(opening({{"ann", 5}, {"dan", 1}})));
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(an account that moved on since it was opened is known) {
  const auto store = opener();
  posted_of(store->post(opening({{"ann", 5}})));
  posted_of(this->store()->post(group(won("ann"), {}, {deposit(1, 100)})));
  const auto again = posted_of(store->post(opening({{"ann", 5}})));
  CAF_CHECK(verdicts(again) == (std::vector{outcome::duplicate}));
  CAF_CHECK(content().accounts.at(won("ann")) == head(105, 2));
  // With another balance its own id says that there is a conflict.
  CAF_CHECK(verdicts(posted_of(store->post(opening({{"ann", 6}}))))
            == (std::vector{outcome::conflict}));
}

CAF_TEST(of an import and a movement at once one opens the account) {
  for (int round = 0; round < 20; ++round) {
    const auto user = "user-" + std::to_string(round);
    std::thread mover(
        [&] { posted_of(store()->post(group(won(user), {}, {deposit(1000 + round, 100)}))); });
    const auto result = opener()->post(opening({{user, 5}}));
    mover.join();
    const auto now = content().accounts.at(won(user));
    if (std::holds_alternative<posted>(result))
      CAF_CHECK(now == head(105, 2));
    else
      CAF_CHECK(now == head(100, 1) && culprits_of(result) == std::vector<std::size_t>{0});
  }
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(accounts are found with their first row) {
  posted_of(opener()->post(opening({{"ann", 5}})));
  posted_of(store()->post(group(won("ann"), {}, {deposit(1, 100), withdrawal(2, 3)})));
  posted_of(store()->post(group(won("bob"), {}, {withdrawal(3, 3)})));
  auto euro = won("ann");
  euro.currency = *currency_code::parse("EUR");
  const auto found = finder()->find({won("ann"), euro, won("bob"), won("nobody, \"{}\"")});
  CAF_REQUIRE_EQUAL(found.size(), 2u);
  const auto& ann = found[found[0].account == won("ann") ? 0 : 1];
  const auto& bob = found[found[0].account == won("ann") ? 1 : 0];
  CAF_CHECK(ann.head == head(102, 3) && is_opening(ann.first.value()));
  CAF_CHECK(bob.head == head(0, 1) && !is_opening(bob.first.value()));
  CAF_CHECK(finder()->find({}).empty());
}

CAF_TEST(a ledger that takes accounts over began with its first row) {
  CAF_CHECK_EQUAL(began_beside_another(url), 0);
  posted_of(store()->post(group(won("bob"), {}, {deposit(1, 100)})));
  CAF_CHECK_EQUAL(began_beside_another(url), 0);
  posted_of(opener()->post(opening({{"ann", 5}})));
  posted_of(store()->post(group(won("ann"), head(5, 1), {deposit(2, 100)})));
  const auto first = content().postings.at(record_id{1}).created_at;
  CAF_CHECK_EQUAL(began_beside_another(url), to_int(first));
}

CAF_TEST_FIXTURE_SCOPE_END()
