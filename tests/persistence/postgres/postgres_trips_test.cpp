// What a batch costs on the road to the database.
#include "persistence/postgres.hpp"
#include "persistence/record_store.hpp"
#include "tests/persistence/postgres/postgres_world.hpp"
#include "tests/persistence/records.hpp"
#include "tests/support/cut_proxy.hpp"

#define CAF_SUITE postgres_trips
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

CAF_TEST_FIXTURE_SCOPE(ledger_trips, postgres_world)

CAF_TEST(a batch takes three round trips) {
  cut_proxy proxy(port_of(url));
  const auto store = make_postgres_store(with_port(url, proxy.port()));
  const auto first = posted_of(store->post(group(won("ann"), {}, {deposit(1, 5)})));
  const auto before = proxy.round_trips();
  // One account with a head, one without, a known entry, new ones, an account that is new.
  const auto batch = joined({group(won("ann"), first.heads.at(0), {deposit(1, 5), deposit(2, 5)}),
                             group(won("bob"), {}, {deposit(3, 5)})});
  CAF_CHECK_EQUAL(posted_of(store->post(batch)).statistics.rows, 2u);
  // The first of them is the COMMIT before, which was answered.
  CAF_CHECK_EQUAL(proxy.round_trips() - before, 3);
}

CAF_TEST(an old head costs three round trips more) {
  cut_proxy proxy(port_of(url));
  const auto store = make_postgres_store(with_port(url, proxy.port()));
  posted_of(store->post(group(won("ann"), {}, {deposit(1, 5)})));
  const auto before = proxy.round_trips();
  const auto result = posted_of(store->post(group(won("ann"), head(4, 7), {deposit(2, 5)})));
  CAF_CHECK_EQUAL(result.statistics.raced, 1u);
  CAF_CHECK(result.heads.at(0) == head(10, 2));
  CAF_CHECK_EQUAL(proxy.round_trips() - before, 6); // look, write, ROLLBACK, and all three again
}

CAF_TEST(questions and answers larger than all buffers pass each other) {
  const auto store = make_postgres_store(url);
  constexpr int many = 20'000;
  std::vector<posting_batch> groups;
  for (int i = 0; i < many; ++i)
    groups.push_back(group(won("an account with a name of some length " + std::to_string(i)), {},
                           {deposit(i + 1, 1)}));
  const auto batch = joined(groups);
  CAF_CHECK_EQUAL(posted_of(store->post(batch)).statistics.rows, unsigned{many});
  const auto again = posted_of(store->post(batch));
  CAF_CHECK_EQUAL(again.statistics.rows, 0u);
  CAF_CHECK(verdicts(again) == std::vector(many, outcome::duplicate));
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST_FIXTURE_SCOPE(record_trips, postgres_record_world)

CAF_TEST(new records and verdicts take two round trips) {
  cut_proxy proxy(port_of(url));
  const auto store = make_postgres_record_store(with_port(url, proxy.port()));
  const auto id = done(store->record({{ask("ann", 1), "first"}})).front().record.id;
  const auto before = proxy.round_trips();
  done(store->record({{ask("bob", 1), "second"}}));
  const auto between = proxy.round_trips();
  CAF_CHECK_EQUAL(between - before, 2);
  done(store->settle({success(id, ask("ann", 1))}));
  CAF_CHECK_EQUAL(proxy.round_trips() - between, 2);
}

CAF_TEST_FIXTURE_SCOPE_END()
