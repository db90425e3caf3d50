#define CAF_SUITE lane_limits

#include "actors/lane_limits.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

constexpr auto quick = 2ms;

} // namespace

CAF_TEST(a few locked accounts are at fault and many are not ) {
  struct row {
    std::size_t locked, groups;
    bool waits;
  };
  const row table[] = {{0, 500, false},   {1, 1, false},    {8, 8, false},
                       {9, 10, true},     {9, 36, false},   {9, 35, true},
                       {125, 500, false}, {126, 500, true}, {500, 500, true}};
  for (const auto& [locked, groups, waits] : table) {
    lane_limits limits{1000};
    CAF_CHECK_EQUAL(limits.waits_longer(locked, groups), waits);
    CAF_CHECK(limits.next().lock == (waits ? 600ms : 300ms));
  }
}

CAF_TEST(the wait for many locks ends and falls again) {
  lane_limits limits{1000};
  int longer = 0;
  while (limits.waits_longer(400, 500))
    ++longer;
  CAF_CHECK_EQUAL(longer, 3);
  CAF_CHECK(limits.next().lock == lane_limits::lock_max);
  limits.succeeded(500, 3s); // it did wait
  CAF_CHECK(limits.next().lock == lane_limits::lock_max);
  for (int i = 0; i < 4; ++i)
    limits.succeeded(500, quick);
  CAF_CHECK(limits.next().lock == lane_limits::lock_min);
}

CAF_TEST(what is too slow as a whole gets smaller batches and more time) {
  lane_limits limits{1000};
  limits.timed_out(1000, 0);
  CAF_CHECK_EQUAL(limits.window(), 500u);
  CAF_CHECK(limits.next().statement == 2s);
  limits.timed_out(500, 40);
  CAF_CHECK_EQUAL(limits.window(), 20u);
  for (int i = 0; i < 20; ++i)
    limits.timed_out(limits.window(), 0);
  CAF_CHECK_EQUAL(limits.window(), 1u);
  CAF_CHECK(limits.next().statement == lane_limits::statement_max);
  // Only full batches show that more would do.
  for (int i = 0; i < 20; ++i)
    limits.succeeded(0, quick);
  CAF_CHECK_EQUAL(limits.window(), 1u);
  for (int i = 0; i < 10; ++i)
    limits.succeeded(limits.window(), quick);
  CAF_CHECK_EQUAL(limits.window(), 1000u);
  CAF_CHECK(limits.next().statement == lane_limits::statement_min);
}

CAF_TEST(when one account after the other is blamed the cause is elsewhere) {
  lane_limits limits{1000};
  for (int i = 0; i < lane_limits::blames_max; ++i)
    CAF_CHECK(limits.believes_blame());
  CAF_CHECK(!limits.believes_blame());
  limits.succeeded(10, quick);
  CAF_CHECK(limits.believes_blame());
}

CAF_TEST(only slowness that stays raises the alarm) {
  slow_watch watch;
  slow_watch::time_point now{};
  const auto observe = [&](std::size_t entries, std::chrono::milliseconds work) {
    now += 20ms;
    return watch.observe(now, entries, work);
  };
  for (int i = 0; i < 200; ++i)
    CAF_CHECK(!observe(1000, 20ms));
  CAF_CHECK(!observe(1000, 40ms)); // one hiccup
  for (int i = 0; i < 20; ++i)
    CAF_CHECK(!observe(1000, 20ms));
  // Fifty milliseconds for one entry of each batch.
  int batches = 1;
  while (!observe(1000, 70ms) && batches < 100)
    ++batches;
  CAF_CHECK_LESS_OR_EQUAL(batches, 10);
}

CAF_TEST(looks that find nothing become rare) {
  slow_watch watch;
  slow_watch::time_point now{};
  std::vector<slow_watch::time_point> looks;
  while (now < slow_watch::time_point{} + 60s) {
    now += 20ms;
    if (watch.observe(now, 1, 100ms)) {
      looks.push_back(now);
      watch.looked(now, false);
    }
  }
  CAF_CHECK_GREATER(looks.size(), 3u);
  CAF_CHECK_LESS(looks.size(), 12u);
  watch.looked(now, true);
  int batches = 1;
  while (!watch.observe(now += 20ms, 1, 100ms) && batches < 100)
    ++batches;
  CAF_CHECK_LESS_OR_EQUAL(batches, 10);
}
