#define CAF_SUITE lane_limits

#include "actors/ledger/lane_limits.hpp"

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

CAF_TEST(a busy machine raises no alarm) {
  // Batches of a full daemon on two processors that the servers need as well.
  constexpr int quantiles[] = {9, 14, 20, 23, 25, 28, 31, 33, 37, 42, 46, 54, 61, 77, 90, 117};
  slow_watch watch;
  slow_watch::time_point now{};
  std::uint32_t random = 1;
  int alarms = 0;
  for (int i = 0; i < 3000; ++i) {
    random = random * 1664525 + 1013904223;
    now += 40ms;
    alarms += watch.observe(now, 700, std::chrono::milliseconds{quantiles[random >> 28]}) ? 1 : 0;
  }
  CAF_CHECK_LESS_OR_EQUAL(alarms, 1); // the very first batches
}

CAF_TEST(looks that find nothing take little of the time) {
  slow_watch watch;
  slow_watch::time_point now{};
  std::chrono::milliseconds looking{0};
  int looks = 0;
  // A world that is three times as slow in one second of two.
  while (now < slow_watch::time_point{} + 300s) {
    const auto work = now.time_since_epoch() / 1s % 2 == 0 ? 20ms : 100ms;
    now += work;
    if (!watch.observe(now, 1000, work))
      continue;
    ++looks;
    now += 250ms;
    looking += 250ms;
    watch.looked(now, false, 250ms);
  }
  CAF_CHECK_GREATER(looks, 0);
  CAF_CHECK_LESS(looking, 5s);
  watch.looked(now, true, 250ms);
  int batches = 1;
  while (!watch.observe(now += 200ms, 1000, 400ms) && batches < 100)
    ++batches;
  CAF_CHECK_LESS_OR_EQUAL(batches, 10);
}
