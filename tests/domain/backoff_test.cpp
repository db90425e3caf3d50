#include "domain/backoff.hpp"

#include <vector>

#define CAF_SUITE backoff
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

CAF_TEST(pauses double from the first to the longest) {
  struct row {
    std::chrono::milliseconds first, longest;
    std::vector<std::int64_t> pauses;
  };
  const row table[] = {
      {50ms, 300ms, {50, 100, 200, 300, 300}},
      {1ms, 1ms, {1, 1, 1}},
      {100ms, 60000ms, {100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000}},
  };
  for (const auto& [first, longest, pauses] : table) {
    backoff pause{first, longest};
    CAF_CHECK_EQUAL(pause.pause().count(), 0);
    for (const auto expected : pauses) {
      CAF_CHECK_EQUAL(pause.grow().count(), expected);
      CAF_CHECK_EQUAL(pause.pause().count(), expected);
    }
    pause.end();
    CAF_CHECK_EQUAL(pause.pause().count(), 0);
    CAF_CHECK_EQUAL(pause.grow().count(), first.count());
  }
}

CAF_TEST(a jittered pause is half its own length at least and never more than it) {
  std::minstd_rand random;
  for (const auto pause : {0ms, 1ms, 2ms, 3ms, 50ms, 3000ms}) {
    auto shortest = pause;
    auto longest = 0ms;
    for (int i = 0; i < 1000; ++i) {
      const auto one = jittered(pause, random);
      shortest = std::min(shortest, one);
      longest = std::max(longest, one);
    }
    CAF_CHECK_GREATER_OR_EQUAL(shortest.count(), pause.count() / 2);
    CAF_CHECK_LESS_OR_EQUAL(longest.count(), pause.count());
    // Both ends come up, so it is chance that decides.
    CAF_CHECK_LESS_OR_EQUAL(shortest.count(), pause.count() * 6 / 10);
    CAF_CHECK_GREATER_OR_EQUAL(longest.count(), pause.count() * 9 / 10 - 1);
  }
}
