#define CAF_SUITE reconciler

#include "tests/actors/submissions/reconciler_fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

CAF_TEST_FIXTURE_SCOPE(reconciler_tests, reconciler_fixture)

CAF_TEST(results settle their records in one batch and are acknowledged) {
  const auto ann = pending_record("ann");
  const auto bob = pending_record("bob");
  const auto first = queue(decided(ann));
  const auto second = queue(decided(bob));
  wake();
  CAF_CHECK_EQUAL(store->calls(), 1);
  CAF_CHECK(stored(ann.id).status == record_status::success);
  CAF_CHECK(stored(bob.id).transaction == decided(bob).id);
  CAF_CHECK_EQUAL(source->count(first, settlement::acknowledge), 1u);
  CAF_CHECK_EQUAL(source->count(second, settlement::acknowledge), 1u);
  CAF_REQUIRE_EQUAL(told->size(), 2u);
  CAF_CHECK(told->front() == stored(ann.id));
}

CAF_TEST(the stages of a result have their times) {
  using times = std::pair<std::int64_t, std::chrono::microseconds>;
  wall_ns = 1'000'000'000'000;
  const auto ann = pending_record("ann");
  queue(decided(ann));
  source->arriving.back().stored_at_ns = wall_ns - std::chrono::nanoseconds{700ms}.count();
  store->fail_next(1, store_failure_kind::unavailable);
  wake();
  CAF_CHECK(stage_of(subject, "result_pull") == times(1, 700ms));
  CAF_CHECK(stage_of(subject, "settle") == times(0, 0ms));
  pass(200ms);
  CAF_CHECK_EQUAL(stage_of(subject, "settle").first, 1);
  CAF_CHECK(stage_of(subject, "settle").second > 0ms);
}

CAF_TEST(a repeated result leaves the record alone and is acknowledged) {
  const auto ann = pending_record();
  queue(decided(ann));
  wake();
  const auto before = stored(ann.id);
  const auto again = queue(decided(ann));
  wake();
  CAF_CHECK(stored(ann.id) == before);
  CAF_CHECK_EQUAL(source->count(again, settlement::acknowledge), 1u);
}

CAF_TEST(a dead letter waits until the incarnation of its stream is known) {
  source->knows_incarnation = false;
  const auto receipt = queue("{");
  wake();
  CAF_CHECK(publisher->published.empty());
  source->knows_incarnation = true;
  wake();
  CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
  CAF_CHECK_EQUAL(publisher->published.front().message_id, "dead-TRANSACTION_RESULTS-1-1");
  pass(200ms);
  CAF_CHECK_EQUAL(source->count(receipt, settlement::terminate), 1u);
}

CAF_TEST(a result of nobody here is left alone) {
  auto row = decided(pending_record());
  row.record = record_id{42};
  const auto receipt = queue(row);
  wake();
  CAF_CHECK(publisher->published.empty());
  CAF_CHECK_EQUAL(source->count(receipt, settlement::acknowledge), 1u);
}

CAF_TEST(a verdict that says otherwise is parked and changes nothing) {
  const auto ann = pending_record();
  auto forged = decided(ann);
  forged.balance_after = money{999};
  queue(forged); // comes first, and decides
  wake();
  const auto before = stored(ann.id);
  const auto receipt = queue(decided(ann));
  wake();
  CAF_CHECK(stored(ann.id) == before);
  CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
  CAF_CHECK_EQUAL(header_of(publisher->published.front(), "Ledgerd-Reason"), "CONTRARY_VERDICT");
  CAF_CHECK_EQUAL(source->count(receipt, settlement::acknowledge), 0u);
  CAF_CHECK_EQUAL(number(subject, "contrary_total"), 1);
}

CAF_TEST(a result in a currency that was inserted a moment ago is applied) {
  memory_record_store elsewhere{database};
  const submission in_euro{{"ann", *currency_code::parse("EUR")}, movement::deposit, money{10}};
  const auto made = elsewhere.record({{in_euro, {}}});
  const auto record = std::get<std::vector<recorded>>(made).front().record;
  const auto receipt = queue(encode_result(decided(record), 2));
  const auto nonsense = decided(pending_record());
  auto unknown = nonsense;
  unknown.account.currency = *currency_code::parse("QQQ");
  queue(encode_result(unknown, 0));
  wake();
  CAF_CHECK(publisher->published.empty());
  CAF_CHECK_EQUAL(source->count(receipt, settlement::acknowledge), 0u);
  pass(500ms);
  CAF_CHECK(publisher->published.empty());
  table->add({{*currency_code::parse("EUR"), 2}});
  lookup->finish();
  pass(200ms);
  CAF_CHECK(stored(record.id).status == record_status::success);
  CAF_CHECK_EQUAL(source->count(receipt, settlement::acknowledge), 1u);
  // And what is none after a look is parked.
  CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
  CAF_CHECK_EQUAL(header_of(publisher->published.front(), "Ledgerd-Reason"), "INVALID_FIELD");
}

CAF_TEST(a result whose currency nobody can look up gives its credit back) {
  auto unknown = decided(pending_record());
  unknown.account.currency = *currency_code::parse("QQQ");
  const auto receipt = queue(encode_result(unknown, 0));
  wake();
  pass(4900ms);
  CAF_CHECK_EQUAL(source->count(receipt, settlement::postpone), 0u);
  pass(300ms);
  CAF_CHECK_EQUAL(source->count(receipt, settlement::postpone), 1u);
  CAF_CHECK(publisher->published.empty());
  lookup->finish();
  pass(300ms); // it is not held any more
  CAF_CHECK(publisher->published.empty());
}

CAF_TEST(a result without a record is parked and then terminated) {
  publisher->confirm_at_once = false;
  auto row = decided(pending_record());
  row.record = record_id{42};
  const auto receipt = queue(row, "42");
  wake();
  CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
  const auto letter = publisher->published.front();
  CAF_CHECK_EQUAL(letter.subject, "transaction.dead.deposit");
  CAF_CHECK_EQUAL(header_of(letter, "Ledgerd-Reason"), "UNKNOWN_RECORD");
  CAF_CHECK_EQUAL(letter.message_id, "dead-TRANSACTION_RESULTS-1-1");
  CAF_CHECK(source->settled.empty());
  publisher->answer(letter.token, false, "no PubAck");
  consume_messages();
  pass(1200ms);
  CAF_REQUIRE_EQUAL(publisher->published.size(), 2u);
  publisher->answer(letter.token, true);
  consume_messages();
  CAF_CHECK_EQUAL(source->count(receipt, settlement::terminate), 1u);
}

CAF_TEST(a result with other content fails its record and is parked) {
  const auto ann = pending_record();
  auto row = decided(ann);
  row.amount = money{11};
  queue(row);
  wake();
  CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
  CAF_CHECK_EQUAL(header_of(publisher->published.front(), "Ledgerd-Reason"), "UNKNOWN_RECORD");
  CAF_CHECK(stored(ann.id).status == record_status::failed);
  CAF_CHECK_EQUAL(stored(ann.id).reason, reason_record_id_conflict);
}

CAF_TEST(what is no result is parked) {
  queue("{");
  queue(R"({"recordId":1})");
  wake();
  CAF_REQUIRE_EQUAL(publisher->published.size(), 2u);
  CAF_CHECK_EQUAL(header_of(publisher->published[0], "Ledgerd-Reason"), "MALFORMED_JSON");
  CAF_CHECK_EQUAL(header_of(publisher->published[1], "Ledgerd-Reason"), "INVALID_FIELD");
  CAF_CHECK_EQUAL(store->calls(), 0);
}

CAF_TEST(without the database nothing is acknowledged and what is held stays alive) {
  const auto ann = pending_record();
  const auto receipt = queue(decided(ann));
  store->fail_next(5, store_failure_kind::unavailable);
  wake();
  CAF_CHECK(source->settled.empty());
  pass(100ms);
  CAF_CHECK_EQUAL(source->room, 0u);
  pass(1500ms);
  CAF_CHECK_GREATER_OR_EQUAL(source->count(receipt, settlement::progress), 1u);
  pass(5000ms);
  CAF_CHECK(stored(ann.id).status == record_status::success);
  CAF_CHECK_EQUAL(source->count(receipt, settlement::acknowledge), 1u);
  CAF_CHECK_GREATER(source->room, 0u);
}

CAF_TEST(a commit in doubt is tried again and changes nothing twice) {
  const auto ann = pending_record();
  const auto receipt = queue(decided(ann));
  store->commit_in_doubt_next(1);
  wake();
  CAF_CHECK_EQUAL(source->count(receipt, settlement::acknowledge), 0u);
  pass(500ms);
  CAF_CHECK_EQUAL(source->count(receipt, settlement::acknowledge), 1u);
  CAF_CHECK(stored(ann.id).status == record_status::success);
}

CAF_TEST(what the database refuses for its content is parked alone) {
  const auto ann = pending_record("ann");
  const auto bob = pending_record("bob");
  const auto bad = queue(decided(ann));
  const auto good = queue(decided(bob));
  store->reject_transaction(decided(ann).id);
  wake();
  pass(5000ms);
  CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
  CAF_CHECK_EQUAL(header_of(publisher->published.front(), "Ledgerd-Reason"), "ATTEMPTS_EXHAUSTED");
  CAF_CHECK_EQUAL(source->count(bad, settlement::terminate), 1u);
  CAF_CHECK_EQUAL(source->count(good, settlement::acknowledge), 1u);
  CAF_CHECK(stored(bob.id).status == record_status::success);
}

CAF_TEST(a refusal after an outage leaves no pause behind) {
  const auto ann = pending_record("ann");
  queue(decided(ann));
  store->fail_next(1, store_failure_kind::unavailable);
  wake();
  store->fail_next(3, store_failure_kind::rejected);
  pass(5000ms);
  CAF_CHECK_GREATER(source->room, 0u);
  const auto bob = pending_record("bob");
  const auto receipt = queue(decided(bob));
  wake();
  CAF_CHECK_EQUAL(source->count(receipt, settlement::acknowledge), 1u);
}

CAF_TEST(an outage that meets what goes alone leaves no pause behind) {
  for (const auto kind : {store_failure_kind::rejected, store_failure_kind::blocked}) {
    queue(decided(pending_record("ann")));
    store->fail_next(1, kind);
    wake();
    store->fail_next(1, store_failure_kind::unavailable);
    const auto calls = store->calls();
    for (int beats = 0; beats < 20 && store->calls() == calls; ++beats)
      pass(100ms);
    CAF_REQUIRE_EQUAL(store->calls(), calls + 1);
    store->fail_next(2, kind);
    pass(500ms);
    CAF_CHECK_GREATER(source->room, 0u);
    pass(20000ms);
    CAF_CHECK_GREATER(source->room, 0u);
    CAF_CHECK(wait().since == 0ms);
  }
}

CAF_TEST(a wait for a database that refuses says so) {
  queue(decided(pending_record()));
  store->fail_next(1000, store_failure_kind::unavailable, true);
  wake();
  pass(600ms);
  CAF_CHECK(wait().refused && wait().since >= 500ms);
  store->fail_next(1000, store_failure_kind::unavailable);
  pass(5000ms);
  CAF_CHECK(!wait().refused && wait().since >= 5000ms);
  store->fail_next(0, store_failure_kind::unavailable);
  pass(10000ms);
  CAF_CHECK(!wait().refused && wait().since == 0ms);
}

CAF_TEST(a drain hands back what it cannot finish) {
  const auto receipt = queue(decided(pending_record()));
  store->fail_next(1000, store_failure_kind::unavailable);
  wake();
  auto done = std::make_shared<std::optional<drain_summary>>();
  ask(
      subject, [done](const drain_summary& got) { *done = got; }, drain_atom_v, std::int64_t{500});
  consume_messages();
  CAF_CHECK(source->closed);
  pass(800ms);
  CAF_REQUIRE(done->has_value());
  CAF_CHECK_EQUAL((*done)->handed_back, 1u);
  CAF_CHECK_EQUAL(source->count(receipt, settlement::hand_back), 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()
