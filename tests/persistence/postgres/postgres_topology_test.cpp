// What stands between the program and its database, and a database that moves to another server.
#include <chrono>
#include <thread>

#include "persistence/database_error.hpp"
#include "persistence/postgres.hpp"
#include "persistence/postgres/database.hpp"
#include "persistence/postgres/probe.hpp"
#include "persistence/schema.hpp"
#include "persistence/session_room.hpp"
#include "tests/persistence/batches.hpp"
#include "tests/persistence/chain.hpp"
#include "tests/persistence/postgres/postgres_world.hpp"
#include "tests/persistence/records.hpp"
#include "tests/support/cut_proxy.hpp"
#include "tests/support/server_process.hpp"

#define CAF_SUITE postgres_topology
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr auto patience = 9s; // far above what a probe takes on a busy machine

constexpr auto lets_options_pass = "ignore_startup_parameters = options,extra_float_digits";

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

template <class Function>
std::string refusal_of(Function function, database_fault fault = database_fault::refused) {
  try {
    function();
    return "accepted";
  } catch (const database_error& error) {
    CAF_CHECK(error.fault() == fault);
    return error.what();
  }
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(topology, postgres_world)

CAF_TEST(a pooler that shares sessions is refused) {
  const pooler between(url, "transaction", lets_options_pass);
  const auto findings = check_database(between.url());
  CAF_REQUIRE_EQUAL(findings.size(), 1u);
  CAF_MESSAGE(findings.front());
  CAF_CHECK(has(findings.front(), "use session mode or the direct address"));
  CAF_CHECK(has(refusal_of([&] { migrate(between.url(), schema::account); }),
                "use session mode or the direct address"));
  CAF_CHECK_EQUAL(sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0\n");
  CAF_CHECK_EQUAL(read_schema(url, schema::account).version, 0);
}

CAF_TEST(a pooler that refuses transactions is refused) {
  const pooler between(url, "statement", lets_options_pass);
  const auto findings = check_database(between.url());
  CAF_REQUIRE(!findings.empty());
  CAF_CHECK(has(findings.front(), "use session mode or the direct address"));
}

CAF_TEST(a pooler that refuses the settings of a session is named) {
  const pooler between(url, "session", "");
  const auto sentence = refusal_of([&] { read_schema(between.url()); });
  CAF_MESSAGE(sentence);
  CAF_CHECK(has(sentence, "session mode") && !has(sentence, "\n"));
}

CAF_TEST(a pooler in session mode that drops the settings is content) {
  const pooler between(url, "session", lets_options_pass);
  CAF_CHECK(check_database(between.url()).empty());
  CAF_CHECK(!migrate(between.url(), schema::account).empty());
  sql("CREATE FUNCTION public.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "IF NEW.user_id = 'sid' THEN PERFORM pg_sleep(20); END IF; RETURN NEW; END $$;"
      "CREATE TRIGGER dawdle BEFORE INSERT ON ledger.transactions FOR EACH ROW "
      "EXECUTE FUNCTION public.dawdle()");
  const auto store =
      make_postgres_store(with_parameter(between.url(), "options=-cstatement_timeout%3D500ms"));
  CAF_CHECK(failure_of(store->post({group(won("sid"), {}, {deposit(1, 1)})}))
            == store_failure_kind::blocked);
  CAF_CHECK(!failure_of(store->post({group(won("ann"), {}, {deposit(2, 1)})})));
}

// Its pool has five.
CAF_TEST(a pooler without a session of the server left is named) {
  const pooler between(url, "session", lets_options_pass);
  CAF_CHECK_EQUAL(session_room_warning(between.url(), 5), "");
  const auto warning = session_room_warning(between.url(), 6);
  CAF_MESSAGE(warning);
  CAF_CHECK(has(warning, "needs up to 6 sessions") && has(warning, "has given 5 (then none"));
  std::vector<std::unique_ptr<database>> all;
  const auto open = [&](std::chrono::milliseconds limit) {
    all.push_back(std::make_unique<database>(between.url(), std::vector<statement>{},
                                             session_terms{.limit = limit}));
  };
  for (int i = 0; i < 5; ++i)
    open(2s);
  try {
    open(300ms);
    CAF_ERROR("there is room");
  } catch (const database_error& error) {
    CAF_MESSAGE(error.what());
    CAF_CHECK(has(error.what(), "no answer within 300 ms") && has(error.what(), "ledgerd check"));
  }
}

CAF_TEST(a limit of connections that is lower than what a node needs is named) {
  CAF_CHECK_EQUAL(session_room_warning(url, 20), "");
  CAF_CHECK(has(session_room_warning(url, 5000), "max_connections"));
  sql("DROP ROLE IF EXISTS crowd; CREATE ROLE crowd LOGIN PASSWORD 'crowd' CONNECTION LIMIT 3");
  const auto as_crowd = with_user(url, "crowd", "crowd");
  CAF_CHECK_EQUAL(session_room_warning(as_crowd, 3), "");
  const auto warning = session_room_warning(as_crowd, 4);
  CAF_MESSAGE(warning);
  CAF_CHECK(has(warning, "the CONNECTION LIMIT of the role crowd is 3"));
  database one(as_crowd), two(as_crowd), three(as_crowd);
  CAF_CHECK(
      has(refusal_of([&] { database four(as_crowd); }, database_fault::away), "ledgerd check"));
}

CAF_TEST(a pooler that begins to share sessions under a running node is named) {
  pooler between(url, "session", lets_options_pass);
  probe look{between.url(), schema::ledger, {.good = 0ms, .bad = 0ms}};
  const auto becomes = [&](const std::string& wanted) {
    std::string fault;
    for (const auto end = clock::now() + 40s; clock::now() < end; std::this_thread::sleep_for(50ms))
      if (fault = look.fault(patience); wanted.empty() ? fault.empty() : has(fault, wanted))
        return true;
    CAF_MESSAGE(fault);
    return false;
  };
  for (int i = 0; i < 10; ++i)
    CAF_CHECK_EQUAL(look.fault(patience), "");
  between.switch_mode("transaction");
  CAF_CHECK(becomes("use session mode or the direct address"));
  between.switch_mode("session");
  CAF_CHECK(becomes(""));
}

CAF_TEST(a server that gives no transaction ids any more is away and no row is at fault) {
  private_servers own(private_servers::which::postgres);
  const auto at = own.database_url();
  migrate(at);
  migrate(at, schema::account);
  const auto store = make_postgres_store(at);
  const auto records = make_postgres_record_store(at);
  const auto id = done(records->record({{ask("ann", 1), "first"}})).front().record.id;
  CAF_CHECK(server_warnings(at).empty());
  own.sql(at, "ALTER SYSTEM SET wal_level = logical");
  own.kill_postgres();
  own.start_again();
  own.sql(at, "SELECT pg_create_logical_replication_slot('forgotten', 'pgoutput')");
  exhaust_transaction_ids(own);
  own.start_again();
  for (const bool one_by_one : {false, true}) {
    const auto result =
        store->post(group(won("ann"), {}, {deposit(1, 1)}), {200ms, 5s, one_by_one});
    const auto* failure = std::get_if<store_failure>(&result);
    CAF_REQUIRE(failure != nullptr);
    CAF_MESSAGE(failure->detail);
    CAF_CHECK(failure->kind == store_failure_kind::unavailable);
    CAF_CHECK(failure->culprits.empty());
    CAF_CHECK(has(failure->detail, "[SQLSTATE 54000]"));
  }
  CAF_CHECK(kind_of(records->record({{ask("bob", 1), ""}})) == store_failure_kind::unavailable);
  CAF_CHECK(kind_of(records->settle({success(id, ask("ann", 1))}))
            == store_failure_kind::unavailable);
  CAF_CHECK(kind_of(records->claim(0ms, 10)) == store_failure_kind::unavailable);
  for (const auto& fault :
       {make_postgres_reader(at)->write_fault(), make_postgres_record_reader(at)->write_fault()}) {
    CAF_MESSAGE(fault);
    CAF_CHECK(has(fault, "not accepting commands"));
  }
  const auto warnings = database_warnings(at);
  CAF_REQUIRE_EQUAL(warnings.size(), 1u);
  CAF_MESSAGE(warnings.front());
  CAF_CHECK(has(warnings.front(), "the oldest transaction id of the database "));
  CAF_CHECK(has(warnings.front(), "held back by the replication slot forgotten, which is 21"));
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(a promoted standby is found while the primary is frozen) {
  private_servers servers(private_servers::which::postgres);
  migrate(servers.database_url());
  standby second(servers);
  auto both = with_port(servers.database_url(), second.port());
  both.replace(both.find('@') + 1, 0,
               "127.0.0.1:" + std::to_string(port_of(servers.database_url())) + ",");
  const auto store = make_postgres_store(both);
  const auto reader = make_postgres_reader(both);
  std::int64_t id = 0;
  posted_of(store->post({group(won("ann"), {}, {deposit(++id, 1)})}));
  // Whoever only reads is content with a standby that is named alone, and with no other.
  const auto alone = with_port(servers.database_url(), second.port());
  CAF_CHECK(make_postgres_reader(reading_connection(alone))->currencies().size() > 150);
  CAF_CHECK(throws<std::runtime_error>([&] { make_postgres_reader(alone)->currencies(); }));
  CAF_CHECK(make_postgres_reader(reading_connection(both))->writable());
  CAF_CHECK(throws<std::runtime_error>([&] {
    make_postgres_reader(reading_connection(with_parameter(alone, "target_session_attrs=primary")))
        ->currencies();
  }));
  // A node that starts asks the one that it will write to.
  auto standby_first = alone;
  standby_first.insert(standby_first.rfind('/'),
                       ",127.0.0.1:" + std::to_string(port_of(servers.database_url())));
  CAF_CHECK(check_database(standby_first).empty());
  const auto of_standby = check_database(alone);
  CAF_REQUIRE(!of_standby.empty());
  CAF_CHECK(may_pass(of_standby.front()));
  second.freeze_primary(true);
  const auto frozen = clock::now();
  std::thread operator_([&] { second.promote(); });
  // Known heads spare the look: the first post after the promotion meets what the database holds.
  int failures = 0;
  ++id;
  while (failure_of(store->post({group(won("ann"), {}, {deposit(id, 1)})}))
         && clock::now() < frozen + 40s) {
    ++failures;
    std::this_thread::sleep_for(100ms);
  }
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - frozen).count();
  operator_.join();
  CAF_MESSAGE(took << " ms, " << failures << " failures");
  CAF_CHECK(took < 30'000); // ten seconds are promised, a third of what a slow machine may take
  // It was met while it was frozen: posts failed, or one outlasted the promotion of the other.
  CAF_CHECK(failures > 0 || took >= 500);
  CAF_CHECK(reader->writable());
  CAF_CHECK(reader->accounts_of("ann").at(0).head.seq == id);
  second.freeze_primary(false);
  const auto now = content_of(with_port(servers.database_url(), second.port()));
  CAF_CHECK_EQUAL(now.postings.size(), 2u);
  CAF_CHECK_EQUAL(chain_fault(now), "");
}
