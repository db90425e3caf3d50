#include "persistence/shadow_mark.hpp"

#include <stdexcept>

#include "tests/persistence/postgres/postgres_world.hpp"

#define CAF_SUITE shadow_mark
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

template <class Call>
bool throws(Call call) {
  try {
    call();
    return false;
  } catch (const std::runtime_error&) {
    return true;
  }
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(shadow_mark_tests, postgres_world)

CAF_TEST(a database tells since when it is the database of a shadow) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  CAF_CHECK_EQUAL(claim_for_shadow(url), "");
  const auto past = read_shadow_past(url);
  CAF_CHECK(!past.decided);
  CAF_CHECK(past.since_ns >= std::chrono::nanoseconds(now - 10s).count());
  CAF_CHECK(past.since_ns <= std::chrono::nanoseconds(now + 60s).count());
  CAF_CHECK_EQUAL(claim_for_shadow(url), "");
  CAF_CHECK_EQUAL(read_shadow_past(url).since_ns, past.since_ns);
  sql("DELETE FROM ledger.shadow"); // an earlier version has noted no time
  CAF_CHECK_EQUAL(read_shadow_past(url).since_ns, 0);
}

CAF_TEST(one shadow at a time has a database) {
  const auto first = make_shadow_claim(url);
  CAF_CHECK_EQUAL(first->hold(0ms), "");
  CAF_CHECK_EQUAL(first->hold(0ms), "");
  const auto second = make_shadow_claim(url);
  CAF_CHECK(second->hold(0ms).starts_with("another shadow works in this database"));
  CAF_CHECK_EQUAL(make_shadow_claim(postgres().fresh_database())->hold(0ms), "");
}

CAF_TEST(the next one gets it when the first has gone) {
  auto first = make_shadow_claim(url);
  CAF_CHECK_EQUAL(first->hold(0ms), "");
  const auto second = make_shadow_claim(url);
  CAF_CHECK_NOT_EQUAL(second->hold(0ms), "");
  first.reset();
  CAF_CHECK_EQUAL(second->hold(10s), "");
}

CAF_TEST(whoever lost its session takes it again unless another one has) {
  const auto first = make_shadow_claim(url);
  CAF_CHECK_EQUAL(first->hold(0ms), "");
  const auto end_sessions = [this] {
    sql("SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_locks "
        "WHERE locktype = 'advisory' AND granted");
  };
  end_sessions();
  CAF_CHECK_EQUAL(first->hold(10s), "");
  end_sessions();
  const auto second = make_shadow_claim(url);
  CAF_CHECK_EQUAL(second->hold(10s), "");
  CAF_CHECK_NOT_EQUAL(first->hold(0ms), "");
}

CAF_TEST(a session that could not ask has nothing) {
  const auto claim = make_shadow_claim(url);
  const auto function = "FUNCTION pg_catalog.pg_try_advisory_lock(int, int)"s;
  sql("ALTER " + function + " RENAME TO away");
  CAF_CHECK(throws([&] { claim->hold(0ms); }));
  CAF_CHECK(throws([&] { claim->hold(0ms); }));
  sql("ALTER FUNCTION pg_catalog.away(int, int) RENAME TO pg_try_advisory_lock");
  CAF_CHECK_EQUAL(claim->hold(0ms), "");
}

CAF_TEST_FIXTURE_SCOPE_END()
