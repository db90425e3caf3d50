// Results that the database does not take, and what waits beside the others for it.
#define CAF_SUITE reconciler

#include "tests/actors/submissions/reconciler_fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct aside_fixture : reconciler_fixture {
  // Results of so many records that somebody else holds from now on, each of a sixteenth of the
  // bytes.
  std::vector<std::string> queue_large_locked(int count) {
    std::vector<std::string> receipts;
    std::vector<record_id> ids;
    for (int i = 0; i < count; ++i) {
      const auto record = pending_record("locked" + std::to_string(i));
      ids.push_back(record.id);
      receipts.push_back(queue(decided(record)));
      source->arriving.back().headers = {{"Large", std::string(usual::credit.bytes / 16, 'x')}};
    }
    store->lock_records(ids);
    return receipts;
  }

  // Results of so many records that somebody else holds from now on.
  void lock_small(int count) {
    std::vector<record_id> ids;
    for (int i = 0; i < count; ++i) {
      const auto record = pending_record("locked" + std::to_string(i));
      ids.push_back(record.id);
      queue(decided(record));
    }
    store->lock_records(ids);
  }

  std::int64_t aside() { return number(subject, "aside"); }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(reconciler_aside_tests, aside_fixture)

CAF_TEST(locked records wait beside the others from the first answer on) {
  std::vector<std::string> free, held;
  std::vector<record_id> ids;
  for (int i = 0; i < 60; ++i) {
    const auto record = pending_record(std::to_string(i));
    if (i % 3 == 0)
      ids.push_back(record.id);
    (i % 3 == 0 ? held : free).push_back(queue(decided(record)));
  }
  store->lock_records(ids);
  wake();
  CAF_CHECK_EQUAL(store->calls(), 2); // all, and those that are free
  for (const auto& each : free)
    CAF_CHECK_EQUAL(source->count(each, settlement::acknowledge), 1u);
  CAF_CHECK_EQUAL(number(subject, "aside"), static_cast<std::int64_t>(held.size()));
  pass(5000ms);
  CAF_CHECK(publisher->published.empty());
  store->lock_records({});
  pass(8000ms);
  for (const auto& each : held)
    CAF_CHECK_EQUAL(source->count(each, settlement::acknowledge), 1u);
}

CAF_TEST(each answer of a slow search for who is stuck is progress) {
  const auto locked = decided(pending_record("locked"));
  store->block_instead();
  store->reject_transaction(locked.id);
  auto longest = 0ms;
  store->before_settlements([&] {
    advance_time(2000ms);
    ask(
        subject, [&](const actor_report& got) { longest = std::max(longest, got.wait.since); },
        report_atom_v);
  });
  queue(locked);
  std::vector<std::string> others;
  for (int i = 0; i < 15; ++i)
    others.push_back(queue(decided(pending_record(std::to_string(i)))));
  wake();
  CAF_CHECK(longest >= 2000ms && longest < 3000ms);
  for (const auto& each : others)
    CAF_CHECK_EQUAL(source->count(each, settlement::acknowledge), 1u);
}

CAF_TEST(what is stuck holds a quarter of the credit at most) {
  std::vector<std::string> held;
  std::vector<record_id> ids;
  const auto most = usual::credit.messages / 4;
  for (std::size_t i = 0; i < most + 10; ++i) {
    const auto record = pending_record(std::to_string(i));
    ids.push_back(record.id);
    held.push_back(queue(decided(record)));
  }
  store->lock_records(ids);
  wake();
  CAF_CHECK_EQUAL(number(subject, "aside"), static_cast<std::int64_t>(most));
  std::size_t postponed = 0;
  for (const auto& each : held)
    postponed += source->count(each, settlement::postpone);
  CAF_CHECK_EQUAL(postponed, 10u);
  CAF_CHECK_GREATER(source->room, 0u);
}

CAF_TEST(what is stuck holds a quarter of the bytes at most) {
  for (int round = 0; round < 3; ++round) {
    const auto receipts = queue_large_locked(6);
    wake();
    CAF_CHECK_EQUAL(aside(), 4);
    for (std::size_t i = 0; i < receipts.size(); ++i)
      CAF_CHECK_EQUAL(source->count(receipts[i], settlement::postpone), i < 4 ? 0u : 1u);
    store->lock_records({});
    pass(2000ms); // what was set aside has room again once it is applied
    CAF_CHECK_EQUAL(aside(), 0);
  }
}

CAF_TEST(a refused result is parked after its attempts though others hold what is kept aside) {
  queue_large_locked(4);
  wake();
  const auto bad = decided(pending_record("bad"));
  store->reject_transaction(bad.id);
  const auto receipt = queue(bad);
  wake();
  pass(8000ms);
  CAF_CHECK_EQUAL(source->count(receipt, settlement::postpone), 0u);
  CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
  CAF_CHECK_EQUAL(header_of(publisher->published.front(), "Ledgerd-Reason"), "ATTEMPTS_EXHAUSTED");
  CAF_CHECK_EQUAL(aside(), 4);
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

CAF_TEST(one locked result holds up the others once and not at each of its tries) {
  const auto locked = decided(pending_record("locked"));
  store->block_instead();
  store->reject_transaction(locked.id);
  const auto receipt = queue(locked);
  wake();
  std::vector<std::string> others;
  const auto queue_others = [&] {
    for (int i = 0; i < 100; ++i)
      others.push_back(queue(decided(pending_record(std::to_string(i)))));
  };
  queue_others();
  wake();
  advance_time(1000ms);
  queue_others(); // and its next try is due
  const auto calls = store->calls();
  consume_messages();
  pass(500ms);
  for (const auto& each : others)
    CAF_CHECK_EQUAL(source->count(each, settlement::acknowledge), 1u);
  CAF_CHECK_LESS(store->calls() - calls, 6); // it alone, and batches that begin with 64
  CAF_CHECK_EQUAL(source->count(receipt, settlement::acknowledge), 0u);
  store->reject_transaction(transaction_id{1});
  pass(2100ms);
  CAF_CHECK_EQUAL(source->count(receipt, settlement::acknowledge), 1u);
}

CAF_TEST(what is locked is tried again together) {
  std::vector<std::string> receipts;
  std::vector<record_id> ids;
  for (std::size_t i = 0; i < usual::batch_max; ++i) {
    const auto record = pending_record(std::to_string(i));
    ids.push_back(record.id);
    receipts.push_back(queue(decided(record)));
  }
  store->lock_records(ids);
  wake();
  ids.pop_back(); // it is free now
  store->lock_records(ids);
  const auto calls = store->calls();
  pass(1100ms);
  CAF_CHECK_EQUAL(source->count(receipts.back(), settlement::acknowledge), 1u);
  CAF_CHECK_EQUAL(store->calls() - calls, 2); // all, and the one that is free
  CAF_CHECK_EQUAL(aside(), static_cast<std::int64_t>(ids.size()));
}

CAF_TEST(what is set aside together and fails without a name goes alone) {
  std::vector<std::string> receipts;
  std::vector<record_id> ids;
  std::vector<posting> rows;
  for (int i = 0; i < 8; ++i) {
    const auto record = pending_record(std::to_string(i));
    ids.push_back(record.id);
    rows.push_back(decided(record));
    receipts.push_back(queue(rows.back()));
  }
  store->lock_records(ids);
  wake();
  CAF_CHECK_EQUAL(aside(), 8);
  store->lock_records({});
  store->reject_transaction(rows[3].id);
  const auto calls = store->calls();
  pass(1100ms);
  for (std::size_t i = 0; i < receipts.size(); ++i)
    CAF_CHECK_EQUAL(source->count(receipts[i], settlement::acknowledge), i == 3 ? 0u : 1u);
  CAF_CHECK_EQUAL(store->calls() - calls, 9);
  pass(8000ms);
  CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
  CAF_CHECK_EQUAL(header_of(publisher->published.front(), "Ledgerd-Reason"), "ATTEMPTS_EXHAUSTED");
}

CAF_TEST(one that is stuck without a name holds up none that are locked) {
  lock_small(8);
  const auto odd = decided(pending_record("odd"));
  store->block_instead();
  store->reject_transaction(odd.id);
  queue(odd);
  wake();
  CAF_CHECK_EQUAL(aside(), 9);
  const auto queue_others = [&](std::int64_t first) {
    for (int i = 0; i < 50; ++i)
      queue(decided(pending_record("free" + std::to_string(first + i))));
  };
  queue_others(0);
  wake(); // so that they go as one batch from now on
  for (const auto pause : {1000ms, 2000ms}) {
    queue_others(pause.count());
    const auto calls = store->calls();
    advance_time(pause);
    consume_messages();
    CAF_CHECK_EQUAL(store->calls() - calls, 3); // those that are locked, the odd one, the others
    CAF_CHECK_EQUAL(aside(), 9);
  }
  store->lock_records({});
  pass(4000ms);
  CAF_CHECK_EQUAL(aside(), 1);
}

CAF_TEST(who turns out to be locked goes together with its like again) {
  lock_small(8);
  wake();
  auto calls = store->calls();
  store->fail_next(1, store_failure_kind::blocked);
  pass(1100ms);
  CAF_CHECK_EQUAL(store->calls() - calls, 9); // all, of whom none is named, and one by one
  calls = store->calls();
  pass(2000ms);
  CAF_CHECK_EQUAL(store->calls() - calls, 1);
  CAF_CHECK_EQUAL(aside(), 8);
}

CAF_TEST(a result that was locked for long follows soon when the lock has gone) {
  lock_small(8);
  wake();
  pass(120s);
  const auto calls = store->calls();
  pass(60s);
  CAF_CHECK_LESS(8, store->calls() - calls);
  CAF_CHECK_LESS(store->calls() - calls, 20); // each try costs the others a little
  CAF_CHECK_EQUAL(aside(), 8);
  store->lock_records({});
  pass(6s);
  CAF_CHECK_EQUAL(aside(), 0);
}

CAF_TEST(results that are locked whichever account they are for show and none is parked) {
  for (int i = 0; i < 20; ++i)
    queue(decided(pending_record(std::to_string(i))));
  for (const auto kind : {store_failure_kind::rejected, store_failure_kind::blocked}) {
    store->fail_next(1000000, kind);
    wake();
    pass(12000ms);
    CAF_CHECK(wait().since >= 10000ms);
    CAF_CHECK(wait().aside);
    CAF_CHECK(wait().what.starts_with("no result is applied, whichever account it is for"));
  }
  CAF_CHECK(publisher->published.empty());
  store->fail_next(0, store_failure_kind::rejected);
  pass(60000ms);
  CAF_CHECK(wait().since == 0ms);
  CAF_CHECK_EQUAL(number(subject, "settled_total"), 20);
}

CAF_TEST_FIXTURE_SCOPE_END()
