#define CAF_SUITE reconciler

#include "actors/reconciler.hpp"

#include "tests/actors/account_fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

struct reconciler_fixture : account_fixture {
  std::shared_ptr<fake_source> source = std::make_shared<fake_source>();
  std::shared_ptr<std::vector<transaction_record>> told =
      std::make_shared<std::vector<transaction_record>>();
  reconciler_actor subject;
  std::uint64_t last_seq = 0;

  reconciler_fixture() {
    reconciler_options options;
    options.instance = "account-result-consumer/0";
    options.node_name = "n1";
    options.source = source;
    options.dead_letters = publisher;
    options.currencies = currencies;
    options.recorder = spawn_recorder();
    options.intake = spawn_fake_intake(told);
    options.lease = 3000ms;
    options.turn_pause = 0ms;
    subject = started_actor(sys.spawn(reconciler, options));
    consume_messages();
  }

  std::string queue(std::string payload) {
    auto next = make_delivery("transaction.result.deposit", std::move(payload), ++last_seq);
    next.stream = "TRANSACTION_RESULTS";
    source->arriving.push_back(next);
    return next.receipt;
  }

  std::string queue(const posting& row) { return queue(encode_result(row, 0)); }

  void wake() {
    source->wake();
    consume_messages();
  }
};

} // namespace

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

CAF_TEST(a result without a record is parked and then terminated) {
  publisher->confirm_at_once = false;
  auto row = decided(pending_record());
  row.record = record_id{42};
  const auto receipt = queue(row);
  wake();
  CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
  const auto letter = publisher->published.front();
  CAF_CHECK_EQUAL(letter.subject, "transaction.dead.deposit");
  CAF_CHECK_EQUAL(header_of(letter, "Ledgerd-Reason"), "UNKNOWN_RECORD");
  CAF_CHECK_EQUAL(letter.message_id, "dead-TRANSACTION_RESULTS-1");
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
  pass(3000ms);
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

CAF_TEST(one refused result of many holds up none of the others) {
  std::vector<std::string> receipts;
  auto bad = decided(pending_record("bad"));
  bad.id = transaction_id{1};
  for (int i = 0; i < 100; ++i)
    receipts.push_back(queue(decided(pending_record(std::to_string(i)))));
  publisher->confirm_at_once = false;
  store->reject_transaction(bad.id);
  const auto refused = queue(bad);
  for (int i = 100; i < 200; ++i)
    receipts.push_back(queue(decided(pending_record(std::to_string(i)))));
  wake();
  for (const auto& each : receipts)
    CAF_CHECK_EQUAL(source->count(each, settlement::acknowledge), 1u);
  CAF_CHECK(publisher->published.empty());
  CAF_CHECK_LESS(store->calls(), 40);
  pass(3000ms);
  CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
  CAF_CHECK_EQUAL(header_of(publisher->published.front(), "Ledgerd-Reason"), "ATTEMPTS_EXHAUSTED");
  CAF_CHECK_EQUAL(source->count(refused, settlement::terminate), 0u);
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
