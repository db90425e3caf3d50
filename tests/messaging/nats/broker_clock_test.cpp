// A wall clock that is set back while the daemon publishes. The library waits by the wall clock
// before each flush (cnats 3.4.1), so this process has a wall clock of its own: the two functions
// below stand before the C library's, also for the libraries it is linked with.
#include <atomic>
#include <cerrno>
#include <dlfcn.h>
#include <pthread.h>
#include <set>
#include <time.h>

#include "tests/messaging/nats/broker_fixture.hpp"

#define CAF_SUITE broker_clock
#include "caf/test/unit_test.hpp"
#include "caf/test/unit_test_impl.hpp"

namespace {

std::atomic<std::int64_t> set_back_s = 0;

template <class Function>
Function real(const char* name) {
  auto* found = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2"); // there is an older pthread_cond_timedwait
  return reinterpret_cast<Function>(found != nullptr ? found : dlsym(RTLD_NEXT, name));
}

bool reached(const timespec& now, const timespec& then) {
  return now.tv_sec > then.tv_sec || (now.tv_sec == then.tv_sec && now.tv_nsec >= then.tv_nsec);
}

} // namespace

extern "C" int clock_gettime(clockid_t which, timespec* time) noexcept {
  static const auto next = real<int (*)(clockid_t, timespec*)>("clock_gettime");
  const auto result = next(which, time);
  if (which == CLOCK_REALTIME)
    time->tv_sec -= set_back_s;
  return result;
}

// As the kernel does it: when the clock is set back, who waits by it waits longer.
extern "C" int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                                      const timespec* until) {
  using function = int (*)(pthread_cond_t*, pthread_mutex_t*, const timespec*);
  static const auto next = real<function>("pthread_cond_timedwait");
  static const auto real_time = real<int (*)(clockid_t, timespec*)>("clock_gettime");
  constexpr long slice_ns = 1'000'000;
  constexpr long second_ns = 1'000'000'000;
  for (;;) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    if (reached(now, *until))
      return ETIMEDOUT;
    timespec slice{};
    real_time(CLOCK_REALTIME, &slice);
    slice.tv_nsec += slice_ns;
    if (slice.tv_nsec >= second_ns) {
      slice.tv_nsec -= second_ns;
      ++slice.tv_sec;
    }
    if (const auto result = next(condition, mutex, &slice); result != ETIMEDOUT)
      return result;
  }
}

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct fixture : broker_fixture {
  fixture() { CAF_REQUIRE(bus->provision({}).empty()); }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(clock_tests, fixture)

CAF_TEST(publishing goes on when the wall clock is set back) {
  auto pub = bus->make_publisher();
  bell rung;
  pub->open(rung.ringer());
  std::set<std::uint64_t> open;
  std::uint64_t last = 0;
  auto longest = 0ms;
  auto last_confirmed = steady::now();
  const auto publish = [&](std::uint64_t token) {
    open.insert(token);
    pub->publish({.token = token,
                  .subject = "transaction.result.deposit",
                  .message_id = "result-" + std::to_string(token),
                  .payload = "x"});
  };
  const auto begin = steady::now();
  for (int steps = 0; steady::now() - begin < 12s;) {
    while (open.size() < 100)
      publish(++last);
    if (steps < 3 && steady::now() - begin > (1s + steps * 3s)) {
      ++steps;
      std::this_thread::sleep_for(300us); // the library waits for a millisecond before it flushes
      set_back_s += 40;
    }
    rung.wait(20ms);
    for (const auto& one : pub->take()) {
      open.erase(one.token);
      if (!one.confirmed()) {
        publish(one.token);
        continue;
      }
      const auto now = steady::now();
      longest = std::max(
          longest, std::chrono::duration_cast<std::chrono::milliseconds>(now - last_confirmed));
      last_confirmed = now;
    }
  }
  CAF_MESSAGE("longest time without a PubAck: " << longest.count() << " ms");
  CAF_CHECK_LESS(longest, 5s);
  CAF_CHECK_LESS(steady::now() - last_confirmed, 5s);
  CAF_CHECK_LESS(2u, events.count(link_event::error, "the wall clock was set back"));
}

CAF_TEST_FIXTURE_SCOPE_END()
