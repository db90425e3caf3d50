#include "persistence/postgres/slow_groups.hpp"

#define CAF_SUITE slow_groups
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

using times = std::vector<std::int64_t>;
using found = std::vector<std::size_t>;

} // namespace

CAF_TEST(only what stands out is slow) {
  struct row {
    times took;
    found slow;
  };
  const row table[] = {
      {{}, {}},
      {{50'000}, {}}, // alone it cannot stand out
      {{300, 50'000}, {1}},
      {{300, 280, 250, 400}, {}},
      {{300, 280, 19'999, 400}, {}}, // too little to matter
      {{300, 280, 20'000, 400}, {2}},
      {{300, 90'000, 250, 60'000, 400, 200}, {1, 3}},
      {{50'000, 52'000, 49'000, 51'000}, {}},    // the world is slow
      {{50'000, 52'000, 49'000, 300}, {}},       // nearly the whole world
      {{15'000, 16'000, 14'000, 90'000}, {}},    // less than ten times the others
      {{15'000, 16'000, 14'000, 160'000}, {3}},  //
      {{300, 280, 90'000, 0, 0, 0, 0, 0}, {}},   // most were not reached
      {{300, 280, 90'000, 310, 290, 0, 0}, {2}}, //
  };
  for (const auto& [took, slow] : table)
    CAF_CHECK_EQUAL(slow_groups(took), slow);
}
