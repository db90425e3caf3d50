// Which database a process works with, for good.
#include "persistence/held_database.hpp"

#define CAF_SUITE held_database
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

struct fixture {
  ~fixture() {
    hold_to_database(schema::ledger, {});
    hold_to_database(schema::account, {});
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(holding, fixture)

CAF_TEST(any database will do before one is held) {
  CAF_CHECK(!holds_to_database(schema::ledger));
  CAF_CHECK_EQUAL(judge_database(schema::ledger, "7/1"), "");
  CAF_CHECK_EQUAL(judge_database(schema::ledger, "7/2"), "");
  CAF_CHECK_EQUAL(session_fault(schema::ledger), "");
}

CAF_TEST(another database than the one that is held is refused until sessions meet that again) {
  hold_to_database(schema::ledger, "7/1");
  CAF_CHECK(holds_to_database(schema::ledger) && !holds_to_database(schema::account));
  CAF_CHECK_EQUAL(judge_database(schema::ledger, "7/1"), "");
  const auto said = judge_database(schema::ledger, "7/2");
  CAF_CHECK_EQUAL(said, "this is another database than the one this node began with (system "
                        "identifier and oid 7/2, not 7/1): restart the node, or lead its URL back");
  CAF_CHECK_EQUAL(session_fault(schema::ledger), said);
  CAF_CHECK_EQUAL(session_fault(schema::account), "");
  CAF_CHECK_EQUAL(judge_database(schema::ledger, "7/1"), "");
  CAF_CHECK_EQUAL(session_fault(schema::ledger), "");
}

CAF_TEST(a database that does not tell is let pass) {
  hold_to_database(schema::account, "7/1");
  CAF_CHECK_EQUAL(judge_database(schema::account, ""), "");
  CAF_CHECK(!judge_database(schema::account, "7/2").empty());
  CAF_CHECK_EQUAL(judge_database(schema::account, ""), "");
  CAF_CHECK(!session_fault(schema::account).empty());
  hold_to_database(schema::account, "");
  CAF_CHECK_EQUAL(judge_database(schema::account, "7/2"), "");
}

CAF_TEST(commits that would not last are told until a session shows otherwise) {
  hold_to_database(schema::ledger, "7/1");
  note_unlasting_commits(schema::ledger, true);
  CAF_CHECK_EQUAL(session_fault(schema::ledger), unlasting_commits);
  CAF_CHECK_EQUAL(session_fault(schema::account), "");
  const auto other = judge_database(schema::ledger, "7/2");
  CAF_CHECK_EQUAL(session_fault(schema::ledger), other);
  judge_database(schema::ledger, "7/1");
  CAF_CHECK_EQUAL(session_fault(schema::ledger), unlasting_commits);
  note_unlasting_commits(schema::ledger, false);
  CAF_CHECK_EQUAL(session_fault(schema::ledger), "");
}

CAF_TEST_FIXTURE_SCOPE_END()
