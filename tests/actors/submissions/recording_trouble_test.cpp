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
