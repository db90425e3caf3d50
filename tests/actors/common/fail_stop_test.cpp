#define CAF_SUITE fail_stop

#include "actors/common/fail_stop.hpp"

#include <stdexcept>

#include "tests/actors/process_end.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using worker = caf::typed_actor<caf::reacts_to<std::int64_t>>;

struct worker_state {
  static inline const char* name = "worker";
};

// The library follows a null pointer for a body without arguments.
worker::behavior_type body(worker::stateful_pointer<worker_state>, bool) {
  return {[](std::int64_t what) {
    if (what == 1)
      throw std::runtime_error{"the test asked for it"};
    if (what == 2)
      throw what;
  }};
}

struct fail_stop_fixture : fixture {
  worker one = started_actor(sys.spawn(guarded(body), true));

  int exit_code_after(std::int64_t what) {
    return exit_code_of([&] {
      caf::anon_send(one, what);
      consume_messages();
    });
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(fail_stop_tests, fail_stop_fixture)

CAF_TEST(an exception of whatever type that an actor lets escape ends the process as a bug) {
  CAF_CHECK_EQUAL(exit_code_after(0), 0);
  CAF_CHECK_EQUAL(exit_code_after(1), exit_code::bug);
  CAF_CHECK_EQUAL(exit_code_after(2), exit_code::bug);
}

CAF_TEST_FIXTURE_SCOPE_END()
