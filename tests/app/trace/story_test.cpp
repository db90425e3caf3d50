#include "app/trace/story.hpp"

#include "tests/app/trace/story_facts.hpp"

#define CAF_SUITE trace_story
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct conclusion_row {
  std::function<void(facts_of&)> given;
  trace_state state;
  std::string conclusion;
};

void check(const std::vector<conclusion_row>& table) {
  for (const auto& each : table) {
    facts_of facts;
    each.given(facts);
    const auto story = story_of(facts);
    CAF_CHECK_EQUAL(story.conclusion, each.conclusion);
    CAF_CHECK_EQUAL(to_text(story.state), to_text(each.state));
  }
}

} // namespace

CAF_TEST(each conclusion) {
  check({
      {[](auto&) {}, trace_state::unknown, "unknown: nothing was found of this record"},
      {[](auto& f) { f.requested(), f.decided(), f.published(), f.node(40); }, trace_state::decided,
       "decided: WITHDRAWAL of 12.50 EUR for ann: SUCCESS"},
      {[](auto& f) { f.decided(outcome::insufficient_funds), f.published(); }, trace_state::decided,
       "decided: WITHDRAWAL of 12.50 EUR for ann: FAILED, INSUFFICIENT_FUNDS"},
      {[](auto& f) { f.requested(), f.decided(), f.node(40, held); }, trace_state::decided,
       "decided: WITHDRAWAL of 12.50 EUR for ann: SUCCESS; its result was not found yet: a node "
       "holds the request"},
      {[](auto& f) { f.decided(), f.published(), f.parked(); }, trace_state::decided,
       "decided: WITHDRAWAL of 12.50 EUR for ann: SUCCESS; another request under this id was "
       "parked: INVALID_FIELD"},
      {[](auto& f) { f.decided(), f.published(), f.parked(5, 13, "TRANSACTION_RESULTS"); },
       trace_state::decided,
       "decided: WITHDRAWAL of 12.50 EUR for ann: SUCCESS; another result under this id was "
       "parked: INVALID_FIELD"},
      {[](auto& f) { f.parked(), f.acted("replay", 20), f.decided(), f.published(); },
       trace_state::decided,
       "decided: WITHDRAWAL of 12.50 EUR for ann: SUCCESS; it was parked before, for "
       "INVALID_FIELD, and replayed by eve"},
      {[](auto& f) { f.published(), f.ledger_problem = "away"; }, trace_state::decided,
       "decided, by its result: DEPOSIT of 5.00 EUR for ann: SUCCESS; not looked at: the ledger's "
       "database"},
      {[](auto& f) { f.published(); }, trace_state::decided,
       "decided, by its result: DEPOSIT of 5.00 EUR for ann: SUCCESS; the ledger has no such row"},
      {[](auto& f) { f.requested(), f.node(30); }, trace_state::waiting,
       "waiting behind at most 9 messages of the stream: request #40 of TRANSACTIONS, handed out "
       "up "
       "to #30"},
      {[](auto& f) { f.requested(); }, trace_state::waiting,
       "waiting: request #40 of TRANSACTIONS; no node says how far the requests are"},
      {[](auto& f) {
         f.requested(), f.consumers = {{"transaction.deposit", 38, 38}};
       },
       trace_state::waiting,
       "waiting behind at most 1 message of the stream: request #40 of TRANSACTIONS, handed out up "
       "to #38"},
      {[](auto& f) { f.requested(), f.node(39); }, trace_state::waiting,
       "waiting: request #40 of TRANSACTIONS is the next to be handed out"},
      {[](auto& f) { f.requested(), f.node(40, held); }, trace_state::held,
       "held by node node-a for 12.3 s: request #40 waits for its verdict, deposit-consumer/0, 1 "
       "failure of its own, delivery 2"},
      {[](auto& f) { f.requested(), f.waits("blocked"); }, trace_state::held,
       "held by node node-a for 12.3 s: the account is locked in the database, or a statement for "
       "it takes too long (waiting 12.0 s); request #40 waits for its verdict, "
       "deposit-consumer/0, 1 failure of its own, delivery 2"},
      {[](auto& f) { f.requested(), f.node(50); }, trace_state::handed_out,
       "handed out: request #40 of TRANSACTIONS has no row, and no node that has answered holds "
       "it; "
       "the broker delivers it again once the acknowledgement wait is over"},
      // It may be decided and acknowledged long ago.
      {[](auto& f) {
         f.requested(), f.node(50), f.ledger_problem = "away";
         f.messages.looked = {{names::result_stream, true, false, false, 9000, 500, 0}};
       },
       trace_state::unknown,
       "unknown: request #40 of TRANSACTIONS was handed out, no node that has answered holds it, "
       "and the ledger cannot be asked whether it is decided; not looked at: the ledger's "
       "database; 8500 of 9000 messages of TRANSACTION_RESULTS; --all reads everything"},
      {[](auto& f) {
         f.requested(), f.node(50), f.ledger_problem = "away";
         f.messages.looked = {{names::result_stream, true, true, false, 9000, 9000, 0}};
       },
       trace_state::handed_out,
       "handed out: request #40 of TRANSACTIONS: the ledger cannot be asked, there is no result, "
       "and no node that has answered holds it; the broker delivers it again once the "
       "acknowledgement wait is over; not looked at: the ledger's database"},
      {[](auto& f) {
         f.requested(), f.consumers = {{"transaction.deposit", 50, 45}};
       },
       trace_state::unknown,
       "unknown: request #40 of TRANSACTIONS is acknowledged, and neither its row nor its dead "
       "letter was found"},
      {[](auto& f) { f.requested(), f.parked(), f.node(50); }, trace_state::parked,
       "parked because of INVALID_FIELD: field \"amount\": must be positive (dead letter 5)"},
      {[](auto& f) { f.requested(), f.parked(), f.acted("discard", 20); }, trace_state::discarded,
       "discarded by eve because \"seen\"; it was parked for INVALID_FIELD"},
      // The letter itself is gone.
      {[](auto& f) { f.requested(), f.acted("discard", 20); }, trace_state::discarded,
       "discarded by eve because \"seen\"; it was parked for INVALID_FIELD"},
      // It was published again, and waits.
      {[](auto& f) {
         f.requested(), f.parked(), f.acted("replay", 20), f.requested(90, 20), f.node(80);
       },
       trace_state::waiting,
       "waiting behind at most 9 messages of the stream: request #90 of TRANSACTIONS, handed out "
       "up "
       "to #80"},
      // And was parked again.
      {[](auto& f) {
         f.requested(), f.parked(), f.acted("replay", 20), f.requested(90, 20), f.parked(6, 21);
       },
       trace_state::parked,
       "parked because of INVALID_FIELD: field \"amount\": must be positive (dead letter 6)"},
      // A replay is no way out of what the caller was told.
      {[](auto& f) { f.requested(), f.parked(), f.marked(7); }, trace_state::parked,
       "parked because of INVALID_FIELD: field \"amount\": must be positive (dead letter 5); its "
       "caller was told FAILED: discard the letter and have the request submitted anew"},
      {[](auto& f) { f.requested(), f.parked(), f.failed(); }, trace_state::parked,
       "parked because of INVALID_FIELD: field \"amount\": must be positive (dead letter 5); its "
       "caller was told FAILED: discard the letter and have the request submitted anew"},
      {[](auto& f) { f.requested(), f.parked(), f.marked(8); }, trace_state::parked,
       "parked because of INVALID_FIELD: field \"amount\": must be positive (dead letter 5)"},
      // It was given up, and is parked anew.
      {[](auto& f) { f.acted("discard", 12), f.requested(), f.parked(6, 13); }, trace_state::parked,
       "parked because of INVALID_FIELD: field \"amount\": must be positive (dead letter 6); its "
       "earlier letter 5 was discarded by eve (seen)"},
      {[](auto& f) {
         f.record_row =
             transaction_record{record_id{7}, {}, record_status::pending, {},
                                "",           {}, database_time{second},  database_time{second}};
       },
       trace_state::recorded,
       "recorded on the account side, PENDING; no request was found: the redriver publishes it "
       "again"},
  });
}

CAF_TEST(what could not be asked is said last and nothing is called missing there) {
  check({
      {[](auto& f) { f.streams_problem = "away"; }, trace_state::unknown,
       "unknown: nothing was found of this record in what was asked; not looked at: the streams"},
      {[](auto& f) { f.ledger_problem = f.records_problem = "away"; }, trace_state::unknown,
       "unknown: nothing was found of this record in what was asked; not looked at: the ledger's "
       "database; the account side's database"},
      {[](auto& f) { f.decided(), f.streams_problem = "away"; }, trace_state::decided,
       "decided: WITHDRAWAL of 12.50 EUR for ann: SUCCESS; not looked at: the streams"},
      {[](auto& f) { f.requested(), f.parked(), f.ledger_problem = "away"; }, trace_state::parked,
       "parked because of INVALID_FIELD: field \"amount\": must be positive (dead letter 5); not "
       "looked at: the ledger's database"},
      {[](auto& f) {
         f.requested(), f.consumers = {{"transaction.deposit", 50, 45}};
         f.ledger_problem = "away";
       },
       trace_state::unknown,
       "unknown: request #40 of TRANSACTIONS is acknowledged, and no dead letter of it was found; "
       "not looked at: the ledger's database"},
      {[](auto& f) {
         f.record_row =
             transaction_record{record_id{7}, {}, record_status::pending, {},
                                "",           {}, database_time{second},  database_time{second}};
         f.streams_problem = "away";
       },
       trace_state::recorded,
       "recorded on the account side, PENDING; the redriver publishes it again, if it has to; not "
       "looked at: the streams"},
      // The search came to its end; how far a consumer is could not be asked.
      {[](auto& f) {
         f.decided(), f.streams_problem = "away";
         f.messages.looked = {{names::result_stream, true, true, false, 9000, 9000, 0}};
       },
       trace_state::decided,
       "decided: WITHDRAWAL of 12.50 EUR for ann: SUCCESS; its result was not found"},
      // The search had no time left then.
      {[](auto& f) {
         f.decided(), f.streams_problem = "away";
         f.messages.looked = {{names::result_stream, true, false, false, 9000, 1, 0}};
       },
       trace_state::decided,
       "decided: WITHDRAWAL of 12.50 EUR for ann: SUCCESS; not looked at: the streams"},
  });
  facts_of facts;
  CAF_CHECK(story_of(facts).asked_all);
  facts.streams_problem = "away";
  CAF_CHECK(!story_of(facts).asked_all);
}

CAF_TEST(a letter is discarded once it is gone) {
  check({
      // It is there all the same: the deletion failed, or is yet to come.
      {[](auto& f) { f.requested(), f.parked(), f.acted("discard", 20), f.left(5); },
       trace_state::parked,
       "parked because of INVALID_FIELD: field \"amount\": must be positive (dead letter 5); a "
       "discard by eve (seen) was begun"},
      // One of two letters is gone.
      {[](auto& f) { f.requested(), f.parked(), f.acted("discard", 20, 4); }, trace_state::parked,
       "parked because of INVALID_FIELD: field \"amount\": must be positive (dead letter 5)"},
      {[](auto& f) {
         f.parked(), f.parked(6), f.acted("discard", 20, 6), f.acted("discard", 20, 5), f.left(5);
       },
       trace_state::parked,
       "parked because of INVALID_FIELD: field \"amount\": must be positive (dead letter 5); a "
       "discard by eve (seen) was begun"},
  });
}

CAF_TEST(a discard of a letter that is still there says so) {
  facts_of facts;
  facts.parked(), facts.acted("discard", 20);
  const auto gone = story_of(facts);
  CAF_CHECK_EQUAL(gone.events.back().detail, "dead letter 5 by eve (seen)");
  facts.left(5);
  const auto there = story_of(facts);
  CAF_CHECK_EQUAL(there.events.back().detail, "dead letter 5 by eve (seen); it is still there");
}

CAF_TEST(what the account of a held request waits for) {
  const std::pair<const char*, const char*> table[] = {
      {"blocked", "the account is locked in the database, or a statement for it takes too long"},
      {"slow", "the account takes far longer in the database than others"},
      {"refused", "the database refuses what is written for the account"},
      {"database", "the database is away"},
      {"commit", "its batch is not committed yet"},
      {"of a later version", "the account is set aside, of a later version"},
  };
  for (const auto& [why, what] : table) {
    facts_of facts;
    facts.waits(why);
    CAF_CHECK(story_of(facts).conclusion.starts_with("held by node node-a for 12.3 s: "
                                                     + std::string(what)
                                                     + " (waiting 12.0 s); request #40 "));
  }
}

CAF_TEST(who has locked the account is named where that is known) {
  facts_of facts;
  facts.waits("blocked");
  facts.holder = session_name{4711, "bob", "psql"};
  CAF_CHECK(story_of(facts).conclusion.starts_with(
      "held by node node-a for 12.3 s: the account is locked in the database by the session 4711 "
      "of the user bob (psql) (waiting 12.0 s); request #40 "));
  // What waits for something else waits for nobody.
  facts_of slow;
  slow.waits("slow");
  slow.holder = session_name{4711, "bob", ""};
  CAF_CHECK(story_of(slow).conclusion.find("4711") == std::string::npos);
}

CAF_TEST(the node that decides says what the account waits for) {
  facts_of facts;
  facts.node(40, held);
  CAF_CHECK(!story_of(facts).wait);
  facts.node(30, std::nullopt, "node-b").wait = account_wait{"slow", 300};
  facts.node(30, std::nullopt, "node-c").wait = account_wait{"blocked", 900};
  facts.node(30, std::nullopt, "node-d").wait = account_wait{"slow", 400};
  const auto story = story_of(facts);
  CAF_REQUIRE(story.wait.has_value());
  CAF_CHECK_EQUAL(story.wait->node, "node-c");
  CAF_CHECK(story.wait->wait == (account_wait{"blocked", 900}));
  // Of what is decided it tells nothing.
  facts.decided();
  CAF_CHECK(!story_of(facts).wait);
}

CAF_TEST(the whole road stands in order of time) {
  facts_of facts;
  facts.requested();
  facts.decided();
  facts.published();
  facts.node(40);
  facts.record_row =
      transaction_record{record_id{7}, {}, record_status::success,    {},
                         "",           {}, database_time{9 * second}, database_time{13 * second}};
  const auto story = story_of(facts);
  std::string road;
  for (const auto& each : story.events)
    road += each.what + (each.node.empty() ? "" : "@" + each.node)
            + (each.at_us      ? " " + std::to_string(*each.at_us / second)
               : each.after_us ? " after " + std::to_string(*each.after_us / second)
                               : " -")
            + "; ";
  CAF_CHECK_EQUAL(road, "recorded 9; received@node-a 10; decided 11; published@node-a 12; settled "
                        "13; acknowledged@node-a after 12; ");
  CAF_CHECK(story.events[2].detail.find("one of 4 in its batch") != std::string::npos);
  CAF_CHECK(story.notes.empty());
}

CAF_TEST(who took a request is said by its result and its letter and whoever holds it) {
  const auto taker = [](const trace_facts& facts) {
    for (const auto& each : story_of(facts).events)
      if (each.what == "received")
        return each.node + (each.detail.starts_with("transaction.deposit #40") ? "" : "?");
    return std::string{"nothing"};
  };
  facts_of facts;
  facts.requested();
  CAF_CHECK_EQUAL(taker(facts), "");
  facts.node(40, held, "node-c");
  CAF_CHECK_EQUAL(taker(facts), "node-c");
  facts.parked();
  CAF_CHECK_EQUAL(taker(facts), "node-b");
  facts.published();
  CAF_CHECK_EQUAL(taker(facts), "node-a");
  // Of another request under the same id neither says anything.
  facts_of other;
  other.requested(41, 10);
  other.published();
  other.parked();
  const auto told = story_of(other);
  CAF_CHECK(told.events.front().what == "received");
  CAF_CHECK_EQUAL(told.events.front().node, "");
}

// All have numbers of their own, which count anew when their stream is made anew.
CAF_TEST(what was told before a message was stored tells nothing of it) {
  facts_of early;
  early.parked(5, 9);
  early.published();
  early.messages.results.back().stored_at_ns = 9'000'000'000;
  early.requested();
  const auto unknown = story_of(early).events.back();
  CAF_CHECK_EQUAL(unknown.what, "received");
  CAF_CHECK_EQUAL(unknown.node, "");
  facts_of replayed;
  replayed.decided(), replayed.acted("replay", 12), replayed.parked();
  CAF_CHECK(story_of(replayed).conclusion.ends_with("under this id was parked: INVALID_FIELD"));
  facts_of discarded;
  discarded.acted("discard", 12), discarded.parked();
  CAF_CHECK_EQUAL(to_text(story_of(discarded).state), "parked");
  // A letter says by itself of which life its request is.
  facts_of other;
  other.requested(), other.parked();
  other.messages.looked = {{.stream = names::request_stream, .exists = true, .made_at_ns = 20}};
  auto& headers = other.messages.dead_letters.back().headers;
  headers.push_back({"Ledgerd-Incarnation", "20"});
  CAF_CHECK(story_of(other).events.front().node == "node-b");
  headers.back().value = "10";
  CAF_CHECK(story_of(other).events.front().node.empty());
}

CAF_TEST(an acknowledgement of what was parked was after its letter) {
  facts_of facts;
  facts.requested();
  facts.parked();
  facts.node(40);
  const auto story = story_of(facts);
  CAF_REQUIRE(!story.events.empty());
  const auto& last = story.events.back();
  CAF_CHECK_EQUAL(last.what, "acknowledged");
  CAF_CHECK(!last.at_us);
  CAF_CHECK(last.after_us == 13 * second);
  CAF_CHECK(last.detail.ends_with("when is noted nowhere"));
}

CAF_TEST(of a result numbers and texts are shown and nothing that is nested) {
  constexpr std::size_t levels = 1'000'000;
  facts_of facts;
  facts.published();
  facts.messages.results.back().payload = R"({"type":"DEPOSIT","amount":5.5,"currency":"EUR",)"
                                          R"("userId":)"
                                          + std::string(levels, '[') + std::string(levels, ']')
                                          + R"(,"status":true,"reason":{"a":1}})";
  CAF_CHECK_EQUAL(story_of(facts).conclusion, "decided, by its result: DEPOSIT of 5.5 EUR for : "
                                              "true; the ledger has no such row");
}
