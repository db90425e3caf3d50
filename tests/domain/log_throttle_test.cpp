#include "domain/log_throttle.hpp"

#define CAF_SUITE log_throttle
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

const log_throttle::time_point start{std::chrono::hours(1)};

using line = std::optional<std::uint64_t>;

} // namespace

CAF_TEST(one line for each kind and second and the number left out) {
  struct step {
    const char* kind;
    std::chrono::milliseconds at;
    line expected;
  };
  const step table[] = {
      {"a", 0ms, 0},    {"a", 1ms, {}},    {"b", 1ms, 0},    {"a", 999ms, {}},
      {"a", 1000ms, 2}, {"a", 1001ms, {}}, {"b", 1001ms, 0}, {"a", 5000ms, 1},
  };
  log_throttle throttle;
  for (const auto& [kind, at, expected] : table)
    CAF_CHECK(throttle.admit(kind, start + at) == expected);
}

CAF_TEST(a flood makes a line a second and all of it is counted) {
  log_throttle throttle;
  std::uint64_t lines = 0;
  std::uint64_t left_out = 0;
  for (int i = 0; i < 20000; ++i)
    if (const auto got = throttle.admit("flood", start + i * 1ms)) {
      ++lines;
      left_out += *got;
    }
  CAF_CHECK_EQUAL(lines, 20u);
  const auto rest = throttle.overdue(start + 21s);
  CAF_REQUIRE_EQUAL(rest.size(), 1u);
  CAF_CHECK_EQUAL(rest[0].kind, "flood");
  CAF_CHECK_EQUAL(lines + left_out + rest[0].left_out, 20000u);
  CAF_CHECK(throttle.overdue(start + 30s).empty());
}

CAF_TEST(kinds without number make no lines without number) {
  log_throttle throttle;
  std::size_t lines = 0;
  for (int i = 0; i < 1000; ++i)
    lines += throttle.admit(std::to_string(i), start).has_value() ? 1 : 0;
  CAF_CHECK_LESS_OR_EQUAL(lines, log_throttle::kinds_max + 1);
  CAF_CHECK(throttle.admit("later", start + 2s)); // the old ones have been forgotten
}

CAF_TEST(what is left out is said in words) {
  CAF_CHECK_EQUAL(left_out_text(0), "");
  CAF_CHECK_EQUAL(left_out_text(3), " (3 more like this were left out)");
}
