#include <algorithm>
#include <set>

#include "tests/persistence/postgres_world.hpp"

#define CAF_SUITE postgres_record_store
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using record_world = postgres_record_world;

} // namespace

#include "tests/persistence/record_contract.hpp"

CAF_TEST_FIXTURE_SCOPE(records_in_postgres, record_world)

CAF_TEST(opposite orders of the same keys and verdicts never wait in a circle) {
  // The suite above did both on two threads; here the server is asked whether it had to step in.
  std::vector<new_record> batch;
  for (int i = 0; i < 300; ++i)
    batch.push_back({ask("ann", 1 + i), std::to_string(i * 7919 % 300)});
  auto backwards = batch;
  std::reverse(backwards.begin(), backwards.end());
  const auto ours = store(), theirs = store();
  const auto work = [](record_store& store, std::vector<new_record> batch, int& failures) {
    for (int round = 0; round < 30; ++round) {
      for (auto& each : batch)
        each.idempotency_key += "x";
      const auto made = store.record(batch);
      if (!std::holds_alternative<std::vector<recorded>>(made)) {
        ++failures;
        continue;
      }
      std::vector<record_verdict> verdicts;
      for (const auto& each : std::get<0>(made))
        verdicts.push_back(success(each.record.id, each.record.asked));
      failures += std::holds_alternative<store_failure>(store.settle(verdicts));
    }
  };
  int failures[2] = {0, 0};
  std::thread other([&] { work(*theirs, backwards, failures[1]); });
  work(*ours, batch, failures[0]);
  other.join();
  CAF_CHECK_EQUAL(failures[0] + failures[1], 0);
  CAF_CHECK_EQUAL(content().size(), 9000u);
  CAF_CHECK_EQUAL(sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"),
                  "0\n");
}

CAF_TEST(the audit reads records with their fingerprints page by page) {
  std::vector<new_record> batch;
  for (int i = 0; i < 7; ++i)
    batch.push_back({ask("ann", 1 + i), ""});
  const auto made = done(store()->record(batch));
  const auto reader = make_postgres_record_reader(url);
  CAF_CHECK(reader->exists());
  CAF_CHECK(reader->writable());
  std::vector<record_reader::audited_record> all;
  for (auto last = record_id{};;) {
    const auto page = reader->after(last, 3);
    if (page.empty())
      break;
    all.insert(all.end(), page.begin(), page.end());
    last = page.back().row.id;
  }
  CAF_REQUIRE_EQUAL(all.size(), made.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& asked = all[i].row.asked;
    CAF_CHECK(all[i].row == made[i].record);
    CAF_CHECK_EQUAL(all[i].stored_fingerprint,
                    fingerprint(asked.account, asked.type, asked.amount));
  }
  // A session that ended with its server says nothing.
  sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
      "WHERE datname = current_database() AND pid <> pg_backend_pid()");
  CAF_CHECK_EQUAL(reader->after(record_id{}, 100).size(), 7u);
}

CAF_TEST(a database without the schema has no records) {
  const auto reader = make_postgres_record_reader(postgres().fresh_database());
  CAF_CHECK(!reader->exists());
  CAF_CHECK(throws<std::runtime_error>([&] { reader->after(record_id{}, 1); }));
}

CAF_TEST(no plan reads a whole table however young the table is) {
  const auto seq_scans = "SELECT sum(seq_scan) FROM pg_stat_user_tables "
                         "WHERE relname = 'transaction_records'";
  const auto before = sql(seq_scans);
  {
    const auto store = this->store();
    for (int round = 0; round < 12; ++round) {
      std::vector<new_record> batch;
      for (int k = 0; k < 50; ++k)
        batch.push_back({ask("ann", 1), std::to_string(round * 25 + k)});
      std::vector<record_verdict> verdicts;
      std::vector<record_id> ids;
      for (const auto& each : done(store->record(batch))) {
        verdicts.push_back(success(each.record.id, each.record.asked));
        ids.push_back(each.record.id);
      }
      done(store->claim(0ms, 5));
      verdicts.resize(25);
      done(store->settle(verdicts));
      done(store->find(ids));
    }
  }
  // The session reports its scans when it ends.
  CAF_CHECK(
      becomes("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()", "1"));
  CAF_CHECK(becomes("SELECT bool_and(idx_scan > 0) FROM pg_stat_user_indexes "
                    "WHERE relname = 'transaction_records'",
                    "t"));
  CAF_CHECK_EQUAL(sql(seq_scans), before);
}

CAF_TEST(verdicts are not looked for among the pending) {
  auto store = this->store();
  const auto record_and_settle = [&](int round) {
    std::vector<new_record> batch;
    for (int k = 0; k < 200; ++k)
      batch.push_back({ask("ann", 1), std::to_string(200 * round + k)});
    std::vector<record_verdict> verdicts;
    for (const auto& each : done(store->record(batch)))
      verdicts.push_back(success(each.record.id, each.record.asked));
    done(store->settle(verdicts));
  };
  for (int round = 0; round < 20; ++round)
    record_and_settle(round);
  // Now the planner believes that nothing is ever pending, and so it is most of the time.
  sql("VACUUM ANALYZE account.transaction_records");
  record_and_settle(20);
  store.reset(); // a session reports what it did when it ends
  CAF_CHECK(becomes("SELECT idx_scan > 0 FROM pg_stat_user_indexes "
                    "WHERE indexrelname = 'transaction_records_pkey'",
                    "t"));
  CAF_CHECK_EQUAL(sql("SELECT idx_scan FROM pg_stat_user_indexes "
                      "WHERE indexrelname = 'transaction_records_pending'"),
                  "0\n");
}

CAF_TEST_FIXTURE_SCOPE_END()
