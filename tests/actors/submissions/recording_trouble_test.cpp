#define CAF_SUITE recording_trouble

#include "actors/submissions/recording_trouble.hpp"

#include <caf/test/dsl.hpp>

using namespace ledgerd;
using namespace std::chrono_literals;

CAF_TEST(lines about what is not recorded come at once for another reason and else more seldom) {
  recording_trouble trouble;
  auto now = progress_time{} + 1h;
  const auto lines = [&](const std::string& why, int seconds) {
    int result = 0;
    for (int i = 0; i < 10 * seconds; ++i, now += 100ms) {
      trouble.failed(why + " DETAIL: row " + std::to_string(i), now);
      result += trouble.may_log(now) ? 1 : 0;
    }
    return result;
  };
  CAF_CHECK_EQUAL(lines("locked", 1), 1);
  CAF_CHECK_EQUAL(lines("locked", 61), 6); // after 1, 3, 7, 15, 31 and 61 s
  CAF_CHECK_EQUAL(lines("no room", 1), 1);
  CAF_CHECK_EQUAL(trouble.succeeded(), 630);
  CAF_CHECK_EQUAL(lines("no room", 1), 1);
}

CAF_TEST(an empty batch is tried while batches fail and once a second at most) {
  recording_trouble trouble;
  const auto start = progress_time{} + 1h;
  CAF_CHECK(!trouble.may_try(start));
  trouble.failed("away", start);
  CAF_CHECK(trouble.may_try(start));
  trouble.try_failed("away", start);
  CAF_CHECK(!trouble.may_try(start + 999ms));
  CAF_CHECK(trouble.may_try(start + 1s));
  trouble.try_succeeded(start + 1s);
  CAF_CHECK(!trouble.may_try(start + 9s));
  trouble.failed("away", start + 1500ms);
  CAF_CHECK(!trouble.may_try(start + 1999ms));
  CAF_CHECK(trouble.may_try(start + 2s));
}

CAF_TEST(who failed before a try that failed does not count after one that succeeds) {
  recording_trouble trouble;
  const auto start = progress_time{} + 1h;
  const auto shown_with = [&](const std::string& user) {
    trouble.add_user(user, start);
    trouble.failed("null", start);
    return trouble.wait(start + 1s).since.count() > 0;
  };
  trouble.try_succeeded(start);
  CAF_CHECK(!shown_with("ann"));
  CAF_CHECK(!shown_with("bob"));
  trouble.try_failed("away", start);
  CAF_CHECK(trouble.wait(start + 1s).since == 1s);
  trouble.try_succeeded(start);
  CAF_CHECK(!shown_with("cid"));
  CAF_CHECK(!shown_with("dan"));
  CAF_CHECK(shown_with("eve"));
}
