#include "messaging/nats/stream_life.hpp"

#define CAF_SUITE broker_stream_life
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

using settling = stream_life::settling;

struct fixture {
  stream_life life;
  stream_life::time_point now{1h};

  // Asks what is due and answers it.
  void answer(std::int64_t created) {
    now += 1s;
    const auto question = life.next_question(now);
    CAF_REQUIRE(question.has_value());
    life.answered(*question, created);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(stream_life_tests, fixture)

CAF_TEST(the first question is due at once and one answer is enough) {
  answer(100);
  CAF_CHECK(!life.next_question(now + 1h));
}

CAF_TEST(only an answer to a question asked after the message came counts) {
  const auto early = *life.next_question(now);
  const auto wish = life.wish();
  life.answered(early, 100);
  CAF_CHECK(!life.incarnation(wish, 150).has_value());
  answer(100);
  CAF_CHECK_EQUAL(life.incarnation(wish, 150).value(), 100);
}

CAF_TEST(what is older than the stream belongs to one that is gone) {
  answer(100);
  const auto wish = life.wish();
  answer(200);
  CAF_CHECK_EQUAL(life.incarnation(wish, 150).value(), 0);
  CAF_CHECK_EQUAL(life.incarnation(wish, 200).value(), 200);
  const auto again = life.wish();
  answer(0);
  CAF_CHECK_EQUAL(life.incarnation(again, 250).value(), 0);
}

CAF_TEST(one question answers for all that came before it) {
  answer(100);
  const auto wish = life.wish();
  CAF_CHECK_EQUAL(life.wish(), wish);
  answer(100);
  CAF_CHECK(!life.next_question(now + 1h));
  CAF_CHECK(life.incarnation(wish, 150).has_value());
}

CAF_TEST(a question without an answer is asked again) {
  const auto first = *life.next_question(now);
  CAF_CHECK(!life.next_question(now + 1999ms));
  const auto second = life.next_question(now + 2s);
  CAF_REQUIRE(second.has_value());
  CAF_CHECK_GREATER(*second, first);
  life.lost();
  CAF_CHECK(life.next_question(now + 2001ms).has_value());
}

CAF_TEST(answers nobody asked for and old ones change nothing) {
  answer(100);
  CAF_CHECK(!life.answered(7, 200));
  CAF_CHECK(!life.answered(1, 200));
  CAF_CHECK(!life.answered(0, 200));
  const auto wish = life.wish();
  answer(100);
  CAF_CHECK_EQUAL(life.incarnation(wish, 150).value(), 100);
}

CAF_TEST(nothing older is settled while in doubt) {
  answer(100);
  const auto before = life.generation();
  CAF_CHECK(life.may_settle(before, 150, now) == settling::yes);
  life.doubt(now);
  CAF_CHECK(life.may_settle(before, 150, now) == settling::later);
  CAF_CHECK(life.may_settle(life.generation(), 150, now) == settling::yes);
  answer(100);
  CAF_CHECK(life.may_settle(before, 150, now) == settling::yes);
}

CAF_TEST(what came from a stream that is gone is never settled) {
  answer(100);
  const auto before = life.generation();
  life.doubt(now);
  answer(200);
  CAF_CHECK(life.may_settle(before, 150, now) == settling::never);
  CAF_CHECK(life.may_settle(before, 250, now) == settling::yes); // of the new one, unnoticed
  // A clock set back must not keep what comes now from ever being settled.
  CAF_CHECK(life.may_settle(life.generation(), 150, now) == settling::yes);
}

CAF_TEST(doubt ends after a while without an answer) {
  answer(100);
  const auto before = life.generation();
  life.doubt(now);
  CAF_CHECK(life.may_settle(before, 150, now + stream_life::doubt_max - 1ms) == settling::later);
  CAF_CHECK(life.may_settle(before, 150, now + stream_life::doubt_max) == settling::yes);
}

CAF_TEST_FIXTURE_SCOPE_END()
