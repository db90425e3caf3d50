// What a story leaves open, and what is to be done next.
#include "app/trace/story_limits.hpp"

#include "domain/opening.hpp"
#include "tests/app/trace/story_facts.hpp"

#define CAF_SUITE trace_story_limits
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

CAF_TEST(of what is parked the next step depends on what its caller was told) {
  facts_of facts;
  facts.requested(), facts.parked();
  CAF_CHECK(
      next_step(story_of(facts), facts.record).starts_with("`ledgerd dead replay --record 7 "));
  facts.failed();
  CAF_CHECK_EQUAL(
      next_step(story_of(facts), facts.record),
      "`ledgerd dead discard --record 7 --yes --why TEXT`, and submit it anew: a replay "
      "would move money that its caller was told does not move");
  facts.acted("discard", 20);
  CAF_CHECK_EQUAL(next_step(story_of(facts), facts.record), "");
  facts_of locked;
  locked.waits("blocked");
  CAF_CHECK(next_step(story_of(locked), facts.record).starts_with("`ledgerd locks list` "));
}

CAF_TEST(an opening row has no result) {
  facts_of facts;
  facts.decided();
  auto& row = *facts.row;
  row.type = movement::deposit;
  row.seq = 1;
  row.balance_after = row.amount;
  row.record = facts.record = opening_id(row.account, 0);
  CAF_CHECK_EQUAL(story_of(facts).conclusion,
                  "decided: DEPOSIT of 12.50 EUR for ann: SUCCESS; the opening row of an import");
  row.record = record_id{7};
  CAF_CHECK(story_of(facts).conclusion.ends_with("; its result was not found"));
}

CAF_TEST(what was not looked at is said) {
  facts_of facts;
  facts.ledger_problem = "connection refused";
  facts.messages.looked = {
      {"TRANSACTIONS", true, false, false, 500'000, 200'000, 3'600 * 1'000'000'000LL},
      {"TRANSACTION_RESULTS", true, true, false, 7, 7, 0}};
  const auto story = story_of(facts);
  const auto& notes = story.notes;
  CAF_REQUIRE_EQUAL(notes.size(), 3u);
  CAF_CHECK_EQUAL(notes[0], "the ledger's database cannot be asked: connection refused");
  CAF_CHECK_EQUAL(notes[1], "no node has answered");
  CAF_CHECK_EQUAL(notes[2], "not looked at: 300000 of 500000 messages of TRANSACTIONS, most of "
                            "them from before 1970-01-01T01:00:00.000000Z; --all reads everything");
  CAF_CHECK_EQUAL(story.conclusion,
                  "unknown: nothing was found of this record in what was asked; not looked at: the "
                  "ledger's database; 300000 of 500000 messages of TRANSACTIONS; --all reads "
                  "everything");
  // What waits was read; a row may be lost, and its result tells.
  facts.ledger_problem.clear();
  facts.messages.looked = {{"TRANSACTIONS", true, false, true, 500'000, 12, 3'600},
                           {"TRANSACTION_RESULTS", true, false, false, 7, 0, 0}};
  CAF_CHECK_EQUAL(story_of(facts).conclusion,
                  "unknown: nothing was found of this record; not looked at: 499988 of 500000 "
                  "messages of TRANSACTIONS, all of them handed out already; 7 of 7 messages of "
                  "TRANSACTION_RESULTS; --all reads everything");
  facts.requested(), facts.node(50);
  CAF_CHECK(story_of(facts).conclusion.find("TRANSACTION_RESULTS") == std::string::npos);
}
