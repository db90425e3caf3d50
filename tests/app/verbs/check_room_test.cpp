// That `check` knows how many sessions a node needs.

#include "tests/app/verbs/verb_world.hpp"

#define CAF_SUITE check_room
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct fixture : verb_world {
  fixture() : verb_world({.account = true}) {}
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(check_room_tests, fixture)

CAF_TEST(check warns of a server with fewer sessions than the node may need) {
  CAF_CHECK(!contains(run({"check"}).out, " sessions with the database"));
  const auto narrow = run({"check", "--gates", "64"});
  CAF_CHECK_EQUAL(narrow.code, 0);
  CAF_CHECK(contains(narrow.out, "database         WARN   a node with this configuration needs up "
                                 "to 145 sessions with the database, and max_connections"));
}

CAF_TEST_FIXTURE_SCOPE_END()
