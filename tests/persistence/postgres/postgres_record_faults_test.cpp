#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "tests/persistence/postgres/postgres_world.hpp"
#include "tests/persistence/records.hpp"
#include "tests/support/cut_proxy.hpp"

#define CAF_SUITE postgres_record_faults
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

const auto sleepers = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";

struct record_faults : postgres_record_world {
  // A store behind a proxy, connected by a first record; the record's id.
  record_id connect(record_store& store) {
    return done(store.record({{ask("ann", 1), "first"}})).front().record.id;
  }

  // A trigger on the records that runs `action` when `condition` holds.
  void on_write(const std::string& condition, const std::string& action) {
    sql("CREATE OR REPLACE FUNCTION public.meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF "
        + condition + " THEN " + action
        + "; END IF; RETURN NEW; END $$; CREATE OR REPLACE TRIGGER meddle BEFORE INSERT OR UPDATE "
          "ON account.transaction_records FOR EACH ROW EXECUTE FUNCTION public.meddle()");
  }

  // Until it is done, as the recorder would; counts what went wrong.
  template <class Call>
  auto patiently(Call call, int& failures) {
    for (const auto deadline = clock::now() + 60s; clock::now() < deadline;) {
      auto result = call();
      if (!kind_of(result))
        return done(std::move(result));
      CAF_CHECK(*kind_of(result) != store_failure_kind::rejected);
      ++failures;
      std::this_thread::sleep_for(20ms);
    }
    throw std::runtime_error("the database did not come back within a minute");
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(record_faulty, record_faults)

CAF_TEST(a commit whose answer is lost is in doubt and then known) {
  cut_proxy proxy(port_of(url));
  const auto store = make_postgres_record_store(with_port(url, proxy.port()));
  const auto id = connect(*store);
  const std::vector<new_record> batch{{ask("bob", 2), "second"}};
  proxy.arm("COMMIT", cut_proxy::cut::after_answer);
  CAF_CHECK(kind_of(store->record(batch)) == store_failure_kind::in_doubt);
  CAF_CHECK_EQUAL(content().size(), 2u);
  CAF_CHECK(done(store->record(batch)).front().outcome == record_outcome::repeated);
  proxy.arm("COMMIT", cut_proxy::cut::after_answer);
  CAF_CHECK(kind_of(store->settle({success(id, ask("ann", 1))})) == store_failure_kind::in_doubt);
  const auto again = done(store->settle({success(id, ask("ann", 1))})).front();
  CAF_CHECK(again.outcome == settle_outcome::known);
  CAF_CHECK(again.record.status == record_status::success);
  pass(10s);
  proxy.arm("COMMIT", cut_proxy::cut::after_answer);
  CAF_CHECK(kind_of(store->claim(5s, 10)) == store_failure_kind::in_doubt);
  CAF_CHECK(done(store->claim(5s, 10)).empty());
  CAF_CHECK_EQUAL(proxy.cuts(), 3);
}

CAF_TEST(a commit that never arrives is in doubt and then done) {
  cut_proxy proxy(port_of(url));
  const auto store = make_postgres_record_store(with_port(url, proxy.port()));
  const auto id = connect(*store);
  const std::vector<new_record> batch{{ask("bob", 2), "second"}};
  proxy.arm("COMMIT", cut_proxy::cut::before_forwarding);
  CAF_CHECK(kind_of(store->record(batch)) == store_failure_kind::in_doubt);
  CAF_CHECK_EQUAL(content().size(), 1u);
  CAF_CHECK(done(store->record(batch)).front().outcome == record_outcome::recorded);
  proxy.arm("COMMIT", cut_proxy::cut::before_forwarding);
  CAF_CHECK(kind_of(store->settle({success(id, ask("ann", 1))})) == store_failure_kind::in_doubt);
  CAF_CHECK(done(store->settle({success(id, ask("ann", 1))})).front().outcome
            == settle_outcome::settled);
  CAF_CHECK_EQUAL(proxy.cuts(), 2);
}

CAF_TEST(a connection cut before commit wrote nothing) {
  cut_proxy proxy(port_of(url));
  const auto store = make_postgres_record_store(with_port(url, proxy.port()));
  const auto id = connect(*store);
  const auto before = content();
  proxy.arm("find_keys", cut_proxy::cut::after_answer);
  CAF_CHECK(kind_of(store->record({{ask("bob", 2), "second"}, {ask("ann", 1), "first"}}))
            == store_failure_kind::unavailable);
  CAF_CHECK(content() == before);
  done(store->find({id})); // connects
  proxy.arm("find_records", cut_proxy::cut::after_answer);
  CAF_CHECK_EQUAL(done(store->find({id})).size(), 1u); // asked once more: nothing was answered
  CAF_CHECK_EQUAL(proxy.cuts(), 2);
  CAF_CHECK(content() == before);
}

CAF_TEST(a connection cut before anything was answered is opened again) {
  cut_proxy proxy(port_of(url));
  const auto store = make_postgres_record_store(with_port(url, proxy.port()));
  const auto id = connect(*store);
  proxy.arm("insert_records", cut_proxy::cut::after_answer);
  CAF_CHECK(done(store->record({{ask("bob", 2), "second"}})).front().outcome
            == record_outcome::recorded);
  CAF_CHECK_EQUAL(content().size(), 2u);
  proxy.arm("settle_records", cut_proxy::cut::after_answer);
  CAF_CHECK(done(store->settle({success(id, ask("ann", 1))})).front().outcome
            == settle_outcome::settled);
  proxy.arm("claim_records", cut_proxy::cut::after_answer);
  CAF_CHECK_EQUAL(done(store->claim(0ms, 10)).size(), 1u);
  CAF_CHECK_EQUAL(proxy.cuts(), 3);
}

CAF_TEST(a session that is ended all the time loses and doubles no record) {
  std::atomic<bool> stop{false};
  std::thread killer([&] {
    while (!stop) {
      sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
          "WHERE datname = current_database() AND pid <> pg_backend_pid()");
      std::this_thread::sleep_for(30ms);
    }
  });
  const auto store = this->store();
  int failures = 0;
  std::size_t made = 0;
  const auto end = clock::now() + 3s;
  // On a busy machine they are ended seldom, and a session that works on nothing is not missed.
  while (clock::now() < end || (failures == 0 && clock::now() < end + 30s)) {
    std::vector<new_record> batch;
    for (int k = 0; k < 10; ++k)
      batch.push_back({ask("ann", 1), std::to_string(++made)});
    std::vector<record_verdict> verdicts;
    for (const auto& each : patiently([&] { return store->record(batch); }, failures))
      verdicts.push_back(success(each.record.id, each.record.asked));
    for (const auto& each : patiently([&] { return store->settle(verdicts); }, failures))
      CAF_CHECK(each.record.status == record_status::success);
  }
  stop = true;
  killer.join();
  CAF_MESSAGE(made << " records, " << failures << " failures");
  CAF_CHECK(failures > 0);
  const auto now = content();
  CAF_CHECK_EQUAL(now.size(), made);
  CAF_CHECK(std::all_of(now.begin(), now.end(), [](const auto& each) {
    return each.second.status == record_status::success;
  }));
}

CAF_TEST(a server that is away is unavailable and no secret is told) {
  const auto away = make_postgres_record_store("postgresql://ann:hidden@127.0.0.1:1/d");
  const auto result = away->record({{ask("ann", 1), ""}});
  CAF_CHECK(kind_of(result) == store_failure_kind::unavailable);
  CAF_CHECK(std::get<store_failure>(result).detail.find("hidden") == std::string::npos);
}

CAF_TEST(a database without the schema is unavailable) {
  const auto store = make_postgres_record_store(postgres().fresh_database());
  CAF_CHECK(kind_of(store->record({{ask("ann", 1), ""}})) == store_failure_kind::unavailable);
  CAF_CHECK(kind_of(store->find({record_id{1}})) == store_failure_kind::unavailable);
}

CAF_TEST(a key that another session holds uncommitted is waited for) {
  const auto store = this->store();
  connect(*store);
  auto holder = std::async(std::launch::async, [&] {
    sql("BEGIN; INSERT INTO account.transaction_records (user_id, currency, type, amount, "
        "idempotency_key, fingerprint) VALUES ('bob', 'KRW', 'DEPOSIT', 2, 'held', 0); "
        "SELECT pg_sleep(1); COMMIT");
  });
  CAF_REQUIRE(becomes(sleepers, "1"));
  const auto answer = done(store->record({{ask("bob", 2), "held"}})).front();
  holder.get();
  CAF_CHECK(answer.outcome == record_outcome::repeated);
  CAF_CHECK(content().at(answer.record.id) == answer.record);
}

CAF_TEST(a record that is too large for a limit of the server is no refusal) {
  const auto store = this->store();
  connect(*store);
  on_write("NEW.user_id = 'bob'", "RAISE EXCEPTION 'too large' USING ERRCODE = '54000'");
  CAF_CHECK(kind_of(store->record({{ask("bob", 1), ""}})) == store_failure_kind::blocked);
  CAF_CHECK_EQUAL(done(store->record({{ask("cid", 2), ""}})).size(), 1u);
}

CAF_TEST(a record that a trigger leaves out or changes is a refusal) {
  const auto store = this->store();
  connect(*store);
  for (const auto action : {"RETURN NULL", "NEW.idempotency_key := 'other'"}) {
    on_write("NEW.user_id = 'bob'", action);
    // The record behind it is not taken for it.
    for (const auto& batch : {std::vector<new_record>{{ask("bob", 1), ""}, {ask("cid", 2), ""}},
                              std::vector<new_record>{{ask("ann", 3), ""}, {ask("bob", 4), ""}}})
      CAF_CHECK(kind_of(store->record(batch)) == store_failure_kind::rejected);
    CAF_CHECK_EQUAL(content().size(), 1u);
  }
  CAF_CHECK(kind_of(store->record({{ask("bob", 5), "key"}})) == store_failure_kind::rejected);
  CAF_CHECK_EQUAL(done(store->record({{ask("ann", 6), ""}, {ask("cid", 7), "key"}})).size(), 2u);
}

CAF_TEST(a record that cannot be written must wait and no other) {
  const auto store = this->store();
  const auto id = connect(*store);
  on_write("true", "RETURN NULL");
  CAF_CHECK(kind_of(store->record({{ask("bob", 1), "key"}})) == store_failure_kind::blocked);
  CAF_CHECK(kind_of(store->settle({success(id, ask("ann", 1))})) == store_failure_kind::blocked);
  sql("DROP TRIGGER meddle ON account.transaction_records; "
      "ALTER TABLE account.transaction_records ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL "
      "SECURITY; CREATE POLICY all_but_bob ON account.transaction_records USING (true) "
      "WITH CHECK (user_id <> 'bob')");
  CAF_CHECK(kind_of(store->record({{ask("bob", 1), "key"}})) == store_failure_kind::blocked);
  done(store->record({{ask("ann", 1), "key"}}));
  sql("REVOKE INSERT ON account.transaction_records FROM ledgerd");
  CAF_CHECK(kind_of(store->record({{ask("ann", 2), ""}})) == store_failure_kind::unavailable);
}

CAF_TEST(a record with an unknown word must wait and no other) {
  const auto store = this->store();
  const auto id = connect(*store);
  const auto other = done(store->record({{ask("bob", 1), "second"}})).front().record.id;
  sql("ALTER TABLE account.transaction_records DISABLE TRIGGER ALL, "
      "DROP CONSTRAINT transaction_records_type_check, "
      "DROP CONSTRAINT transaction_records_currency_check, "
      "DROP CONSTRAINT transaction_records_verdict_check");
  const std::pair<const char*, const char*> table[] = {
      {"type = 'GIFT'", "its type is the unknown word 'GIFT'"},
      {"currency = 'won'", "its currency is the unknown word 'won'"},
      {"status = 'DONE'", "its status is the unknown word 'DONE'"},
  };
  const auto named = "the row of record " + std::to_string(to_int(id))
                     + " in account.transaction_records cannot be read: ";
  const auto waits = [&](const auto& result, const char* word) {
    CAF_REQUIRE(kind_of(result) == store_failure_kind::blocked);
    CAF_CHECK_EQUAL(std::get<store_failure>(result).detail, named + word);
  };
  for (const auto& [change, word] : table) {
    sql("UPDATE account.transaction_records SET " + std::string(change) + " WHERE user_id = 'ann'");
    waits(store->find({id, other}), word);
    if (change != table[2].first) // a verdict takes the place of any status
      waits(store->settle({success(id, ask("ann", 1)), success(other, ask("bob", 1))}), word);
    waits(store->record({{ask("ann", 1), "first"}}), word);
    CAF_CHECK_EQUAL(done(store->find({other})).size(), 1u);
    const auto reader = make_postgres_record_reader(url);
    CAF_CHECK(throws<std::runtime_error>([&] { reader->after(record_id{}, 9); }));
    sql("UPDATE account.transaction_records SET type = 'DEPOSIT', currency = 'KRW', "
        "status = 'PENDING' WHERE user_id = 'ann'");
  }
  sql("UPDATE account.transaction_records SET type = 'GIFT' WHERE user_id = 'ann'");
  const auto claimed = done(store->claim(0ms, 9));
  CAF_REQUIRE_EQUAL(claimed.size(), 1u);
  CAF_CHECK(claimed.front().id == other);
  pass(2h);
  waits(store->claim(0ms, 1), table[0].second);
}

CAF_TEST(a record that another session settles meanwhile is known) {
  const auto store = this->store();
  const auto id = connect(*store);
  auto holder = std::async(std::launch::async, [&] {
    sql("BEGIN; UPDATE account.transaction_records SET status = 'SUCCESS', transaction_id = 9, "
        "balance_after = 1; SELECT pg_sleep(1); COMMIT");
  });
  CAF_REQUIRE(becomes(sleepers, "1"));
  // The last one of them begins while the record is held and goes on when it is not any more.
  int failures = 0;
  const auto answer =
      patiently([&] { return store->settle({failure(id, ask("ann", 1))}); }, failures).front();
  holder.get();
  CAF_CHECK(answer.outcome == settle_outcome::contrary);
  CAF_CHECK(answer.record.status == record_status::success);
  CAF_CHECK(answer.record.transaction == transaction_id{9});
}

CAF_TEST(records that others hold are named and neither waited for nor claimed) {
  const auto store = this->store();
  connect(*store);
  std::vector<record_verdict> batch;
  for (int i = 0; i < 6; ++i)
    batch.push_back(
        success(done(store->record({{ask("bob", 1), ""}})).front().record.id, ask("bob", 1)));
  batch.push_back(batch[1]);                             // a record may stand in it twice
  batch.push_back(success(record_id{5}, ask("bob", 1))); // and another not exist
  const auto held =
      std::to_string(to_int(batch[1].id)) + ", " + std::to_string(to_int(batch[4].id));
  auto holder = std::async(std::launch::async, [&] {
    sql("BEGIN; SELECT FROM account.transaction_records WHERE id IN (" + held
        + ") FOR UPDATE; SELECT pg_sleep(6); COMMIT");
  });
  CAF_REQUIRE(becomes(sleepers, "1"));
  const auto locked = std::get<store_failure>(store->settle(batch));
  CAF_CHECK(locked.kind == store_failure_kind::blocked);
  CAF_CHECK(locked.culprits == (std::vector<std::size_t>{1, 4, 6}));
  const auto claimed = done(this->store()->claim(0ms, 10));
  CAF_CHECK_EQUAL(claimed.size(), 5u); // with ann's
  CAF_CHECK(done(store->settle({batch[0], batch[2], batch[3], batch[5]}))[3].outcome
            == settle_outcome::settled);
  CAF_CHECK(holder.wait_for(0ms) == std::future_status::timeout);
  holder.get();
  CAF_CHECK(
      outcomes(done(store->settle({batch[1], batch[4], batch[0]})))
      == (std::vector{settle_outcome::settled, settle_outcome::settled, settle_outcome::known}));
}

CAF_TEST(a locked table is no fault of a record) {
  const auto store = this->store();
  const auto id = connect(*store);
  auto holder = std::async(std::launch::async, [&] {
    sql("BEGIN; LOCK TABLE account.transaction_records; SELECT pg_sleep(6); COMMIT");
  });
  CAF_REQUIRE(becomes(sleepers, "1"));
  CAF_CHECK(kind_of(store->settle({success(id, ask("ann", 1))}))
            == store_failure_kind::unavailable);
  CAF_CHECK(holder.wait_for(0ms) == std::future_status::timeout);
  holder.get();
  CAF_CHECK(done(store->settle({success(id, ask("ann", 1))})).front().outcome
            == settle_outcome::settled);
}

// As CREATE INDEX locks it: rows may be read and locked, and not be written.
CAF_TEST(a table that takes no rows is no fault of a record) {
  const auto store = this->store();
  const auto id = connect(*store);
  const auto other = done(store->record({{ask("bob", 1), ""}})).front().record.id;
  auto holder = std::async(std::launch::async, [&] {
    sql("BEGIN; LOCK TABLE account.transaction_records IN SHARE MODE; SELECT pg_sleep(12); COMMIT");
  });
  CAF_REQUIRE(becomes(sleepers, "1"));
  const std::vector<record_verdict> verdicts{success(id, ask("ann", 1)),
                                             success(other, ask("bob", 1))};
  const auto locked = [](const auto& result) {
    CAF_REQUIRE(kind_of(result));
    const auto& failure = std::get<store_failure>(result);
    CAF_MESSAGE(failure.detail);
    CAF_CHECK(failure.kind == store_failure_kind::unavailable);
    CAF_CHECK(failure.refused);
    CAF_CHECK(failure.culprits.empty());
    return failure.detail.find("; the table is locked by the session ") != std::string::npos;
  };
  for (int i = 0; i < 2; ++i)
    CAF_CHECK(locked(store->settle(verdicts)));
  CAF_CHECK(locked(store->record({{ask("cid", 1), ""}, {ask("dan", 1), ""}})));
  CAF_CHECK_EQUAL(done(store->find({id, other})).size(), 2u);
  CAF_CHECK(!locked(this->store()->settle(verdicts))); // it cannot even prepare its statements
  CAF_CHECK(holder.wait_for(0ms) == std::future_status::timeout);
  holder.get();
  CAF_CHECK(outcomes(done(store->settle(verdicts)))
            == (std::vector{settle_outcome::settled, settle_outcome::settled}));
}

CAF_TEST_FIXTURE_SCOPE_END()
