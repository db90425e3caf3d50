// Three nodes that join, leave, die, hang and lose each other, driven by seeds; see
// simulated_cluster.hpp. Whatever happens on the way, at the end every request has its one answer,
// and nothing is held anywhere.
#define CAF_SUITE cluster_simulation

#include <cstdlib>

#include "tests/actors/simulated_cluster.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr int steps = 800;      // 40 s, with troubles
constexpr int settled_in = 600; // 30 s, without
constexpr std::uint32_t seeds = 30;

// What all seeds together must have seen, and about a third of what they do see.
const tallies expected{
    {"cut off", 40},
    {"database away", 20},
    {"database hangs", 20},
    {"death", 20},
    {"fetcher redelivered_total", 2000},
    {"fetcher unconfirmed_total", 1000},
    {"gate fence_rejections_total", 80},
    {"gate in_doubt_total", 150},
    {"gate set_aside_total", 100},
    {"leave", 15},
    {"membership joined_total", 250},
    {"membership lost_total", 100},
    {"network delayed", 1000},
    {"network duplicated", 500},
    {"network kept apart", 1500},
    {"network lost", 600},
    {"network nobody", 250},
    {"node hangs", 20},
    {"parted both ways", 12},
    {"parted both ways, words pass", 12},
    {"parted one way", 12},
    {"parted one way, words pass", 12},
    {"peer answered_total", 1500},
    {"peer frames_again_total", 100},
    {"peer full_total", 400},
    {"peer given_back_total", 1000},
    {"peer late_total", 700},
    {"peer link_downs_total", 100},
    {"receiver received_again_total", 80},
    {"region forwarded_total", 4000},
    {"region hand_overs_total", 1300},
    {"region held_back_total", 800},
    {"region ledgers_yielded_total", 1400},
    {"rough weather", 90},
};

void add(tallies& to, const tallies& more) {
  for (const auto& [name, value] : more)
    to[name] += value;
}

// What one run has counted.
tallies run_seed(std::uint32_t seed) {
  CAF_MESSAGE("seed " << seed);
  simulated_cluster cluster{seed};
  cluster.run(steps);
  cluster.heal();
  const auto took = cluster.settle(settled_in);
  CAF_CHECK(took.has_value());
  if (!took)
    for (const auto& each : cluster.held())
      CAF_MESSAGE(each);
  CAF_REQUIRE(took.has_value());
  const auto ledger = cluster.database->picture();
  for (const auto id : cluster.valid_ids)
    CAF_CHECK_EQUAL(ledger.postings.contains(record_id{id}),
                    id != simulated_cluster::refused_by_database);
  check_chains(ledger);
  check_outcomes(*cluster.broker, ledger);
  cluster.rest();
  for (const auto& each : cluster.held())
    CAF_ERROR("seed " << seed << ", at rest: " << each);
  auto result = cluster.counted();
  for (const auto& [what, count] : cluster.troubles)
    result[what] += count;
  const auto& seen = cluster.network->seen;
  result["network lost"] = seen.lost;
  result["network duplicated"] = seen.duplicated;
  result["network delayed"] = seen.delayed;
  result["network kept apart"] = seen.kept_apart;
  result["network nobody"] = seen.nobody;
  result["steps to settle"] = *took;
  return result;
}

} // namespace

CAF_TEST(a cluster in trouble loses nothing and applies nothing twice and comes to rest) {
  tallies all;
  // One alone, to look at it: CLUSTER_SIMULATION_SEED=7.
  const auto* wanted = std::getenv("CLUSTER_SIMULATION_SEED");
  for (std::uint32_t seed = 1; seed <= seeds; ++seed)
    if (wanted == nullptr || std::to_string(seed) == wanted)
      add(all, run_seed(seed));
  for (const auto& [name, value] : all)
    CAF_MESSAGE(name << ": " << value);
  // A simulation in which nothing went wrong has shown nothing.
  if (wanted == nullptr)
    for (const auto& [name, least] : expected)
      if (all[name] < least)
        CAF_ERROR("too few: " << name << ": " << all[name] << " instead of " << least);
  // No old head is taken for a database that has lost what it had committed.
  CAF_CHECK_EQUAL(all["gate heads_lost_total"], 0);
}

CAF_TEST(accounts that are handed over in good order hardly meet the fence) {
  tallies all;
  for (std::uint32_t seed = 101; seed <= 108; ++seed) {
    CAF_MESSAGE("seed " << seed);
    simulated_cluster cluster{seed};
    cluster.run_in_good_order(steps);
    cluster.heal();
    CAF_CHECK(cluster.settle(settled_in));
    add(all, cluster.counted());
  }
  CAF_MESSAGE("hand-overs " << all["region hand_overs_total"] << ", waited "
                            << all["region held_back_total"] << ", yielded "
                            << all["region ledgers_yielded_total"] << ", fenced "
                            << all["gate fence_rejections_total"]);
  CAF_CHECK_GREATER(all["region ledgers_yielded_total"], 100);
  CAF_CHECK_GREATER(all["region held_back_total"], 50);
  // Two changes that come together may hide the owner between them from a third node: for that
  // there is the fence.
  CAF_CHECK_LESS(all["gate fence_rejections_total"], 8);
}

CAF_TEST(a seed is the same run each time) {
  const auto run = [] {
    simulated_cluster cluster{7};
    cluster.run(400);
    cluster.heal();
    CAF_REQUIRE(cluster.settle(settled_in));
    return std::pair{cluster.trace(), cluster.counted()};
  };
  const auto first = run();
  CAF_CHECK(first.first.size() > 100);
  CAF_CHECK(first == run());
}
