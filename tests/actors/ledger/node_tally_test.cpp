// What a node tells others that it has counted.

#include "actors/ledger/node_tally.hpp"

#include "actors/ledger/fetcher.hpp"

#define CAF_SUITE node_tally
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

actor_report fetcher_says(std::string instance, std::int64_t applied, std::int64_t oldest_ms) {
  fetcher_counters counted;
  counted.applied = applied;
  counted.refused = 2;
  counted.duplicate = 3;
  letter_counters letters;
  letters.parked = 4;
  return make_report(fetcher_state::name, std::move(instance),
                     fetcher_numbers{counted,
                                     letters,
                                     {.unstored = 0,
                                      .oldest_unconfirmed_ms = 0,
                                      .acks_unanswered_ms = 0,
                                      .held = 0,
                                      .held_bytes = 0,
                                      .paused = 0,
                                      .deciding = 0,
                                      .publishing = 0,
                                      .credit = 0,
                                      .pending = 0,
                                      .oldest_undecided_ms = oldest_ms,
                                      .idle_ms = 0}});
}

std::string ages(const node_tally& tally) {
  std::string result;
  for (const auto& [consumer, oldest] : tally.undecided)
    result += consumer + "=" + (oldest ? std::to_string(*oldest) : "?") + " ";
  return result;
}

} // namespace

CAF_TEST(what became of entries is the sum of all fetchers) {
  const auto tally =
      tally_of({fetcher_says("d/0", 10, 0), fetcher_says("d/recovery", 20, not_known),
                fetcher_says("w/0", 30, 700)});
  CAF_CHECK(tally.entries == (entry_counts{60, 6, 9, 12}));
  CAF_CHECK_EQUAL(ages(tally), "d=0 w=700 ");
}

CAF_TEST(of a consumer the oldest that a fetcher knows is told) {
  CAF_CHECK_EQUAL(ages(tally_of({fetcher_says("d/0", 0, 20), fetcher_says("d/1", 0, 90),
                                 fetcher_says("w/0", 0, not_known)})),
                  "d=90 w=? ");
}

CAF_TEST(a fetcher that does not answer is not counted as 0) {
  const auto tally = tally_of(
      {fetcher_says("d/0", 10, 5), silent_report("fetcher", "d/1"), fetcher_says("w/0", 30, 7)});
  CAF_CHECK(!tally.entries);
  CAF_CHECK_EQUAL(ages(tally), "d=? w=7 ");
  CAF_CHECK(!tally_of({}).entries);
  CAF_CHECK(tally_of({}).undecided.empty());
}
