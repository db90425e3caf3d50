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

  // Of a message that came as late as can be.
  auto incarnation(std::uint64_t question, std::int64_t stored) const {
    return life.incarnation(question, life.generation(), stored);
  }

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
  CAF_CHECK(!incarnation(wish, 150).has_value());
  answer(100);
  CAF_CHECK_EQUAL(incarnation(wish, 150).value_or(-1), 100);
}

CAF_TEST(what is older than the stream belongs to one that is gone) {
  answer(100);
  const auto came = life.generation();
  const auto wish = life.wish();
  answer(200);
  CAF_CHECK_EQUAL(life.incarnation(wish, came, 150).value_or(-1), 0);
  CAF_CHECK_EQUAL(life.incarnation(wish, came, 200).value_or(-1), 200);
  const auto again = life.wish();
  answer(0);
  CAF_CHECK_EQUAL(incarnation(again, 250).value_or(-1), 0);
}

CAF_TEST(one question answers for all that came before it) {
  answer(100);
  const auto wish = life.wish();
  CAF_CHECK_EQUAL(life.wish(), wish);
  answer(100);
  CAF_CHECK(!life.next_question(now + 1h));
  CAF_CHECK(incarnation(wish, 150).has_value());
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
  CAF_CHECK_EQUAL(incarnation(wish, 150).value_or(-1), 100);
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
  CAF_CHECK(life.may_settle(before, 250, now) == settling::never); // the clock was set back
  // A clock set back must not keep what comes now from ever being settled.
  CAF_CHECK(life.may_settle(life.generation(), 150, now) == settling::yes);
}

CAF_TEST(a clock that is set back before a stream is made anew decides nothing) {
  answer(1000);
  const auto before = life.generation();
  const auto wish = life.wish();
  life.doubt(now);
  answer(500);
  CAF_CHECK_EQUAL(life.incarnation(wish, before, 1100).value_or(-1), 0);
  CAF_CHECK(life.may_settle(before, 1100, now) == settling::never);
  const auto after = life.generation();
  life.doubt(now);
  answer(500);
  CAF_CHECK_EQUAL(life.incarnation(wish, after, 600).value_or(-1), 500);
  CAF_CHECK(life.may_settle(after, 600, now) == settling::yes);
}

CAF_TEST(a clock that is set back within a life decides nothing) {
  answer(1000);
  const auto came = life.generation();
  const auto wish = life.wish();
  life.doubt(now);
  answer(1000);
  CAF_CHECK_EQUAL(life.incarnation(wish, came, 600).value_or(-1), 1000);
  CAF_CHECK(life.may_settle(came, 600, now) == settling::yes);
}

CAF_TEST(what came before the first answer is of the life that it tells) {
  const auto came = life.generation();
  const auto wish = life.wish();
  answer(1000);
  CAF_CHECK_EQUAL(life.incarnation(wish, came, 600).value_or(-1), 1000);
  life.doubt(now);
  answer(1000);
  CAF_CHECK(life.may_settle(came, 600, now) == settling::yes);
}

CAF_TEST(unless a doubt lies between : then its time tells) {
  const auto came = life.generation();
  const auto wish = life.wish();
  life.doubt(now);
  const auto later = life.generation();
  answer(1000);
  CAF_CHECK_EQUAL(life.incarnation(wish, came, 600).value_or(-1), 0);
  CAF_CHECK_EQUAL(life.incarnation(wish, came, 1600).value_or(-1), 1000);
  CAF_CHECK_EQUAL(life.incarnation(wish, later, 600).value_or(-1), 1000);
}

CAF_TEST(what came between the doubt and the answer is told by its time) {
  answer(100);
  const auto before = life.generation();
  life.doubt(now);
  const auto between = life.generation();
  life.doubt(now);
  answer(200);
  CAF_CHECK(life.may_settle(before, 250, now) == settling::never);
  CAF_CHECK(life.may_settle(between, 150, now) == settling::never);
  CAF_CHECK(life.may_settle(between, 250, now) == settling::yes);
  // That doubt is over: the next one begins another.
  life.doubt(now);
  answer(300);
  CAF_CHECK(life.may_settle(between, 350, now) == settling::never);
}

CAF_TEST(a stream that was missing for a while has the same life) {
  answer(100);
  const auto came = life.generation();
  const auto wish = life.wish();
  answer(0);
  CAF_CHECK_EQUAL(life.incarnation(wish, came, 150).value_or(-1), 0);
  const auto again = life.wish();
  answer(100);
  CAF_CHECK_EQUAL(life.incarnation(again, came, 150).value_or(-1), 100);
}

CAF_TEST(doubt ends after a while without an answer) {
  answer(100);
  const auto before = life.generation();
  life.doubt(now);
  CAF_CHECK(life.may_settle(before, 150, now + stream_life::doubt_max - 1ms) == settling::later);
  CAF_CHECK(life.may_settle(before, 150, now + stream_life::doubt_max) == settling::yes);
}

CAF_TEST_FIXTURE_SCOPE_END()
