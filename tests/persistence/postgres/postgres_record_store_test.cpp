#include "persistence/schema.hpp"
#include <algorithm>
#include <set>

#include "tests/persistence/postgres/postgres_world.hpp"

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
  // The session of the migrations reports its scans when it ends.
  CAF_REQUIRE(
      becomes("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()", "1"));
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

CAF_TEST(ids begin at a point of their own and leave room above) {
  const auto first = to_int(make_postgres_account_keeper(url)->last_id());
  const auto other = postgres().fresh_database();
  migrate(other, schema::account);
  CAF_CHECK_NOT_EQUAL(to_int(make_postgres_account_keeper(other)->last_id()), first);
  for (const auto id : {first, to_int(make_postgres_account_keeper(other)->last_id())}) {
    CAF_CHECK_GREATER_OR_EQUAL(id, 1'000'000'000'000'000);
    CAF_CHECK_LESS(id, 5'000'000'000'000'000);
  }
}

CAF_TEST(ids that the ledger has decided are not given again) {
  const auto next = to_int(make_postgres_account_keeper(url)->last_id());
  const auto view = std::make_shared<ledger_view>();
  view->hear({record_id{next + 20}, transaction_id{9}});
  const auto store = make_postgres_record_store(url, view);
  const auto made = done(store->record({{ask("ann", 1), "a"}, {ask("bob", 2), ""}}));
  for (const auto& each : made)
    CAF_CHECK_GREATER(to_int(each.record.id), next + 20 + 1'000'000'000 - 1);
  // And no further than once.
  const auto again = done(store->record({{ask("ann", 1), "b"}}));
  CAF_CHECK_LESS(to_int(again.front().record.id), to_int(made[1].record.id) + 10);
}

CAF_TEST(a sequence that went back under a running store is moved up) {
  const auto store = this->store();
  const auto before = to_int(done(store->record({{ask("ann", 1), ""}})).front().record.id);
  sql("SELECT setval('account.transaction_records_id_seq', " + std::to_string(before - 50) + ")");
  CAF_CHECK_GREATER(to_int(done(store->record({{ask("ann", 1), ""}})).front().record.id), before);
}

CAF_TEST(a sequence that went back among the records is moved above all of them at once) {
  std::vector<new_record> batch;
  for (int i = 0; i < 300; ++i)
    batch.push_back({ask("ann", 1 + i), ""});
  const auto last = to_int(done(store()->record(batch)).back().record.id);
  sql("SELECT setval('account.transaction_records_id_seq', min(id)) "
      "FROM account.transaction_records");
  // Neither this one nor the ledger knows of any of them.
  const auto view = std::make_shared<ledger_view>();
  view->hear({});
  const auto store = make_postgres_record_store(url, view);
  const auto first = store->record({{ask("bob", 1), "a"}});
  CAF_REQUIRE(!kind_of(first));
  const auto id = to_int(done(first).front().record.id);
  CAF_CHECK_GREATER(id, last + 1'000'000'000 - 1);
  // And no further than once.
  CAF_CHECK_LESS(to_int(done(store->record({{ask("eve", 1), "b"}})).front().record.id), id + 10);
  CAF_CHECK_EQUAL(content().size(), 302u);
}

CAF_TEST(without word from the ledger the ids begin far above the last) {
  const auto before = to_int(done(store()->record({{ask("ann", 1), ""}})).front().record.id);
  const auto silent = make_postgres_record_store(url, std::make_shared<ledger_view>());
  const auto first = to_int(done(silent->record({{ask("ann", 1), ""}})).front().record.id);
  const auto second = to_int(done(silent->record({{ask("ann", 1), ""}})).front().record.id);
  CAF_CHECK_GREATER(first, before + 9'999'999'999);
  CAF_CHECK_LESS(second, first + 10);
}

CAF_TEST(a verdict that is older than its record is not believed) {
  const auto view = std::make_shared<ledger_view>();
  view->hear({record_id{}, transaction_id{100}});
  const auto store = make_postgres_record_store(url, view);
  struct row {
    std::int64_t transaction;
    std::int64_t seconds; // of the verdict, after the record
    bool believed;
  };
  // Both the ledger's numbers and the clocks must say so: clocks differ, and a ledger that lost its
  // last transactions counts them again.
  for (const auto& [transaction, seconds, believed] : std::vector<row>{
           {100, -60, false}, {1, -1, false}, {101, -60, true}, {100, 60, true}, {101, 60, true}}) {
    const auto record = done(store->record({{ask("ann", 1), ""}})).front().record;
    auto told = success(record.id, ask("ann", 1));
    told.transaction = transaction_id{transaction};
    told.processed_at = database_time{to_int(record.created_at) + seconds * 1'000'000};
    const auto answer = done(store->settle({told})).front();
    CAF_CHECK((answer.record.status == record_status::success) == believed);
    CAF_CHECK(answer.outcome == (believed ? settle_outcome::settled : settle_outcome::conflict));
    if (!believed)
      CAF_CHECK_EQUAL(answer.record.reason, reason_record_id_conflict);
    CAF_CHECK(done(store->settle({told})).front().outcome
              == (believed ? settle_outcome::known : settle_outcome::conflict));
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
