#define CAF_SUITE child_list

#include "actors/common/child_list.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using namespace std::chrono_literals;

// A child that is told how far the side is, as a fetcher is.
using played_child = caf::typed_actor<caf::replies_to<report_atom>::with<actor_report>,
                                      caf::reacts_to<pulse_atom, bool>>;

using played_root = caf::typed_actor<caf::reacts_to<tick_atom>>;

struct root_state {
  static inline const char* name = "root";
  child_list<played_root::pointer> children;
};

// What the child says of itself, and what it was told.
struct course {
  standstill wait;
  std::vector<bool> pulses;
};

played_root::behavior_type root(played_root::stateful_pointer<root_state> self,
                                played_child child) {
  self->state.children.begin(self, "test", nullptr);
  self->state.children.add(child, {.kind = "child"});
  return {[self](tick_atom) { self->state.children.call_the_roll(); }};
}

struct child_list_fixture : fixture {
  std::shared_ptr<course> child = std::make_shared<course>();
  played_root parent;

  child_list_fixture() {
    const auto handle = spawn_fake<played_child>(
        [child = child](played_child::pointer) -> played_child::behavior_type {
          return {[child](report_atom) {
                    actor_report report;
                    report.wait = child->wait;
                    return report;
                  },
                  [child](pulse_atom, bool moving) { child->pulses.push_back(moving); }};
        });
    parent = started_actor(sys.spawn(root, handle));
  }

  // What is told once the root knows of this wait.
  std::vector<bool> told_after(std::chrono::milliseconds since) {
    child->wait = {since, "no commit"};
    caf::anon_send(parent, tick_atom_v);
    consume_messages();
    child->pulses.clear();
    caf::anon_send(parent, tick_atom_v);
    consume_messages();
    return child->pulses;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(child_list_tests, child_list_fixture)

CAF_TEST(nothing is said while a child hesitates so that the last word runs out) {
  CAF_CHECK(told_after(0ms) == std::vector{true});
  CAF_CHECK(told_after(hesitates_after - 1ms) == std::vector{true});
  CAF_CHECK(told_after(hesitates_after).empty());
  CAF_CHECK(told_after(standstill_after) == std::vector{false});
  CAF_CHECK(told_after(0ms) == std::vector{true});
}

CAF_TEST_FIXTURE_SCOPE_END()
