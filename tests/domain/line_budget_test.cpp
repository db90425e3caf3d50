#include "domain/line_budget.hpp"

#define CAF_SUITE line_budget
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

const line_budget::time_point start{std::chrono::hours(1)};

using line = std::optional<std::uint64_t>;

} // namespace

CAF_TEST(so many lines of a kind and second and the number left out) {
  struct step {
    std::size_t kind;
    std::chrono::milliseconds at;
    line expected;
  };
  const step table[] = {
      {0, 0ms, 0},    {0, 1ms, 0},    {0, 2ms, {}},   {1, 2ms, 0},
      {0, 999ms, {}}, {0, 1000ms, 2}, {0, 1001ms, 0}, {0, 1002ms, {}},
  };
  line_budget budget{2};
  for (const auto& [kind, at, expected] : table)
    CAF_CHECK(budget.admit(kind, 2, start + at) == expected);
}

CAF_TEST(what a flood left out is told when it has ended) {
  line_budget budget{2};
  CAF_CHECK(budget.admit(1, 1, start) == line{0});
  CAF_CHECK(budget.admit(1, 1, start + 1ms) == line{});
  CAF_CHECK(budget.overdue(start + 999ms).empty());
  const auto late = budget.overdue(start + 1000ms);
  CAF_REQUIRE_EQUAL(late.size(), 1u);
  CAF_CHECK_EQUAL(late[0].kind, 1u);
  CAF_CHECK_EQUAL(late[0].left_out, 1u);
  CAF_CHECK(budget.overdue(start + 5s).empty());
  CAF_CHECK(budget.admit(1, 1, start + 6s) == line{0});
}
