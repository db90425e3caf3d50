// `ledgerd migrate` against a private PostgreSQL.
#include "tests/app/verbs/program.hpp"
#include "tests/support/private_servers.hpp"

#define CAF_SUITE migrate
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct fixture {
  private_servers servers{private_servers::which::postgres};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(migrate_tests, fixture)

CAF_TEST(migrate says what it did and can be run again) {
  const auto url = servers.fresh_database();
  const std::vector<std::string> environment{"LEDGERD_DATABASE_URL=" + url};
  const std::vector<std::string> ledger{"migrate", "--roles", "ledger"};
  const auto first = run_program(ledger, environment);
  CAF_CHECK(contains(first.out, "applied 0001"));
  const auto second = run_program(ledger, environment);
  CAF_CHECK_EQUAL(second.code, 0);
  CAF_CHECK(!contains(second.out, "applied"));
  CAF_CHECK(contains(second.out, "the schema ledger is at version "));
  const auto both = run_program({"migrate"}, environment);
  CAF_CHECK(contains(both.out, "applied 0001_account"));
  CAF_CHECK(contains(both.out, "the schema account is at version "));
}

CAF_TEST_FIXTURE_SCOPE_END()
