// Databases that fall silent without breaking: every call ends in time, and the next one goes on.
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <signal.h>
#include <thread>

#include "persistence/database_watch.hpp"
#include "persistence/postgres.hpp"
#include "persistence/postgres/probe.hpp"
#include "persistence/record_store.hpp"
#include "persistence/schema.hpp"
#include "tests/persistence/batches.hpp"
#include "tests/persistence/chain.hpp"
#include "tests/persistence/postgres/postgres_world.hpp"
#include "tests/persistence/records.hpp"
#include "tests/support/cut_proxy.hpp"

#define CAF_SUITE postgres_silence
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

// With it a call waits for two seconds at most.
constexpr auto short_limit = "options=-cstatement_timeout%3D500ms";

// With it for far longer than anybody is patient.
constexpr auto long_limit = "options=-cstatement_timeout%3D60s";

// Far above every limit here, far below for ever: a busy machine is slow.
constexpr auto patience = 12s;

template <class Function>
std::chrono::milliseconds time_of(Function function) {
  const auto begun = clock::now();
  function();
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begun);
}

struct silence : postgres_world {
  posting_batch deposit_of(const char* user, std::int64_t id) {
    return group(won(user), {}, {deposit(id, 1)});
  }

  bool becomes(const std::string& query, const std::string& answer) {
    for (int i = 0; i < 200; ++i) {
      if (sql(query) == answer + "\n")
        return true;
      std::this_thread::sleep_for(50ms);
    }
    return false;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(silent, silence)

CAF_TEST(a frozen backend is given up and the next session goes on) {
  const auto store = make_postgres_store(with_parameter(url, short_limit));
  post_result result, again;
  // A session that has rested, as on a slow machine, is asked first and another one opened.
  for (std::int64_t id = 1; id < 40 && !failure_of(result); id += 2) {
    posted_of(store->post(deposit_of("ann", id)));
    const auto pid = std::stoi(sql("SELECT pid FROM pg_stat_activity WHERE application_name = "
                                   "'ledgerd' AND datname = current_database() "
                                   "ORDER BY backend_start DESC LIMIT 1"));
    CAF_REQUIRE_EQUAL(kill(pid, SIGSTOP), 0);
    const auto took = time_of([&] { result = store->post(deposit_of("bob", id + 1)); });
    again = store->post(deposit_of("bob", id + 1));
    kill(pid, SIGCONT);
    CAF_MESSAGE(took.count() << " ms");
    CAF_CHECK(took < patience);
  }
  CAF_REQUIRE(failure_of(result) == store_failure_kind::unavailable);
  const auto& detail = std::get<store_failure>(result).detail;
  CAF_CHECK(detail.starts_with("PostgreSQL at "));
  CAF_CHECK(detail.find(" gave no answer within ") != std::string::npos);
  CAF_CHECK(!failure_of(again));
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(commits that wait for no standby any more are told once and that they do again) {
  const std::string beginning = "synchronous_commit is local, but synchronous_standby_names";
  std::vector<std::string> told;
  set_database_listener([&](const std::string& sentence) { told.push_back(sentence); });
  probe look{url, schema::ledger, {0ms, 0ms}};
  // What a new session meets, all older ones have been told.
  const auto after = [&](const std::string& statement, const std::string& name,
                         const std::string& wanted) {
    sql(statement);
    sql("SELECT pg_reload_conf()");
    for (int i = 0; i < 400 && sql("SHOW " + name) != wanted + "\n"; ++i)
      std::this_thread::sleep_for(50ms);
    told.clear();
    for (int i = 0; i < 3; ++i)
      CAF_CHECK_EQUAL(look.fault(patience), "");
    return told;
  };
  sql("ALTER SYSTEM SET synchronous_commit = local");
  const std::string commit = "synchronous_commit", standbys = "synchronous_standby_names";
  CAF_CHECK(after("SELECT 1", commit, "local").empty());
  const auto warned = after("ALTER SYSTEM SET " + standbys + " = 'nobody'", standbys, "nobody");
  CAF_REQUIRE_EQUAL(warned.size(), 1u);
  CAF_CHECK(warned.front().starts_with(beginning));
  CAF_CHECK_EQUAL(after("ALTER SYSTEM RESET " + commit, commit, "on"),
                  std::vector<std::string>{"commits wait for the synchronous standby again"});
  CAF_CHECK(after("ALTER SYSTEM RESET " + standbys, standbys, "").empty());
  set_database_listener({});
}

CAF_TEST(what is visible and not replicated is not known) {
  const auto store = this->store();
  posted_of(store->post(deposit_of("ann", 1)));
  sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  sql("SELECT pg_reload_conf()");
  const bool waits = becomes("SHOW synchronous_standby_names", "nobody");
  // Whoever ends the wait, its row is there afterwards.
  std::vector<std::future_status> again;
  std::vector<post_result> cut_short, found;
  for (const std::string way : {"pg_terminate_backend", "pg_cancel_backend"}) {
    const auto batch = deposit_of("bob", 2 + static_cast<std::int64_t>(again.size()));
    auto hung = std::async(std::launch::async, [&] { return store->post(batch); });
    becomes("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", "1");
    // An audit goes beyond no row that is still to come, and waits for none that is too young.
    const auto reader = make_postgres_reader(url);
    CAF_CHECK(throws<std::runtime_error>([&] { reader->linked_after(transaction_id{0}, 10, 0s); }));
    CAF_CHECK(reader->linked_after(transaction_id{0}, 10, 60s).empty());
    sql("SELECT " + way + "(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    cut_short.push_back(hung.get());
    auto known = std::async(std::launch::async, [&] { return store->post(batch); });
    again.push_back(known.wait_for(1s));
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    found.push_back(known.get());
  }
  sql("ALTER SYSTEM RESET synchronous_standby_names");
  sql("SELECT pg_reload_conf()");
  CAF_CHECK(becomes("SHOW synchronous_standby_names", ""));
  CAF_CHECK(waits);
  for (const auto& each : cut_short)
    CAF_CHECK(failure_of(each) == store_failure_kind::in_doubt);
  for (const auto each : again)
    CAF_CHECK(each == std::future_status::timeout);
  for (const auto& each : found)
    CAF_CHECK(failure_of(each) == store_failure_kind::in_doubt);
  CAF_CHECK_EQUAL(posted_of(store->post(deposit_of("bob", 2))).statistics.rows, 0u);
  CAF_CHECK_EQUAL(sql("SELECT count(*) FROM ledger.transactions"), "3\n");
}

CAF_TEST(a commit without an answer is in doubt and leaves one session behind) {
  std::mutex mutex;
  std::vector<std::string> told;
  set_database_listener([&](const std::string& sentence) {
    const std::lock_guard lock(mutex);
    told.push_back(sentence);
  });
  const auto store = this->store();
  posted_of(store->post(deposit_of("ann", 1)));
  sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  sql("SELECT pg_reload_conf()");
  const bool waits = becomes("SHOW synchronous_standby_names", "nobody");
  auto hung = std::async(std::launch::async, [&] { return store->post(deposit_of("bob", 2)); });
  std::chrono::milliseconds longest{0};
  for (const auto end = clock::now() + patience;
       clock::now() < end && hung.wait_for(50ms) != std::future_status::ready;)
    longest = std::max(longest, longest_commit_wait());
  const auto ended = hung.wait_for(0ms) == std::future_status::ready;
  // No other COMMIT is sent behind the one that hangs.
  std::vector<post_result> behind;
  if (ended)
    for (int i = 0; i < 3; ++i)
      behind.push_back(store->post(deposit_of("eve", 3 + i)));
  const auto given_up = longest_commit_wait();
  const auto sessions = sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
  sql("ALTER SYSTEM RESET synchronous_standby_names");
  sql("SELECT pg_reload_conf()");
  CAF_REQUIRE(waits && ended);
  CAF_CHECK(failure_of(hung.get()) == store_failure_kind::in_doubt);
  CAF_CHECK(longest >= commit_notice);
  CAF_CHECK(given_up > longest); // it still waits, over there
  CAF_CHECK_EQUAL(sessions, "1\n");
  for (const auto& each : behind) {
    CAF_CHECK(failure_of(each) == store_failure_kind::unavailable);
    CAF_CHECK(std::get<store_failure>(each).detail.find("synchronous standby")
              != std::string::npos);
  }
  CAF_CHECK(becomes("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", "0"));
  CAF_CHECK_EQUAL(posted_of(store->post(deposit_of("bob", 2))).statistics.rows, 0u); // known
  CAF_CHECK(longest_commit_wait() == 0ms);
  set_database_listener({});
  CAF_REQUIRE_EQUAL(told.size(), 2u);
  CAF_CHECK(told.front().starts_with("a COMMIT has been waiting for "));
  CAF_CHECK(told.back().starts_with("the COMMIT that waited has been given up after "));
}

CAF_TEST(a connection that a firewall forgot is given up) {
  cut_proxy proxy(port_of(url));
  const auto away = with_port(with_parameter(url, short_limit), proxy.port());
  const auto store = make_postgres_store(away);
  const auto reader = make_postgres_reader(away);
  post_result result;
  std::int64_t id = 0;
  for (int tries = 0; tries < 20 && !failure_of(result); ++tries) {
    CAF_CHECK(reader->writable());
    posted_of(store->post(deposit_of("ann", ++id)));
    CAF_CHECK_EQUAL(reader->accounts_of("ann").size(), 1u);
    proxy.blackhole();
    // Within the rest that is not worth a question, but on a slow machine: the call itself has its
    // limit.
    CAF_CHECK(time_of([&] { result = store->post(deposit_of("bob", ++id)); }) < patience);
  }
  CAF_CHECK(failure_of(result) == store_failure_kind::unavailable);
  CAF_CHECK(!failure_of(store->post(deposit_of("bob", id))));
  // After a rest the session is asked first, and nobody hears of it.
  CAF_CHECK(time_of([&] { CAF_CHECK_EQUAL(reader->accounts_of("ann").size(), 1u); }) < patience);
  CAF_CHECK(time_of([&] { CAF_CHECK(reader->writable()); }) < patience);
}

CAF_TEST(no call waits for ever for a server that hangs) {
  cut_proxy proxy(port_of(url));
  const auto away = with_port(with_parameter(url, short_limit), proxy.port());
  const auto reader = make_postgres_reader(away);
  const auto records = make_postgres_record_store(away);
  CAF_CHECK(reader->writable());
  proxy.hang(true);
  CAF_CHECK(time_of([&] { CAF_CHECK(!reader->writable()); }) < patience);
  CAF_CHECK(time_of([&] {
              CAF_CHECK(failure_of(make_postgres_store(away)->post(deposit_of("ann", 1)))
                        == store_failure_kind::unavailable);
            })
            < patience);
  CAF_CHECK(time_of([&] {
              CAF_CHECK(kind_of(records->find({record_id{1}})) == store_failure_kind::unavailable);
            })
            < patience);
  CAF_CHECK(
      time_of([&] { CAF_CHECK(throws<std::runtime_error>([&] { reader->accounts_of("ann"); })); })
      < patience);
  CAF_CHECK(time_of([&] { CAF_CHECK(throws<std::runtime_error>([&] { check_database(away); })); })
            < patience);
  CAF_CHECK(time_of([&] { CAF_CHECK(throws<std::runtime_error>([&] { migrate(away); })); })
            < patience);
  proxy.hang(false);
  CAF_CHECK(reader->writable());
}

CAF_TEST(a cancellation ends every call at once) {
  cut_proxy proxy(port_of(url));
  const auto away = with_port(with_parameter(url, long_limit), proxy.port());
  const auto store = make_postgres_store(away);
  posted_of(store->post(deposit_of("ann", 1)));
  proxy.hang(true);
  auto posting = std::async(std::launch::async, [&] { return store->post(deposit_of("bob", 2)); });
  auto opening = std::async(std::launch::async,
                            [&] { return make_postgres_store(away)->post(deposit_of("bob", 2)); });
  std::this_thread::sleep_for(200ms);
  const auto took = time_of([&] {
    cancel_database_calls();
    CAF_CHECK(failure_of(posting.get()) == store_failure_kind::unavailable);
    CAF_CHECK(failure_of(opening.get()) == store_failure_kind::unavailable);
    CAF_CHECK(failure_of(store->post(deposit_of("bob", 2))) == store_failure_kind::unavailable);
  });
  permit_database_calls();
  proxy.hang(false);
  CAF_MESSAGE(took.count() << " ms");
  CAF_CHECK(took < patience);
  CAF_CHECK(!failure_of(store->post(deposit_of("bob", 2))));
}

CAF_TEST_FIXTURE_SCOPE_END()
