// The two books against each other, over a line that does what it likes: whatever happens, each
// entry is answered or given back exactly once, and at the end nothing is held.
#define CAF_SUITE link_books

#include "tests/actors/ledger/link_world.hpp"

#include <caf/test/dsl.hpp>

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

// Each answer is one, and says what the database says.
bool answers_are_right(const link_world& world) {
  for (const auto& [tag, answers] : world.told) {
    if (answers.size() != 1)
      return false;
    const auto& one = answers.front();
    const auto& asked = world.asked.at(tag);
    if (!one.verdict)
      continue;
    const auto& stored = one.verdict->stored;
    if (stored.record != asked.id || stored != world.rows().at(asked.id)
        || same_content(asked, stored) != (one.verdict->verdict != outcome::conflict))
      return false;
  }
  return true;
}

void disturb(link_world& world) {
  const auto percent = [&](int chance, bool& what) {
    if (world.happens(chance))
      what = !what;
  };
  percent(world.owner_listens ? 1 : 20, world.owner_listens);
  percent(world.owner_frozen ? 5 : 1, world.owner_frozen);
  percent(world.asker_frozen ? 5 : 1, world.asker_frozen);
  if (world.asker_frozen && world.happens(5))
    world.now += 60s; // stopped for long
}

bool run(std::uint32_t seed) {
  std::minstd_rand random(seed);
  const auto chance = [&random](int most) { return static_cast<int>(random() % most); };
  link_world world(seed,
                   {.lose = chance(20),
                    .duplicate = chance(20),
                    .delay = chance(20),
                    .later = chance(10),
                    .fail = chance(10),
                    .stuck = chance(100)},
                   {.frames_max = 1 + random() % 8,
                    .entries_max = 1 + random() % 100,
                    .bytes_max = 200 + random() % 20000},
                   {1 + random() % 2000, 1000 + random() % 1000000});
  const bool drains = random() % 4 == 0;
  for (int i = 0; i < 600; ++i) {
    if (!world.asker_frozen && world.happens(50))
      world.ask(world.random() % 40);
    disturb(world);
    world.step();
    if (drains && i == 300)
      world.owner.shut();
    if (drains && i == 400)
      world.owner.return_all();
  }
  world.heal();
  for (int i = 0; i < 20000 && !(world.at_rest() && world.asker.up()); ++i)
    world.step();
  return answers_are_right(world) && world.at_rest() && world.asker.frames() == 0
         && world.owner.bytes() == 0 && world.asker.up();
}

} // namespace

CAF_TEST(every_entry_is_answered_or_given_back_exactly_once) {
  const auto first = std::random_device{}();
  CAF_MESSAGE("first seed " << first);
  for (std::uint32_t seed = first; seed < first + 30; ++seed)
    if (!run(seed)) {
      CAF_FAIL("seed " << seed);
      return;
    }
}

CAF_TEST(over_a_good_line_everything_is_decided_by_the_owner) {
  link_world world(1, {}, {}, {16384, 8 << 20});
  for (int i = 0; i < 10; ++i)
    world.step();
  CAF_REQUIRE(world.asker.up());
  for (int i = 0; i < 200; ++i) {
    world.ask(20);
    world.step();
  }
  for (int i = 0; i < 100 && !world.at_rest(); ++i)
    world.step();
  CAF_CHECK(world.at_rest());
  CAF_CHECK(answers_are_right(world));
  CAF_CHECK_EQUAL(world.decided_at_home, 0u);
  CAF_CHECK_EQUAL(world.asker.counters().frames_again, 0);
  CAF_CHECK_EQUAL(world.asker.counters().late, 0);
  CAF_CHECK_EQUAL(world.asker.counters().downs, 0);
}
