// Sessions that end while nobody uses them, and passwords that change meanwhile.
#include <chrono>
#include <malloc.h>
#include <optional>
#include <thread>
#include <tuple>

#include "persistence/currencies.hpp"
#include "persistence/database_error.hpp"
#include "persistence/database_watch.hpp"
#include "persistence/held_database.hpp"
#include "persistence/postgres.hpp"
#include "persistence/postgres/database.hpp"
#include "persistence/postgres/probe.hpp"
#include "persistence/record_store.hpp"
#include "persistence/schema.hpp"
#include "tests/persistence/batches.hpp"
#include "tests/persistence/postgres/postgres_world.hpp"
#include "tests/persistence/records.hpp"
#include "tests/support/cut_proxy.hpp"

#define CAF_SUITE postgres_rest
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 9s; // far above what a probe takes on a busy machine

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct rest : postgres_world {
  rest() {
    set_database_listener([this](const std::string& sentence) { told.push_back(sentence); });
  }
  ~rest() { set_database_listener({}); }

  posting_batch deposit_of(const char* user, std::int64_t id) {
    return group(won(user), {}, {deposit(id, 1)});
  }

  void end_all_sessions() {
    sql("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = "
        "current_database() AND pid <> pg_backend_pid()");
  }

  std::vector<std::string> told;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(resting, rest)

// libpqxx 6.4 loses the answer, 2 KB each time.
CAF_TEST(a session that breaks within a call leaves no memory behind) {
  const auto break_sessions = [this](int count) {
    for (int i = 0; i < count; ++i) {
      database session(url);
      bool broke = false;
      try {
        session.run("SELECT pg_terminate_backend(pg_backend_pid())");
      } catch (const database_error&) {
        broke = true;
      }
      CAF_REQUIRE(broke);
    }
  };
  break_sessions(10);
  const auto before = mallinfo2().uordblks;
  break_sessions(50);
  const auto after = mallinfo2().uordblks;
  CAF_MESSAGE(before << " bytes before, " << after << " after");
  CAF_CHECK(after < before + 50 * 1000);
}

CAF_TEST(a COMMIT that the server answers with a rollback has not committed) {
  database session(url);
  session.begin();
  std::optional<database_fault> told;
  try {
    session.run("SELECT 1 / 0");
  } catch (const database_error&) { // the transaction is aborted now
  }
  try {
    session.commit();
  } catch (const database_error& error) {
    told = error.fault();
  }
  CAF_CHECK(told == database_fault::rolled_back);
}

CAF_TEST(a session that idled for too long is opened again without a failure) {
  const auto store =
      make_postgres_store(with_parameter(url, "options=-cidle_session_timeout%3D1s"));
  posted_of(store->post(deposit_of("ann", 1)));
  const std::string left = "SELECT count(*) FROM pg_stat_activity WHERE application_name='ledgerd'";
  for (int i = 0; i < 400 && sql(left) != "0\n"; ++i)
    std::this_thread::sleep_for(50ms);
  CAF_CHECK(!failure_of(store->post(deposit_of("bob", 2))));
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK(has(told.front(), "57P05"));
}

CAF_TEST(a session that was ended by hand is opened again without a failure) {
  migrate(url, schema::account);
  const auto store = this->store();
  const auto records = make_postgres_record_store(url);
  const auto reader = make_postgres_reader(url);
  const auto audit = make_postgres_record_reader(url);
  const auto id = done(records->record({{ask("ann", 1), "first"}})).front().record.id;
  for (std::int64_t round = 1; round <= 3; ++round) {
    CAF_CHECK(!failure_of(store->post(deposit_of("ann", round))));
    CAF_CHECK_EQUAL(done(records->find({id})).size(), 1u);
    CAF_CHECK(!kind_of(records->record({{ask("ann", 1), std::to_string(round)}})));
    CAF_CHECK_EQUAL(reader->accounts_of("ann").size(), 1u);
    CAF_CHECK(audit->exists());
    CAF_CHECK(reader->writable());
    end_all_sessions();
  }
  CAF_CHECK_EQUAL(told.size(), 2u * 4u);
  for (const auto& sentence : told)
    CAF_CHECK(has(sentence, "57P01"));
}

CAF_TEST(why a session ended is told when no other can be opened) {
  auto present = url;
  const auto store = make_postgres_store(url_source{[&] { return present; }});
  posted_of(store->post(deposit_of("ann", 1)));
  end_all_sessions();
  present = "postgresql://ann:hidden@127.0.0.1:1/d";
  const auto result = store->post(deposit_of("bob", 2));
  CAF_CHECK(failure_of(result) == store_failure_kind::unavailable);
  const auto detail = std::get<store_failure>(result).detail;
  CAF_MESSAGE(detail);
  CAF_CHECK(has(detail, "57P01") && has(detail, "refused") && !has(detail, "hidden"));
  CAF_CHECK(!std::get<store_failure>(result).refused); // the server has said nothing
  CAF_CHECK(!has(detail, "\n"));
  present = url;
  CAF_CHECK(!failure_of(store->post(deposit_of("bob", 2))));
}

CAF_TEST(a password that is changed is found where it stands) {
  sql("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN PASSWORD 'old-one' IN ROLE ledgerd");
  auto present = with_user(url, "clerk", "old-one");
  const auto store = make_postgres_store(url_source{[&] { return present; }});
  const auto reader = make_postgres_reader(url_source{[&] { return present; }});
  posted_of(store->post(deposit_of("ann", 1)));
  CAF_CHECK(reader->writable());
  sql("ALTER ROLE clerk PASSWORD 'new-one'");
  end_all_sessions();
  const auto refused = store->post(deposit_of("bob", 2));
  CAF_CHECK(failure_of(refused) == store_failure_kind::unavailable);
  CAF_CHECK(has(std::get<store_failure>(refused).detail, "28P01"));
  CAF_CHECK(std::get<store_failure>(refused).refused);
  CAF_CHECK(!reader->writable());
  present = with_user(url, "clerk", "new-one");
  CAF_CHECK(!failure_of(store->post(deposit_of("bob", 2))));
  CAF_CHECK(reader->writable());
  CAF_CHECK_EQUAL(reader->accounts_of("bob").size(), 1u);
}

CAF_TEST(a server without room for one more session has said so) {
  sql("DROP ROLE IF EXISTS crowd; CREATE ROLE crowd LOGIN PASSWORD 'crowd' CONNECTION LIMIT 0 "
      "IN ROLE ledgerd");
  const auto store = make_postgres_store(with_user(url, "crowd", "crowd"));
  const auto result = store->post(deposit_of("ann", 1));
  CAF_CHECK(failure_of(result) == store_failure_kind::unavailable);
  CAF_CHECK(has(std::get<store_failure>(result).detail, "53300"));
  CAF_CHECK(std::get<store_failure>(result).refused);
  CAF_CHECK(std::get<store_failure>(result).no_session);
}

CAF_TEST(a node whose sessions live is told that a new one would be refused) {
  sql("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN PASSWORD 'old-one' IN ROLE ledgerd");
  probe look{with_user(url, "clerk", "old-one"), schema::ledger, {.good = 0ms}};
  const auto refusal = [&] {
    CAF_CHECK_EQUAL(look.fault(patience), "");
    return refused_sessions(schema::ledger);
  };
  refusal(); // opens the session
  CAF_CHECK_EQUAL(refusal(), "");
  for (const auto& [change, back, state] :
       {std::tuple{"PASSWORD 'new-one'", "PASSWORD 'old-one'", "28P01"},
        {"CONNECTION LIMIT 0", "CONNECTION LIMIT -1", "53300"}}) {
    sql("ALTER ROLE clerk " + std::string(change));
    CAF_CHECK(has(refusal(), state));
    CAF_CHECK(has(refusal(), state));
    CAF_REQUIRE_EQUAL(told.size(), 1u);
    CAF_MESSAGE(told.back());
    CAF_CHECK(has(told.back(), state) && !has(told.back(), "old-one"));
    sql("ALTER ROLE clerk " + std::string(back));
    CAF_CHECK_EQUAL(refusal(), "");
    CAF_REQUIRE_EQUAL(told.size(), 2u);
    CAF_MESSAGE(told.back());
    told.clear();
  }
}

CAF_TEST(without a URL nothing is in doubt) {
  bool readable = false;
  const url_source source{[&] {
    if (!readable)
      throw std::runtime_error("it cannot be read");
    return url;
  }};
  migrate(url, schema::account);
  const auto store = make_postgres_store(source);
  const auto records = make_postgres_record_store(source);
  for (int round = 0; round < 2; ++round) {
    const auto posted = store->post(deposit_of("ann", 1 + round));
    CAF_CHECK(failure_of(posted) == store_failure_kind::unavailable);
    CAF_CHECK(has(std::get<store_failure>(posted).detail, "it cannot be read"));
    CAF_CHECK(std::get<store_failure>(posted).refused);
    CAF_CHECK(kind_of(records->record({{ask("ann", 1), "first"}}))
              == store_failure_kind::unavailable);
    readable = true;
    CAF_CHECK(!failure_of(store->post(deposit_of("ann", 1 + round))));
    readable = false;
    end_all_sessions(); // the next of the store meets its end, and then no URL
  }
}

CAF_TEST(a session with another database than the first is refused) {
  migrate(url, schema::account);
  const auto other = postgres().fresh_database();
  migrate(other);
  migrate(other, schema::account);
  const struct holding {
    holding(const std::string& in) {
      for (const auto which : {schema::ledger, schema::account})
        hold_to_database(which, database_identity(in));
    }
    ~holding() {
      for (const auto which : {schema::ledger, schema::account})
        hold_to_database(which, {});
    }
  } held(url);
  auto present = url;
  const url_source source{[&] { return present; }};
  const auto store = make_postgres_store(source);
  const auto reader = make_postgres_reader(source);
  const auto records = make_postgres_record_store(source);
  const auto audit = make_postgres_record_reader(source);
  const auto keeper = make_postgres_account_keeper(source);
  posted_of(store->post(deposit_of("ann", 1)));
  CAF_CHECK(reader->writable() && audit->writable());
  present = other;
  end_all_sessions();
  for (int round = 0; round < 2; ++round) {
    const auto refused = store->post(deposit_of("bob", 2));
    CAF_CHECK(failure_of(refused) == store_failure_kind::unavailable);
    const auto why = std::get<store_failure>(refused).detail;
    CAF_MESSAGE(why);
    CAF_CHECK(has(why, "this is another database than the one this node began with"));
    CAF_CHECK(has(reader->write_fault(), "another database"));
    CAF_CHECK(has(audit->write_fault(), "another database"));
    CAF_CHECK(throws<std::runtime_error>([&] { reader->currencies(); }));
    CAF_CHECK(throws<std::runtime_error>([&] { audit->exists(); }));
    CAF_CHECK(throws<std::runtime_error>([&] { keeper->last_id(); }));
    CAF_CHECK(kind_of(records->record({{ask("ann", 1), "first"}}))
              == store_failure_kind::unavailable);
  }
  CAF_CHECK_EQUAL(postgres().sql(other, "SELECT count(*) FROM ledger.transactions"), "0\n");
  present = url;
  CAF_CHECK(!failure_of(store->post(deposit_of("bob", 2))));
  CAF_CHECK(reader->writable() && audit->writable());
  CAF_CHECK_EQUAL(session_fault(schema::ledger), "");
}

// The gate's session has met another database, the probe's is still with the right one.
CAF_TEST(a probe opens a new session while others meet another database) {
  const auto other = postgres().fresh_database();
  auto present = url;
  probe look{url_source{[&] { return present; }}, schema::ledger};
  hold_to_database(schema::ledger, database_identity(url));
  CAF_CHECK_EQUAL(look.fault(patience), "");
  present = other;
  CAF_CHECK_EQUAL(look.fault(patience), "");
  judge_database(schema::ledger, database_identity(other));
  CAF_CHECK(has(look.fault(patience), "another database"));
  present = url;
  CAF_CHECK_EQUAL(look.fault(patience), "");
  CAF_CHECK_EQUAL(session_fault(schema::ledger), "");
  hold_to_database(schema::ledger, {});
}

// Both by a setting of the database that only new sessions have and by one that old ones take up.
CAF_TEST(nothing is committed that a crash could lose) {
  const auto name = url.substr(url.rfind('/') + 1);
  const auto store = make_postgres_store(url);
  const auto records = make_postgres_record_store(url);
  probe of_ledger{url, schema::ledger}, of_records{url, schema::account};
  const auto rows = [&] {
    return sql("SELECT (SELECT count(*) FROM ledger.transactions) + (SELECT count(*) FROM "
               "account.transaction_records)");
  };
  migrate(url, schema::account);
  CAF_CHECK(!failure_of(store->post(deposit_of("ann", 1))));
  CAF_CHECK(!kind_of(records->record({{ask("ann", 1), "first"}})));
  CAF_CHECK_EQUAL(of_ledger.fault(patience) + of_records.fault(patience), "");
  sql("ALTER DATABASE " + name + " SET synchronous_commit = off");
  CAF_CHECK_EQUAL(of_ledger.fault(patience) + of_records.fault(patience), "");
  end_all_sessions();
  for (int round = 0; round < 2; ++round) {
    const auto refused = store->post(deposit_of("bob", 2));
    CAF_REQUIRE(failure_of(refused) == store_failure_kind::unavailable);
    CAF_CHECK_EQUAL(std::get<store_failure>(refused).detail, unlasting_commits);
    CAF_CHECK(kind_of(records->record({{ask("ann", 2), "second"}}))
              == store_failure_kind::unavailable);
    CAF_CHECK_EQUAL(session_fault(schema::ledger), unlasting_commits);
    CAF_CHECK_EQUAL(session_fault(schema::account), unlasting_commits);
    CAF_CHECK(has(of_ledger.fault(patience), "synchronous_commit is off"));
    CAF_CHECK(has(of_records.fault(patience), "synchronous_commit is off"));
  }
  CAF_CHECK_EQUAL(rows(), "2\n");
  sql("ALTER DATABASE " + name + " RESET synchronous_commit");
  CAF_CHECK_EQUAL(of_ledger.fault(patience) + of_records.fault(patience), "");
  CAF_CHECK_EQUAL(session_fault(schema::ledger) + session_fault(schema::account), "");
  CAF_CHECK(!failure_of(store->post(deposit_of("bob", 2))));
  CAF_CHECK(!kind_of(records->record({{ask("ann", 2), "second"}})));
  CAF_CHECK_EQUAL(rows(), "4\n");
  // What a new session meets, all older ones have been told.
  const auto reload = [&](const std::string& wanted) {
    sql("SELECT pg_reload_conf()");
    for (int i = 0; i < 400 && sql("SHOW synchronous_commit") != wanted + "\n"; ++i)
      std::this_thread::sleep_for(50ms);
  };
  sql("ALTER SYSTEM SET synchronous_commit = off");
  reload("off");
  CAF_CHECK(failure_of(store->post(deposit_of("bob", 3))) == store_failure_kind::unavailable);
  sql("ALTER SYSTEM RESET synchronous_commit");
  reload("on");
  CAF_CHECK(!failure_of(store->post(deposit_of("bob", 3))));
  CAF_CHECK_EQUAL(of_ledger.fault(patience) + of_records.fault(patience), "");
}

CAF_TEST(no currency is added that a crash could lose) {
  migrate(url, schema::account);
  const currency gold{*currency_code::parse("QQQ"), 3};
  const auto rows = [&] {
    return sql("SELECT (SELECT count(*) FROM ledger.currencies WHERE code = 'QQQ') + "
               "(SELECT count(*) FROM account.currencies WHERE code = 'QQQ')");
  };
  const auto keeper = make_postgres_account_keeper(url);
  const auto name = url.substr(url.rfind('/') + 1);
  sql("ALTER DATABASE " + name + " SET synchronous_commit = off");
  CAF_CHECK(throws<std::runtime_error>([&] { add_currency(url, gold); }));
  CAF_CHECK(throws<std::runtime_error>([&] { keeper->keep({gold}); }));
  CAF_CHECK_EQUAL(rows(), "0\n");
  sql("ALTER DATABASE " + name + " RESET synchronous_commit");
  CAF_CHECK(add_currency(url, gold).added);
  CAF_CHECK(!add_currency(url, gold).added);
  keeper->keep({gold});
  CAF_CHECK_EQUAL(rows(), "2\n");
  note_unlasting_commits(schema::account, false);
}

CAF_TEST(a role that is not told which database it is in is let pass) {
  sql("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN PASSWORD 'clerk' IN ROLE ledgerd; "
      "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC");
  hold_to_database(schema::ledger, "7/1");
  const auto store = make_postgres_store(with_user(url, "clerk", "clerk"));
  CAF_CHECK(!failure_of(store->post(deposit_of("ann", 1))));
  hold_to_database(schema::ledger, {});
}

CAF_TEST(a right that is taken from an idle node shows and so does its return ) {
  probe look{url, schema::ledger, {.good = 0ms, .bad = 0ms}};
  CAF_CHECK_EQUAL(look.fault(patience), "");
  CAF_CHECK_EQUAL(look.fault(patience), "");
  sql("REVOKE UPDATE ON ledger.accounts FROM ledgerd");
  CAF_CHECK_EQUAL(look.fault(patience), "ledgerd lacks the privilege UPDATE on ledger.accounts");
  sql("REVOKE INSERT ON ledger.transactions FROM ledgerd");
  const auto both = look.fault(patience);
  CAF_CHECK(has(both, "UPDATE on ledger.accounts; ") || has(both, "; ledgerd lacks"));
  sql("GRANT UPDATE ON ledger.accounts TO ledgerd; GRANT INSERT ON ledger.transactions TO ledgerd");
  CAF_CHECK_EQUAL(look.fault(patience), "");
  sql("DELETE FROM ledger.schema_migrations WHERE version = 2");
  CAF_CHECK(has(look.fault(patience), "run the migrations"));
  // One that a newer node has brought up to date is no fault.
  sql("INSERT INTO ledger.schema_migrations SELECT 2 + n, 'later', 'x' FROM generate_series(0, 1) "
      "AS n");
  CAF_CHECK_EQUAL(look.fault(patience), "");
  sql("REVOKE SELECT ON ledger.schema_migrations FROM ledgerd");
  CAF_CHECK(has(look.fault(patience), "schema_migrations"));
  sql("ALTER SCHEMA ledger OWNER TO postgres");
  CAF_CHECK(has(look.fault(patience), "USAGE on schema ledger"));
}

CAF_TEST(a guarantee that is taken from an idle node shows and so does its return ) {
  probe look{url, schema::ledger, {.good = 0ms, .bad = 0ms}};
  CAF_CHECK_EQUAL(look.fault(patience), "");
  const std::tuple<const char*, const char*, const char*> table[] = {
      {"ALTER TABLE ledger.transactions DROP CONSTRAINT transactions_record_id_key",
       "ledger.transactions has no valid unique index on record_id: a request could be posted "
       "twice",
       "CREATE UNIQUE INDEX again ON ledger.transactions (record_id)"},
      {"ALTER TABLE ledger.transactions DISABLE TRIGGER append_only",
       "the trigger append_only of ledger.transactions is missing or disabled: what was decided "
       "could be changed",
       "ALTER TABLE ledger.transactions ENABLE TRIGGER append_only"},
      {"ALTER TABLE ledger.transactions SET UNLOGGED",
       "ledger.transactions is UNLOGGED: a crash of the server would empty it; ALTER TABLE "
       "ledger.transactions SET LOGGED",
       "ALTER TABLE ledger.transactions SET LOGGED"},
  };
  for (const auto& [taken, said, back] : table) {
    sql(taken);
    CAF_CHECK_EQUAL(look.fault(patience), said);
    sql(back);
    CAF_CHECK_EQUAL(look.fault(patience), "");
  }
  // What a newer schema rests on is known to newer nodes.
  sql("INSERT INTO ledger.schema_migrations VALUES (3, 'later', 'x'); "
      "DROP TRIGGER append_only ON ledger.transactions");
  CAF_CHECK_EQUAL(look.fault(patience), "");
  sql("ALTER TABLE ledger.transactions SET UNLOGGED");
  CAF_CHECK(has(look.fault(patience), "UNLOGGED"));
}

CAF_TEST(rights are looked at once a minute and sooner while one is missing) {
  probe look{url, schema::ledger, {.good = 1min, .bad = 0ms}};
  CAF_CHECK_EQUAL(look.fault(patience), "");
  sql("REVOKE UPDATE ON ledger.accounts FROM ledgerd");
  CAF_CHECK(has(look.fault(patience), "UPDATE"));
  end_all_sessions();
  CAF_CHECK(has(look.fault(patience), "UPDATE")); // a new session has not seen otherwise
  sql("GRANT UPDATE ON ledger.accounts TO ledgerd");
  CAF_CHECK_EQUAL(look.fault(patience), "");
  sql("REVOKE UPDATE ON ledger.accounts FROM ledgerd");
  CAF_CHECK_EQUAL(look.fault(patience), "");
}

CAF_TEST(what only somebody else can change is told from what may pass) {
  sql("DROP ROLE IF EXISTS guest; CREATE ROLE guest NOLOGIN PASSWORD 'guest'");
  const auto error_of = [](const std::string& database_url) {
    try {
      read_schema(database_url);
    } catch (const database_error& error) {
      CAF_MESSAGE(error.what());
      CAF_CHECK(!has(error.what(), "\n") && !has(error.what(), "wrong-one"));
      return error;
    }
    throw std::runtime_error("accepted");
  };
  const auto wrong_url = with_user(url, "ledgerd", "wrong-one");
  const auto wrong = error_of(wrong_url);
  CAF_CHECK(wrong.fault() == database_fault::refused && has(wrong.what(), "28P01"));
  const auto missing = error_of(url + "_missing");
  CAF_CHECK(missing.fault() == database_fault::refused && has(missing.what(), "3D000"));
  const auto no_login = error_of(with_user(url, "guest", "guest"));
  CAF_CHECK(no_login.fault() == database_fault::refused && has(no_login.what(), "28000"));
  const auto away = error_of(with_port(url, 1));
  CAF_CHECK(away.fault() == database_fault::lost);
  CAF_CHECK(error_of("postgresql://no-such-host.invalid/d").fault() == database_fault::lost);
  // One address is silent, the other refuses: it may be waited for, and somebody has spoken.
  const auto at = wrong_url.find("@127.0.0.1:") + 1;
  CAF_REQUIRE_NOT_EQUAL(at, 0u);
  const auto half = error_of(std::string(wrong_url).insert(at, "127.0.0.1:1,"));
  CAF_CHECK(half.fault() == database_fault::away && has(half.what(), "28P01"));
}

CAF_TEST(what a database sets by default breaks nothing) {
  const auto odd = postgres().fresh_database();
  const auto name = odd.substr(odd.rfind('/') + 1);
  for (const auto setting :
       {"standard_conforming_strings = off", "array_nulls = off", "transform_null_equals = on",
        "default_transaction_isolation = 'serializable'", "backslash_quote = off"})
    sql("ALTER DATABASE " + name + " SET " + setting);
  CAF_CHECK_EQUAL(migrate(odd).size(), static_cast<std::size_t>(read_schema(odd).known));
  CAF_CHECK(!migrate(odd, schema::account).empty());
  CAF_CHECK(check_database(odd).empty());
  const auto store = make_postgres_store(odd);
  CAF_CHECK(!failure_of(store->post(group(won("a\\b'c"), {}, {deposit(1, 1), withdrawal(2, 9)}))));
  CAF_CHECK_EQUAL(make_postgres_reader(odd)->accounts_of("a\\b'c").size(), 1u);
}

CAF_TEST(a small max_wal_size is warned of) {
  CAF_CHECK(database_warnings(url).empty());
  sql("ALTER SYSTEM SET max_wal_size = '1GB'");
  sql("SELECT pg_reload_conf()");
  std::vector<std::string> warnings;
  for (int i = 0; i < 100 && warnings.empty(); ++i) {
    std::this_thread::sleep_for(50ms);
    warnings = database_warnings(url);
  }
  sql("ALTER SYSTEM SET max_wal_size = '4GB'");
  sql("SELECT pg_reload_conf()");
  CAF_REQUIRE_EQUAL(warnings.size(), 1u);
  CAF_CHECK(has(warnings.front(), "max_wal_size is 1GB"));
  CAF_CHECK(check_database(url).empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
