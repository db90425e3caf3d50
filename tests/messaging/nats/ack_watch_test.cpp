#include "messaging/nats/ack_watch.hpp"

#define CAF_SUITE broker_ack_watch
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

struct fixture {
  // Looks every 100 ms.
  void pass(std::chrono::milliseconds time, bool up = true) {
    for (auto passed = 0ms; passed < time; passed += 100ms)
      subject.look(up, now += 100ms);
  }

  std::uint64_t ask() {
    CAF_REQUIRE(subject.may_ask(now));
    return subject.ask(now);
  }

  fixture() { subject.look(true, now); }

  ack_watch subject;
  ack_watch::time_point now{1h};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(ack_watch_tests, fixture)

CAF_TEST(one acknowledgement a second asks) {
  CAF_CHECK(!subject.is_missing());
  ask();
  CAF_CHECK(subject.is_missing());
  pass(900ms);
  CAF_CHECK(!subject.may_ask(now));
  pass(100ms);
  CAF_CHECK(subject.may_ask(now));
}

CAF_TEST(silence is counted from a question to the next answer) {
  pass(1h);
  const auto first = ask();
  pass(3s);
  CAF_CHECK(subject.since() == 3s);
  const auto second = ask();
  pass(3s);
  CAF_CHECK(subject.since() == 6s);
  subject.answered(first); // late, and a sign all the same
  CAF_CHECK(subject.since() == 0ms);
  CAF_CHECK(subject.is_missing());
  pass(1s);
  CAF_CHECK(subject.since() == 1s);
  subject.answered(first);
  CAF_CHECK(subject.since() == 1s);
  subject.answered(second);
  CAF_CHECK(subject.since() == 0ms);
  CAF_CHECK(!subject.is_missing());
  pass(1h);
  CAF_CHECK(subject.since() == 0ms);
}

CAF_TEST(an answer to what was not asked says nothing) {
  const auto asked = ask();
  pass(2s);
  subject.answered(asked + 1);
  subject.answered(0);
  CAF_CHECK(subject.since() == 2s);
}

CAF_TEST(time without a connection does not count and a break forgets what was asked) {
  const auto asked = ask();
  pass(2s);
  pass(1h, false);
  CAF_CHECK(subject.since() == 2s);
  subject.forget();
  CAF_CHECK(subject.since() == 0ms);
  CAF_CHECK(!subject.is_missing());
  subject.answered(asked);
  pass(1h);
  CAF_CHECK(subject.since() == 0ms);
}

CAF_TEST(the time in which the process was stopped does not count for acknowledgements) {
  ask();
  subject.look(true, now += 1h);
  CAF_CHECK(subject.since() == ack_watch::look_max);
}

CAF_TEST_FIXTURE_SCOPE_END()
