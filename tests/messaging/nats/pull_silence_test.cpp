#include "messaging/nats/pull_silence.hpp"

#define CAF_SUITE broker_pull_silence
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

struct fixture {
  // Looks every 100 ms and hears nothing.
  void pass(std::chrono::milliseconds time, bool waiting) {
    for (auto passed = 0ms; passed < time; passed += 100ms)
      subject.look(false, waiting, now += 100ms);
  }

  fixture() { subject.look(false, false, now); }

  pull_silence subject;
  pull_silence::time_point now{1h};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(pull_silence_tests, fixture)

CAF_TEST(silence is counted while something is asked until something is heard) {
  pass(10s, false);
  CAF_CHECK(subject.since() == 0ms);
  pass(3900ms, true);
  CAF_CHECK(subject.since() == 3900ms);
  CAF_CHECK(!subject.is_long());
  pass(100ms, true);
  CAF_CHECK(subject.is_long());
  subject.look(true, true, now += 100ms);
  CAF_CHECK(subject.since() == 0ms);
  CAF_CHECK(!subject.is_long());
}

CAF_TEST(what was counted stays while nothing is asked) {
  pass(4s, true);
  pass(1h, false);
  CAF_CHECK(subject.since() == 4s);
  CAF_CHECK(subject.is_long());
}

CAF_TEST(the time in which the process was stopped does not count) {
  subject.look(false, true, now += 1h);
  CAF_CHECK(subject.since() == pull_silence::look_max);
}

CAF_TEST(the stream is asked while the consumer is silent and its answer counts for a while) {
  pass(1400ms, true);
  CAF_CHECK(!subject.asks_stream(true, now));
  pass(100ms, true);
  CAF_CHECK(!subject.asks_stream(false, now)); // paused
  CAF_CHECK(subject.asks_stream(true, now));
  CAF_CHECK(!subject.is_alone(now));
  subject.stream_answered(now);
  CAF_CHECK(subject.is_alone(now));
  CAF_CHECK(subject.is_alone(now + 3499ms));
  CAF_CHECK(!subject.is_alone(now + 3500ms));
  pass(900ms, true);
  CAF_CHECK(!subject.asks_stream(true, now));
  pass(100ms, true);
  CAF_CHECK(subject.asks_stream(true, now));
  pass(1s, true);
  CAF_CHECK(subject.asks_stream(true, now));
  subject.stream_answered(now);
  subject.look(true, true, now += 100ms);
  CAF_CHECK(!subject.is_alone(now)); // nor is it silent
  pass(1400ms, true);
  CAF_CHECK(!subject.asks_stream(true, now));
}

CAF_TEST(the first look begins) {
  pull_silence fresh;
  fresh.look(false, true, now);
  CAF_CHECK(fresh.since() <= pull_silence::look_max);
}

CAF_TEST_FIXTURE_SCOPE_END()
