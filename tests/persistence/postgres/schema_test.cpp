#include "persistence/schema.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "persistence/database_error.hpp"
#include "persistence/database_watch.hpp"
#include "persistence/postgres/database.hpp"
#include "tests/persistence/batches.hpp"
#include "tests/persistence/postgres/postgres_world.hpp"

#define CAF_SUITE schema
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

// A database without our schema.
struct empty_world {
  std::string url = postgres().fresh_database();

  std::string sql(const std::string& statements) { return postgres().sql(url, statements); }
};

std::string complaint_of_migrate(const std::string& url) {
  try {
    migrate(url);
    return {};
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Whether exactly one sentence was said, and it holds `part`.
bool says(const std::vector<std::string>& sentences, const std::string& part) {
  for (const auto& sentence : sentences)
    CAF_MESSAGE(sentence);
  return sentences.size() == 1 && has(sentences.front(), part);
}

bool refuses(postgres_world& world, const std::string& statement) {
  try {
    world.sql(statement);
    return false;
  } catch (const std::runtime_error&) {
    return true;
  }
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(without_schema, empty_world)

CAF_TEST(migrations are applied once) {
  CAF_CHECK(read_schema(url).version == 0);
  CAF_CHECK(migrate(url) == std::vector<std::string>{"0001_ledger", "0002_keep_currencies"});
  CAF_CHECK(migrate(url).empty());
  const auto state = read_schema(url);
  CAF_CHECK_EQUAL(state.version, 2);
  CAF_CHECK_EQUAL(state.known, 2);
}

CAF_TEST(processes that migrate at once do it once) {
  std::vector<std::vector<std::string>> applied(8);
  std::vector<std::string> complaints(applied.size());
  std::vector<std::thread> processes;
  for (std::size_t i = 0; i < applied.size(); ++i)
    processes.emplace_back([&, i] {
      try {
        applied[i] = migrate(url);
      } catch (const std::exception& error) {
        complaints[i] = error.what();
      }
    });
  for (auto& process : processes)
    process.join();
  CAF_CHECK(std::all_of(complaints.begin(), complaints.end(),
                        [](const auto& text) { return text.empty(); }));
  // Whoever comes to a step first takes it.
  std::vector<std::string> steps;
  for (const auto& each : applied)
    steps.insert(steps.end(), each.begin(), each.end());
  std::sort(steps.begin(), steps.end());
  CAF_CHECK(steps == (std::vector<std::string>{"0001_ledger", "0002_keep_currencies"}));
}

// A dump holds its tables until its end, and what waits for a table holds up whoever comes later.
CAF_TEST(a migration lets others through while a table that it needs is in use) {
  using clock = std::chrono::steady_clock;
  using namespace std::chrono_literals;
  migrate(url, schema::account);
  sql("ALTER TABLE account.transaction_records DROP COLUMN traceparent;"
      "DELETE FROM account.schema_migrations WHERE version = 4");
  database dump(with_parameter(url, "options=-cidle_in_transaction_session_timeout%3D0"));
  dump.run("BEGIN");
  dump.run("SELECT count(*) FROM account.transaction_records");
  try {
    migrate(url, schema::account, 0ms);
    CAF_FAIL("accepted");
  } catch (const database_error& error) {
    CAF_MESSAGE(error.what());
    CAF_CHECK(has(error.what(), "migration 0004_traceparent needs tables that another session has "
                                "in use"));
    CAF_CHECK(error.fault() == database_fault::blocked);
  }
  std::vector<std::string> told, applied;
  set_database_listener([&](const std::string& sentence) { told.push_back(sentence); });
  std::thread process([&] { applied = migrate(url, schema::account); });
  auto longest = clock::duration::zero();
  for (const auto end = clock::now() + 3s; clock::now() < end;) {
    const auto begun = clock::now();
    sql("INSERT INTO account.transaction_records (user_id, type, amount, currency, status, "
        "fingerprint) VALUES ('ann', 'DEPOSIT', 1, 'EUR', 'PENDING', 1)");
    longest = std::max(longest, clock::now() - begun);
  }
  dump.rollback();
  process.join();
  set_database_listener({});
  CAF_CHECK(longest < 5s); // the migration waits one second at a time; psql has to start
  CAF_CHECK(applied == std::vector<std::string>{"0004_traceparent"});
  CAF_REQUIRE(!told.empty());
  CAF_CHECK(has(told.front(), "in use") && has(told.front(), "; trying again"));
}

CAF_TEST(a newer database is refused) {
  migrate(url);
  sql("INSERT INTO ledger.schema_migrations VALUES (3, '0003_future', 'x')");
  CAF_CHECK(has(complaint_of_migrate(url), "newer"));
  CAF_CHECK_EQUAL(read_schema(url).version, 3);
  CAF_CHECK(says(check_database(url), "newer"));
}

CAF_TEST(an applied migration with other content is refused) {
  migrate(url);
  sql("UPDATE ledger.schema_migrations SET checksum = 'x'");
  CAF_CHECK(has(complaint_of_migrate(url), "other content"));
  CAF_CHECK(says(check_database(url), "other content"));
}

CAF_TEST(a migration is applied whole or not at all) {
  // The last table of the migration is there already.
  sql("CREATE SCHEMA ledger AUTHORIZATION ledgerd; SET ROLE ledgerd;"
      "CREATE TABLE ledger.transactions (id int)");
  CAF_CHECK(has(complaint_of_migrate(url), "already exists"));
  CAF_CHECK(sql("SELECT to_regclass('ledger.accounts') IS NULL") == "t\n");
  CAF_CHECK(read_schema(url).version == 0);
  sql("DROP TABLE ledger.transactions");
  CAF_CHECK_EQUAL(migrate(url).size(), 2u);
}

CAF_TEST(the owner of the schema need not own the database) {
  sql("CREATE SCHEMA ledger AUTHORIZATION ledgerd");
  sql("REASSIGN OWNED BY ledgerd TO postgres");
  sql("ALTER SCHEMA ledger OWNER TO ledgerd");
  CAF_CHECK_EQUAL(complaint_of_migrate(url), "");
}

CAF_TEST(a database without the schema is named) {
  CAF_CHECK(says(check_database(url), "no ledger schema"));
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST_FIXTURE_SCOPE(with_schema, postgres_world)

CAF_TEST(a database in order has no findings) {
  for (const auto& sentence : check_database(url))
    CAF_ERROR(sentence);
}

CAF_TEST(each unsafe setting is named) {
  CAF_CHECK(says(check_database(with_parameter(url, "options=-csynchronous_commit%3Doff")),
                 "synchronous_commit"));
  CAF_CHECK(
      says(check_database(with_parameter(url, "options=-cdefault_transaction_read_only%3Don")),
           "read-only"));
}

CAF_TEST(commits that do not wait for the standby that there is are named) {
  const auto warned = [&](const char* setting) {
    const auto at = with_parameter(url, "options=-csynchronous_commit%3D" + std::string(setting));
    return says(database_warnings(at), "a commit waits for no standby")
           && says(server_warnings(at), "a commit waits for no standby");
  };
  const auto quiet = [&](const char* setting) {
    const auto at = with_parameter(url, "options=-csynchronous_commit%3D" + std::string(setting));
    return !says(database_warnings(at), "standby") && !says(server_warnings(at), "standby");
  };
  const auto set_standby = [&](const std::string& name) {
    sql("ALTER SYSTEM SET synchronous_standby_names = '" + name + "'");
    sql("SELECT pg_reload_conf()");
    for (int i = 0; i < 200 && sql("SHOW synchronous_standby_names") != name + "\n"; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  CAF_CHECK(quiet("local"));
  set_standby("nobody");
  CAF_CHECK(warned("local"));
  CAF_CHECK(quiet("on"));
  set_standby("");
}

CAF_TEST(an older schema is named) {
  sql("DELETE FROM ledger.schema_migrations");
  CAF_CHECK(says(check_database(url), "run the migrations"));
}

CAF_TEST(a missing privilege is named) {
  sql("REVOKE INSERT ON ledger.transactions FROM ledgerd");
  CAF_CHECK(says(check_database(url), "INSERT on ledger.transactions"));
  sql("GRANT INSERT ON ledger.transactions TO ledgerd; REVOKE UPDATE ON ledger.accounts FROM "
      "ledgerd");
  CAF_CHECK(says(check_database(url), "UPDATE on ledger.accounts"));
  sql("ALTER SCHEMA ledger OWNER TO postgres");
  CAF_CHECK(has(check_database(url).front(), "USAGE on schema ledger"));
}

CAF_TEST(a database that is away is no finding but a failure) {
  CAF_CHECK(
      throws<std::runtime_error>([] { check_database("postgresql://u:hidden@127.0.0.1:1/d"); }));
}

CAF_TEST(movements are append - only) {
  posted_of(store()->post(group(won("ann"), {}, {deposit(1, 100)})));
  CAF_CHECK(refuses(*this, "UPDATE ledger.transactions SET amount = 1"));
  CAF_CHECK(refuses(*this, "DELETE FROM ledger.transactions"));
  CAF_CHECK(refuses(*this, "TRUNCATE ledger.transactions"));
  CAF_CHECK(refuses(*this, "TRUNCATE ledger.transactions, ledger.accounts"));
  CAF_CHECK(content().postings.size() == 1);
}

CAF_TEST(the tables refuse what cannot be) {
  const auto movement = [this](const std::string& values) {
    return refuses(*this,
                   "INSERT INTO ledger.transactions (record_id, user_id, currency, seq, type, "
                   "amount, status, reason, balance_after, fingerprint) VALUES ("
                       + values + ")");
  };
  CAF_CHECK(!movement("1, 'a', 'KRW', 1, 'DEPOSIT', 1, 'SUCCESS', NULL, 1, 0"));
  CAF_CHECK(movement("1, 'a', 'KRW', 2, 'DEPOSIT', 1, 'SUCCESS', NULL, 1, 0"));
  CAF_CHECK(movement("2, 'a', 'KRW', 1, 'DEPOSIT', 1, 'SUCCESS', NULL, 1, 0"));
  CAF_CHECK(movement("0, 'a', 'KRW', 3, 'DEPOSIT', 1, 'SUCCESS', NULL, 1, 0"));
  CAF_CHECK(movement("4, '', 'KRW', 3, 'DEPOSIT', 1, 'SUCCESS', NULL, 1, 0"));
  CAF_CHECK(movement("4, repeat('x', 129), 'KRW', 3, 'DEPOSIT', 1, 'SUCCESS', NULL, 1, 0"));
  CAF_CHECK(movement("4, 'a', 'KRW', 0, 'DEPOSIT', 1, 'SUCCESS', NULL, 1, 0"));
  CAF_CHECK(movement("4, 'a', 'KRW', 3, 'GIFT', 1, 'SUCCESS', NULL, 1, 0"));
  CAF_CHECK(movement("4, 'a', 'KRW', 3, 'DEPOSIT', 0, 'SUCCESS', NULL, 1, 0"));
  CAF_CHECK(movement("4, 'a', 'KRW', 3, 'DEPOSIT', 1, 'MAYBE', NULL, 1, 0"));
  CAF_CHECK(movement("4, 'a', 'KRW', 3, 'DEPOSIT', 1, 'FAILED', NULL, 1, 0"));
  CAF_CHECK(movement("4, 'a', 'KRW', 3, 'DEPOSIT', 1, 'FAILED', 'MOOD', 1, 0"));
  CAF_CHECK(movement("4, 'a', 'KRW', 3, 'DEPOSIT', 1, 'SUCCESS', 'INSUFFICIENT_FUNDS', 1, 0"));
  CAF_CHECK(movement("4, 'a', 'KRW', 3, 'DEPOSIT', 1, 'SUCCESS', NULL, -1, 0"));
  const auto account = [this](const std::string& values) {
    return refuses(*this, "INSERT INTO ledger.accounts (user_id, currency, balance, seq) VALUES ("
                              + values + ")");
  };
  CAF_CHECK(!account("'a', 'KRW', 0, 1"));
  CAF_CHECK(account("'b', 'KRW', -1, 1"));
  CAF_CHECK(account("'b', 'KRW', 0, 0"));
  CAF_CHECK(account("'b', 'ZZZ', 0, 1"));
  CAF_CHECK(account("'a', 'KRW', 0, 1"));
}

CAF_TEST(currencies have the digits of iso 4217) {
  CAF_CHECK_EQUAL(sql("SELECT string_agg(exponent::text, ' ' ORDER BY code) FROM ledger.currencies "
                      "WHERE code IN ('BHD', 'CLF', 'EUR', 'JPY', 'KRW', 'USD')"),
                  "3 4 2 0 0 2\n");
  CAF_CHECK(std::stoi(sql("SELECT count(*) FROM ledger.currencies")) > 150);
}

CAF_TEST(the writer role can post and can do nothing else) {
  // Roles belong to the server, not to a database.
  sql(source_file("deploy/roles.sql"));
  sql("CREATE ROLE posting_daemon LOGIN PASSWORD 'p' IN ROLE ledgerd_writer");
  const auto owner = url;
  url = with_user(owner, "posting_daemon", "p");
  for (const auto& sentence : check_database(url))
    CAF_ERROR(sentence);
  CAF_CHECK(migrate(url).empty());
  const auto ours = store();
  const auto first = posted_of(ours->post(group(won("ann"), {}, {deposit(1, 100)})));
  posted_of(ours->post(group(won("ann"), first.heads.at(0), {withdrawal(2, 30)})));
  // Also where accounts are locked.
  const auto old = posted_of(ours->post(group(won("ann"), head(100, 1), {deposit(3, 5)})));
  CAF_CHECK_EQUAL(old.statistics.fence_rejections, 1u);
  CAF_CHECK(content().accounts.at(won("ann")) == head(75, 3));
  CAF_CHECK(make_postgres_reader(url)->currencies().size() > 150);
  for (const auto statement :
       {"DELETE FROM ledger.transactions", "UPDATE ledger.transactions SET amount = 1",
        "TRUNCATE ledger.transactions", "DELETE FROM ledger.accounts",
        "UPDATE ledger.accounts SET user_id = 'eve'",
        "INSERT INTO ledger.currencies VALUES ('QQQ', 0)",
        "ALTER TABLE ledger.transactions DISABLE TRIGGER ALL", "CREATE TABLE ledger.mine (id int)"})
    CAF_CHECK(refuses(*this, "SET ROLE posting_daemon; " + std::string(statement)));
  url = owner;
}

CAF_TEST(ids that are behind their table are found before a request is refused) {
  CAF_CHECK(check_database(url).empty());
  posted_of(store()->post(group(won("ann"), {}, {deposit(1, 100), deposit(2, 5)})));
  CAF_CHECK(check_database(url).empty());
  sql("SELECT setval('ledger.transactions_id_seq', 1)");
  CAF_CHECK(says(check_database(url), "identity of ledger.transactions is behind its table: "));
  sql("ALTER TABLE ledger.transactions ALTER id RESTART");
  CAF_CHECK(says(check_database(url), ledger_ids_behind()));
  sql("SELECT setval('ledger.transactions_id_seq', 2)");
  CAF_CHECK(check_database(url).empty());
}

CAF_TEST(what the guarantees rest on is missed) {
  const std::pair<const char*, const char*> table[] = {
      {"ALTER TABLE ledger.transactions DROP CONSTRAINT transactions_record_id_key",
       "ledger.transactions has no valid unique index on record_id:"},
      {"CREATE UNIQUE INDEX half ON ledger.transactions (record_id) WHERE record_id > 7",
       "index on record_id:"},
      {"CREATE UNIQUE INDEX more ON ledger.transactions (record_id, user_id)",
       "index on record_id:"},
      {"CREATE UNIQUE INDEX again ON ledger.transactions (record_id) INCLUDE (user_id)", ""},
      {"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ledger.again'::regclass",
       "index on record_id:"},
      {"UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'ledger.again'::regclass", ""},
      {"ALTER TABLE ledger.transactions DISABLE TRIGGER append_only",
       "the trigger append_only of ledger.transactions is missing or disabled"},
      {"ALTER TABLE ledger.transactions ENABLE REPLICA TRIGGER append_only", "append_only"},
      {"ALTER TABLE ledger.transactions ENABLE ALWAYS TRIGGER append_only", ""},
      {"DROP TRIGGER keep_currencies ON ledger.currencies",
       "the trigger keep_currencies of ledger.currencies"},
  };
  for (const auto& [change, said] : table) {
    sql(change);
    if (const auto found = check_database(url); std::string(said).empty())
      CAF_CHECK(found.empty());
    else
      CAF_CHECK(says(found, said));
  }
}

CAF_TEST(a table that a crash would empty is named with its repair) {
  const std::vector<std::string> tables{"ledger.currencies", "ledger.accounts",
                                        "ledger.transactions", "ledger.schema_migrations"};
  for (auto each = tables.rbegin(); each != tables.rend(); ++each)
    sql("ALTER TABLE " + *each + " SET UNLOGGED");
  const auto found = check_database(url);
  CAF_REQUIRE_EQUAL(found.size(), tables.size());
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const auto repair = "ALTER TABLE " + tables[i] + " SET LOGGED";
    CAF_CHECK_EQUAL(found[i],
                    tables[i] + " is UNLOGGED: a crash of the server would empty it; " + repair);
    sql(repair); // in this order
  }
  CAF_CHECK(check_database(url).empty());
}

CAF_TEST(a currency keeps its digits) {
  for (const auto statement :
       {"UPDATE ledger.currencies SET exponent = 3 WHERE code = 'EUR'",
        "UPDATE ledger.currencies SET code = 'QQQ' WHERE code = 'EUR'",
        "DELETE FROM ledger.currencies WHERE code = 'EUR'", "TRUNCATE ledger.currencies CASCADE"})
    CAF_CHECK(refuses(*this, statement));
  sql("INSERT INTO ledger.currencies VALUES ('QQQ', 1)");
  CAF_CHECK(refuses(*this, "INSERT INTO ledger.currencies VALUES ('QQQ', 2)"));
  CAF_CHECK_EQUAL(sql("SELECT exponent FROM ledger.currencies WHERE code = 'EUR'"), "2\n");
}

CAF_TEST(how far the ledger is) {
  const auto reader = make_postgres_reader(url);
  CAF_CHECK(reader->marks(record_id{1}, 1000) == ledger_marks{});
  posted_of(store()->post(group(won("ann"), {}, {deposit(7, 1), deposit(500, 1), deposit(90, 1)})));
  CAF_CHECK_EQUAL(to_int(reader->marks(record_id{1}, 1000).highest_record), 500);
  CAF_CHECK_EQUAL(to_int(reader->marks(record_id{1}, 1000).highest_transaction), 3);
  CAF_CHECK_EQUAL(to_int(reader->marks(record_id{8}, 100).highest_record), 90);
  CAF_CHECK_EQUAL(to_int(reader->marks(record_id{501}, 100).highest_record), 0);
  CAF_CHECK_EQUAL(to_int(reader->marks(record_id{INT64_MAX}, 1000).highest_record), 0);
}

CAF_TEST_FIXTURE_SCOPE_END()
