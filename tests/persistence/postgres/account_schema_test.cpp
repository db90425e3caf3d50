#include <algorithm>
#include <stdexcept>
#include <thread>

#include "persistence/schema.hpp"
#include "tests/persistence/postgres/postgres_world.hpp"
#include "tests/persistence/records.hpp"

#define CAF_SUITE account_schema
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

// A database without our schemas.
struct empty_world {
  std::string url = postgres().fresh_database();

  std::string sql(const std::string& statements) { return postgres().sql(url, statements); }
};

std::string complaint_of_migrate(const std::string& url) {
  try {
    migrate(url, schema::account);
    return {};
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Whether exactly one sentence is said of the account schema, and it holds `part`.
bool says(const std::string& url, const std::string& part) {
  const auto sentences = check_database(url, schema::account);
  for (const auto& sentence : sentences)
    CAF_MESSAGE(sentence);
  return sentences.size() == 1 && has(sentences.front(), part);
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(without_account_schema, empty_world)

CAF_TEST(each schema has its own migrations) {
  CAF_CHECK(migrate(url, schema::account)
            == (std::vector<std::string>{"0001_account", "0002_ledger_facts",
                                         "0003_first_currencies", "0004_traceparent"}));
  CAF_CHECK(migrate(url, schema::account).empty());
  CAF_CHECK_EQUAL(read_schema(url, schema::account).version, 4);
  CAF_CHECK_EQUAL(read_schema(url, schema::account).known, 4);
  CAF_CHECK(sql("SELECT to_regnamespace('ledger') IS NULL") == "t\n");
  CAF_CHECK_EQUAL(read_schema(url).version, 0);
  CAF_CHECK(check_database(url, schema::account).empty());
  CAF_CHECK(has(check_database(url).front(), "no ledger schema"));
  // And beside the other one.
  CAF_CHECK(migrate(url) == std::vector<std::string>{"0001_ledger", "0002_keep_currencies"});
  // Both begin with the same currencies.
  CAF_CHECK(sql("SELECT (SELECT array_agg(c ORDER BY code) FROM account.currencies AS c)::text = "
                "(SELECT array_agg(c ORDER BY code) FROM ledger.currencies AS c)::text")
            == "t\n");
  CAF_CHECK(check_database(url).empty());
  CAF_CHECK(check_database(url, schema::account).empty());
}

CAF_TEST(what the records rest on is missed) {
  migrate(url, schema::account);
  sql("ALTER TABLE account.transaction_records DISABLE TRIGGER keep_verdict");
  CAF_CHECK(has(check_database(url, schema::account).front(), "the trigger keep_verdict"));
  sql("ALTER TABLE account.transaction_records ENABLE TRIGGER keep_verdict; ALTER TABLE "
      "account.transaction_records DROP CONSTRAINT transaction_records_idempotency_key_key");
  CAF_CHECK(has(check_database(url, schema::account).front(), "index on idempotency_key"));
  for (const char* table : {"transaction_records", "currencies", "schema_migrations"}) {
    const auto name = "account." + std::string(table);
    sql("ALTER TABLE " + name + " SET UNLOGGED");
    CAF_CHECK(has(check_database(url, schema::account).front(), name + " is UNLOGGED"));
    sql("ALTER TABLE " + name + " SET LOGGED");
  }
}

CAF_TEST(a ledger is told from another one by whoever may log in) {
  const auto identity_of = [](const std::string& of) {
    return ledger_identity(database_identity(of));
  };
  const auto known = identity_of(url);
  CAF_CHECK(known != 0);
  CAF_CHECK_EQUAL(identity_of(url), known);
  CAF_CHECK(identity_of(postgres().fresh_database()) != known);
  sql("DROP ROLE IF EXISTS nobody_special; CREATE ROLE nobody_special LOGIN PASSWORD 'nobody'");
  const auto as_nobody = with_user(url, "nobody_special", "nobody");
  CAF_CHECK_EQUAL(identity_of(as_nobody), known);
  sql("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC");
  CAF_CHECK_EQUAL(identity_of(as_nobody), 0u);
  const auto warned = database_warnings(as_nobody);
  CAF_CHECK(std::any_of(warned.begin(), warned.end(), [](const std::string& each) {
    return each.find("nobody_special may not execute pg_control_system()") == 0;
  }));
  sql("DROP ROLE nobody_special");
}

CAF_TEST(processes that migrate both schemas at once do it once) {
  std::vector<std::vector<std::string>> applied(8);
  std::vector<std::string> complaints(applied.size());
  std::vector<std::thread> processes;
  for (std::size_t i = 0; i < applied.size(); ++i)
    processes.emplace_back([&, i] {
      try {
        applied[i] = migrate(url, i % 2 == 0 ? schema::account : schema::ledger);
      } catch (const std::exception& error) {
        complaints[i] = error.what();
      }
    });
  for (auto& process : processes)
    process.join();
  CAF_CHECK(complaints == std::vector<std::string>(complaints.size()));
  // Whoever comes to a step first takes it.
  std::vector<std::string> steps;
  for (const auto& each : applied)
    steps.insert(steps.end(), each.begin(), each.end());
  std::sort(steps.begin(), steps.end());
  CAF_CHECK(steps
            == (std::vector<std::string>{"0001_account", "0001_ledger", "0002_keep_currencies",
                                         "0002_ledger_facts", "0003_first_currencies",
                                         "0004_traceparent"}));
}

CAF_TEST(a database without the schema is named) {
  CAF_CHECK(says(url, "no account schema"));
  migrate(url);
  CAF_CHECK(says(url, "no account schema"));
}

CAF_TEST(the migration is applied whole or not at all) {
  sql("CREATE SCHEMA account AUTHORIZATION ledgerd; SET ROLE ledgerd;"
      "CREATE FUNCTION account.refuse_change() RETURNS int LANGUAGE sql AS 'SELECT 1'");
  CAF_CHECK(has(complaint_of_migrate(url), "already exists"));
  CAF_CHECK(sql("SELECT to_regclass('account.transaction_records') IS NULL") == "t\n");
  sql("DROP FUNCTION account.refuse_change()");
  CAF_CHECK_EQUAL(complaint_of_migrate(url), "");
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST_FIXTURE_SCOPE(with_account_schema, postgres_record_world)

CAF_TEST(a newer or changed account schema is refused) {
  sql("INSERT INTO account.schema_migrations VALUES (5, '0005_future', 'x')");
  CAF_CHECK(has(complaint_of_migrate(url), "newer"));
  CAF_CHECK(says(url, "newer"));
  sql("DELETE FROM account.schema_migrations WHERE version = 4;"
      "UPDATE account.schema_migrations SET checksum = 'x'");
  CAF_CHECK(has(complaint_of_migrate(url), "other content"));
  CAF_CHECK(says(url, "other content"));
  sql("DELETE FROM account.schema_migrations");
  CAF_CHECK(says(url, "no account schema"));
}

CAF_TEST(a missing privilege on records is named) {
  sql("REVOKE INSERT ON account.transaction_records FROM ledgerd");
  CAF_CHECK(says(url, "INSERT on account.transaction_records"));
  sql("GRANT INSERT ON account.transaction_records TO ledgerd;"
      "REVOKE UPDATE ON account.transaction_records FROM ledgerd");
  CAF_CHECK(says(url, "UPDATE on account.transaction_records"));
  sql("GRANT UPDATE (status) ON account.transaction_records TO ledgerd;"
      "REVOKE UPDATE ON SEQUENCE account.transaction_records_id_seq FROM ledgerd");
  CAF_CHECK(says(url, "UPDATE on account.transaction_records_id_seq"));
  sql("GRANT UPDATE ON SEQUENCE account.transaction_records_id_seq TO ledgerd;"
      "REVOKE INSERT ON account.currencies FROM ledgerd");
  CAF_CHECK(says(url, "INSERT on account.currencies"));
  sql("GRANT INSERT ON account.currencies TO ledgerd");
  CAF_CHECK(check_database(url, schema::account).empty());
  sql("ALTER SCHEMA account OWNER TO postgres");
  CAF_CHECK(has(check_database(url, schema::account).front(), "USAGE on schema account"));
}

CAF_TEST(a record that has its verdict never changes) {
  const auto store = this->store();
  const auto made =
      done(store->record({{ask("ann", 1), "a"}, {ask("bob", 2), ""}, {ask("eve", 3), ""}}));
  done(store->settle(
      {success(made[0].record.id, ask("ann", 1)), success(made[1].record.id, ask("ann", 1))}));
  const auto before = content();
  const std::string update = "UPDATE account.transaction_records SET ";
  for (const auto change :
       {"status = 'PENDING', transaction_id = NULL, balance_after = NULL, reason = NULL",
        "updated_at = now()", "balance_after = balance_after + 1"}) {
    CAF_CHECK(refuses(update + change + " WHERE status = 'SUCCESS'"));
    CAF_CHECK(refuses(update + change + " WHERE status = 'FAILED'"));
  }
  CAF_CHECK(refuses(update + "updated_at = now()"));
  CAF_CHECK(refuses("DELETE FROM account.transaction_records"));
  CAF_CHECK(refuses("DELETE FROM account.transaction_records WHERE status = 'PENDING'"));
  CAF_CHECK(refuses("TRUNCATE account.transaction_records"));
  CAF_CHECK(refuses("INSERT INTO account.transaction_records (user_id, currency, type, amount, "
                    "idempotency_key, fingerprint) VALUES ('x', 'KRW', 'DEPOSIT', 1, 'a', 0) "
                    "ON CONFLICT (idempotency_key) DO UPDATE SET updated_at = now()"));
  CAF_CHECK(content() == before);
  CAF_CHECK(!refuses(update + "updated_at = now() WHERE status = 'PENDING'"));
}

CAF_TEST(the table takes a trace and nothing else for one) {
  const auto record = [this](const std::string& trace) {
    return refuses("INSERT INTO account.transaction_records (user_id, currency, type, amount, "
                   "fingerprint, traceparent) VALUES ('a', 'KRW', 'DEPOSIT', 1, 0, '"
                   + trace + "')");
  };
  const std::string ids = "-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-";
  CAF_CHECK(!record("00" + ids + "01"));
  CAF_CHECK(!record("00" + ids + "00"));
  for (const auto& other : {std::string{}, "00" + ids, "00" + ids + "010", "01" + ids + "01",
                            "00" + ids + "01\n", "00" + ids + "0A"})
    CAF_CHECK(record(other));
}

CAF_TEST(the table refuses records that cannot be) {
  const auto record = [this](const std::string& values) {
    return refuses("INSERT INTO account.transaction_records (user_id, currency, type, amount, "
                   "status, reason, transaction_id, balance_after, idempotency_key, fingerprint) "
                   "VALUES ("
                   + values + ", 0)");
  };
  CAF_CHECK(!record("'a', 'KRW', 'DEPOSIT', 1, 'PENDING', NULL, NULL, NULL, 'k'"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'PENDING', NULL, NULL, NULL, 'k'"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'PENDING', NULL, NULL, NULL, ''"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'PENDING', NULL, NULL, NULL, repeat('k', 256)"));
  CAF_CHECK(record("'', 'KRW', 'DEPOSIT', 1, 'PENDING', NULL, NULL, NULL, NULL"));
  CAF_CHECK(record("repeat('x', 129), 'KRW', 'DEPOSIT', 1, 'PENDING', NULL, NULL, NULL, NULL"));
  CAF_CHECK(record("'a', 'krw', 'DEPOSIT', 1, 'PENDING', NULL, NULL, NULL, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'GIFT', 1, 'PENDING', NULL, NULL, NULL, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 0, 'PENDING', NULL, NULL, NULL, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'MAYBE', NULL, NULL, NULL, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'PENDING', NULL, 7, NULL, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'PENDING', NULL, NULL, 1, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'PENDING', 'BALANCE_OVERFLOW', NULL, NULL, NULL"));
  CAF_CHECK(!record("'a', 'KRW', 'DEPOSIT', 1, 'SUCCESS', NULL, 7, 0, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'SUCCESS', NULL, NULL, 0, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'SUCCESS', NULL, 7, NULL, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'SUCCESS', NULL, 7, -1, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'SUCCESS', NULL, 0, 1, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'SUCCESS', 'INSUFFICIENT_FUNDS', 7, 1, NULL"));
  CAF_CHECK(!record("'a', 'KRW', 'DEPOSIT', 1, 'FAILED', 'INSUFFICIENT_FUNDS', 7, 1, NULL"));
  CAF_CHECK(!record("'a', 'KRW', 'DEPOSIT', 1, 'FAILED', 'BALANCE_OVERFLOW', 7, 1, NULL"));
  CAF_CHECK(!record("'a', 'KRW', 'DEPOSIT', 1, 'FAILED', 'RECORD_ID_CONFLICT', NULL, NULL, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'FAILED', 'RECORD_ID_CONFLICT', 7, 1, NULL"));
  CAF_CHECK(!record("'a', 'KRW', 'DEPOSIT', 1, 'FAILED', 'INVALID_FIELD', NULL, NULL, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'FAILED', 'INVALID_FIELD', 7, 1, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'FAILED', 'INSUFFICIENT_FUNDS', NULL, 1, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'FAILED', 'INSUFFICIENT_FUNDS', 7, NULL, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'FAILED', NULL, 7, 1, NULL"));
  CAF_CHECK(record("'a', 'KRW', 'DEPOSIT', 1, 'FAILED', 'MOOD', 7, 1, NULL"));
}

CAF_TEST(the writer role can record and settle and can do nothing else) {
  // Roles belong to the server, not to a database; this one lacks the ledger.
  sql(source_file("deploy/roles.sql"));
  sql("CREATE ROLE recording_daemon LOGIN PASSWORD 'p' IN ROLE ledgerd_writer");
  const auto owner = url;
  url = with_user(owner, "recording_daemon", "p");
  for (const auto& sentence : check_database(url, schema::account))
    CAF_ERROR(sentence);
  CAF_CHECK(migrate(url, schema::account).empty());
  const auto ours = store();
  const auto made = done(ours->record({{ask("ann", 1), "k"}, {ask("bob", 2), ""}}));
  CAF_CHECK(done(ours->record({{ask("ann", 1), "k"}})).front().outcome == record_outcome::repeated);
  CAF_CHECK_EQUAL(done(ours->claim(std::chrono::milliseconds(0), 10)).size(), 2u);
  const auto answers = done(ours->settle(
      {success(made[0].record.id, ask("ann", 1)), success(made[1].record.id, ask("ann", 1))}));
  CAF_CHECK(outcomes(answers) == (std::vector{settle_outcome::settled, settle_outcome::conflict}));
  CAF_CHECK_EQUAL(content().size(), 2u);
  const auto keeper = make_postgres_account_keeper(url);
  const auto first = keeper->currencies().size();
  keeper->keep({{*currency_code::parse("KRW"), 0}, {*currency_code::parse("EUR"), 2}});
  keeper->keep({{*currency_code::parse("EUR"), 2}, {*currency_code::parse("QQQ"), 3}});
  CAF_CHECK_EQUAL(keeper->currencies().size(), first + 1);
  CAF_CHECK(keeper->last_id() >= made[1].record.id); // a repeated call takes a number as well
  const auto view = std::make_shared<ledger_view>();
  view->hear({record_id{to_int(keeper->last_id()) + 1000}, transaction_id{5}});
  const auto above = done(make_postgres_record_store(url, view)->record({{ask("ann", 9), ""}}));
  CAF_CHECK(to_int(above.front().record.id) > to_int(made[1].record.id) + 1000);
  for (const auto statement :
       {"DELETE FROM account.transaction_records", "TRUNCATE account.transaction_records",
        "UPDATE account.transaction_records SET amount = 1 WHERE false",
        "UPDATE account.transaction_records SET idempotency_key = NULL WHERE false",
        "ALTER TABLE account.transaction_records DISABLE TRIGGER ALL",
        "CREATE TABLE account.mine (id int)"})
    CAF_CHECK(refuses("SET ROLE recording_daemon; " + std::string(statement)));
  url = owner;
}

CAF_TEST_FIXTURE_SCOPE_END()
