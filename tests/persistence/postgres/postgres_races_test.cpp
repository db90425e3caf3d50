#include <array>
#include <barrier>
#include <chrono>
#include <random>
#include <thread>

#include "persistence/postgres.hpp"
#include "tests/persistence/batches.hpp"
#include "tests/persistence/chain.hpp"
#include "tests/persistence/postgres/postgres_world.hpp"

#define CAF_SUITE postgres_races
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

// What a thread saw; looked at after it has ended, for the test kit knows one thread only.
struct sight {
  std::int64_t batches = 0;
  std::int64_t rejections = 0;
  std::int64_t raced = 0;
  std::vector<std::string> failures;
};

// Runs `body` on two threads.
template <class Body>
std::array<sight, 2> on_two_threads(Body body) {
  std::array<sight, 2> sights;
  std::thread other([&] { body(1, sights[1]); });
  body(0, sights[0]);
  other.join();
  for (const auto& each : sights)
    CAF_MESSAGE(each.batches << " batches, " << each.rejections << " old heads, " << each.raced
                             << " races, " << each.failures.size() << " failures");
  return sights;
}

// Posts and notes; nothing after a failure.
posted post(ledger_store& store, const posting_batch& batch, sight& seen) {
  auto result = store.post(batch);
  if (const auto failure = std::get_if<store_failure>(&result)) {
    seen.failures.push_back(failure->detail);
    return {};
  }
  auto& success = std::get<posted>(result);
  ++seen.batches;
  seen.rejections += success.statistics.fence_rejections;
  seen.raced += success.statistics.raced;
  return std::move(success);
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(races, postgres_world)

CAF_TEST(overlapping batches in opposite order never wait in a circle) {
  const auto url_copy = url;
  const auto sights = on_two_threads([&](int me, sight& seen) {
    const auto store = make_postgres_store(url_copy);
    std::minstd_rand random(static_cast<unsigned>(me) + 1);
    std::map<account_key, account_head> heads;
    std::int64_t id = me * 10'000'000;
    const auto end = clock::now() + 4s;
    while (clock::now() < end && seen.failures.empty()) {
      std::vector<posting_batch> groups;
      for (int i = 0; i < 60; ++i) {
        // Forty accounts of both, twenty new ones that the other also opens, each in its own order.
        const auto number = i < 40 ? i : 1000 + 20 * seen.batches + i;
        const auto key = won("user-" + std::to_string(number));
        const auto known = heads.find(key);
        const auto amount = static_cast<std::int64_t>(random() % 100 + 1);
        const auto asked = random() % 2 == 0 ? deposit(++id, amount) : withdrawal(++id, amount);
        groups.push_back(group(
            key, known == heads.end() ? std::nullopt : std::optional(known->second), {asked}));
      }
      if (me == 1)
        std::reverse(groups.begin(), groups.end());
      const auto batch = joined(groups);
      const auto result = post(*store, batch, seen);
      for (std::size_t i = 0; i < result.heads.size(); ++i)
        heads[batch.heads[i].account] = result.heads[i];
    }
  });
  for (const auto& each : sights) {
    CAF_CHECK(each.failures.empty());
    CAF_CHECK(each.batches > 5);
  }
  // Without these nothing was tested.
  CAF_CHECK(sights[0].rejections + sights[1].rejections > 0);
  CAF_CHECK_EQUAL(chain_fault(content()), "");
  CAF_CHECK_EQUAL(sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"),
                  "0\n");
}

CAF_TEST(the same messages on two nodes are posted once) {
  const auto url_copy = url;
  std::array<std::map<record_id, posting>, 2> answered;
  const auto sights = on_two_threads([&](int me, sight& seen) {
    const auto store = make_postgres_store(url_copy);
    std::optional<account_head> head;
    for (int i = 0; i < 150 && seen.failures.empty(); ++i) {
      std::vector<entry> entries;
      for (int k = 0; k < 10; ++k)
        entries.push_back(deposit(1 + 10 * i + k, 1 + k));
      const auto result = post(*store, group(won("ann"), head, entries), seen);
      for (const auto& each : result.heads)
        head = each;
      for (const auto& each : result.answers)
        answered[static_cast<std::size_t>(me)].emplace(each.stored.record, each.stored);
    }
  });
  for (const auto& each : sights)
    CAF_CHECK(each.failures.empty());
  const auto now = content();
  CAF_CHECK_EQUAL(now.postings.size(), 1500u);
  CAF_CHECK(answered[0] == now.postings);
  CAF_CHECK(answered[1] == now.postings);
  CAF_CHECK_EQUAL(chain_fault(now), "");
}

CAF_TEST(the same ids for different accounts in opposite order are settled) {
  // The one circle that key order cannot prevent: the server breaks it, the store begins again.
  const auto url_copy = with_parameter(url, "options=-cdeadlock_timeout%3D20ms");
  postgres().sql(url, "GRANT SET ON PARAMETER deadlock_timeout TO ledgerd");
  std::array<std::vector<answer>, 2> answered;
  std::barrier together(2); // each round begins at once on both, however busy the machine is
  const auto sights = on_two_threads([&](int me, sight& seen) {
    const auto store = make_postgres_store(url_copy);
    for (int round = 0; round < 60 && seen.failures.empty(); ++round) {
      together.arrive_and_wait();
      std::vector<entry> entries;
      for (int k = 0; k < 50; ++k)
        entries.push_back(deposit(1 + 50 * round + (me == 0 ? k : 49 - k), 1));
      for (auto& each :
           post(*store, group(won(me == 0 ? "ann" : "bob"), {}, entries), seen).answers)
        answered[static_cast<std::size_t>(me)].push_back(std::move(each));
    }
    together.arrive_and_drop();
  });
  for (const auto& each : sights)
    CAF_CHECK(each.failures.empty());
  CAF_CHECK(sights[0].raced + sights[1].raced > 0);
  std::size_t applied = 0, conflicts = 0;
  for (const auto& list : answered)
    for (const auto& each : list) {
      applied += each.verdict == outcome::applied;
      conflicts += each.verdict == outcome::conflict;
    }
  CAF_CHECK_EQUAL(applied, 3000u);
  CAF_CHECK_EQUAL(conflicts, 3000u);
  const auto now = content();
  CAF_CHECK_EQUAL(now.postings.size(), 3000u);
  CAF_CHECK_EQUAL(chain_fault(now), "");
}

CAF_TEST_FIXTURE_SCOPE_END()
