// `ledgerd locks` against a private server: a stranger's psql holds a row, a store stands for the
// daemon.

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "messaging/broker.hpp"
#include "messaging/names.hpp"
#include "persistence/locks.hpp"
#include "persistence/postgres.hpp"
#include "tests/app/verbs/verb_world.hpp"

#define CAF_SUITE locks
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

std::string with_login(std::string url, const std::string& login) {
  const auto begin = url.find("//") + 2;
  return url.replace(begin, url.find('@') - begin, login);
}

// Somebody's psql that stands in a transaction.
class stranger {
public:
  stranger(const std::string& url, const std::string& statements, const std::string& name = "psql")
      : psql_(popen(("PGAPPNAME=" + name + " psql -XAtq -d '" + url + "' >/dev/null 2>&1").c_str(),
                    "w"),
              pclose) {
    if (!psql_)
      throw std::runtime_error("psql cannot be started");
    say("BEGIN; " + statements);
  }

  void say(const std::string& statements) {
    std::fputs((statements + ";\n").c_str(), psql_.get());
    std::fflush(psql_.get());
  }

private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> psql_;
};

struct fixture : verb_world {
  std::string url = servers.database_url();

  // Roles as deploy/roles.sql makes them, with a login for whoever is on call, one who may also end
  // sessions, and one who leaves a psql open.
  fixture() {
    std::ifstream file{LEDGERD_SOURCE_DIR "/deploy/roles.sql"};
    servers.sql(url, std::string{std::istreambuf_iterator<char>{file}, {}});
    servers.sql(url,
                "CREATE ROLE looker LOGIN PASSWORD 'p' IN ROLE ledgerd_reader; "
                "CREATE ROLE oncall LOGIN PASSWORD 'p' IN ROLE ledgerd_reader, pg_signal_backend, "
                "pg_read_all_stats; CREATE ROLE poster LOGIN PASSWORD 'p' IN ROLE ledgerd_writer; "
                "CREATE ROLE bob LOGIN PASSWORD 'p' IN ROLE ledgerd_writer");
    post({request(1, movement::deposit, 500)});
  }

  ~fixture() {
    stop();
    servers.sql(url, "REASSIGN OWNED BY bob TO postgres; DROP ROLE looker, oncall, poster, bob");
  }

  // The process of the only session of psql that stands in a transaction.
  std::string pid_of_stranger() {
    for (int i = 0; i < 200; ++i, std::this_thread::sleep_for(50ms)) {
      auto pid = servers.sql(url, "SELECT pid FROM pg_stat_activity WHERE application_name = "
                                  "'psql' AND state = 'idle in transaction'");
      if (!pid.empty()) {
        pid.pop_back();
        return pid;
      }
    }
    throw std::runtime_error("nobody stands in a transaction");
  }

  bool is_there(const std::string& pid) {
    return servers.sql(url, "SELECT count(*) FROM pg_stat_activity WHERE pid = " + pid) == "1\n";
  }

  // Tries the account again and again, as a side lane would, with rests between.
  void keep_posting() {
    stopped_ = false;
    posts_ = std::thread{[this] {
      const auto store = make_postgres_store(with_login(url, "poster:p"));
      const auto asked = request(++posts_made_, movement::deposit, 1);
      const posting_batch batch{{{asked.account, std::nullopt}}, {{asked, 0}}};
      while (!stopped_)
        if (std::holds_alternative<posted>(store->post(batch, {.lock = 400ms})))
          return;
        else
          std::this_thread::sleep_for(700ms);
    }};
  }

  void stop() {
    stopped_ = true;
    if (posts_.joinable())
      posts_.join();
  }

  program_run run_as(const std::string& login, const std::vector<std::string>& words) const {
    return run_program(words, {"LEDGERD_NATS_URL=" + servers.nats_url(),
                               "LEDGERD_DATABASE_URL=" + with_login(url, login + ":p")});
  }

  std::vector<stored_message> actions() const {
    std::vector<stored_message> all;
    nats->read(names::action_stream, "", 1, [&](const stored_message& message) {
      all.push_back(message);
      return true;
    });
    return all;
  }

private:
  std::atomic<bool> stopped_ = false;
  std::int64_t posts_made_ = 1; // by the fixture
  std::thread posts_;
};

constexpr auto lock_alice = "SELECT FROM ledger.accounts WHERE user_id = 'alice' FOR UPDATE";

} // namespace

CAF_TEST_FIXTURE_SCOPE(locks_tests, fixture)

CAF_TEST(where nobody holds a lock that is said at once) {
  const auto begin = std::chrono::steady_clock::now();
  const auto none = run_as("looker", {"locks", "list"});
  CAF_CHECK(std::chrono::steady_clock::now() - begin < 5s);
  CAF_CHECK_EQUAL(std::make_pair(none.err, none.code), std::make_pair(std::string{}, 0));
  CAF_CHECK_EQUAL(none.out, "no other session holds a lock that ledgerd could wait for\n");
  CAF_CHECK(json::parse(run_as("looker", {"locks", "list", "--json"}).out).at("items").empty());
}

CAF_TEST(who blocks is listed with what a role may see) {
  const stranger bob{with_login(url, "bob:p"), lock_alice};
  const auto pid = pid_of_stranger();
  keep_posting();
  const auto seen = run_as("oncall", {"locks", "list", "--json"});
  CAF_CHECK_EQUAL(std::make_pair(seen.err, seen.code), std::make_pair(std::string{}, 0));
  const auto items = json::parse(seen.out).at("items");
  CAF_REQUIRE_EQUAL(items.size(), 1u);
  const auto& it = items.at(0);
  CAF_CHECK_EQUAL(it.at("pid").dump(), pid);
  CAF_CHECK_EQUAL(it.at("user"), "bob");
  CAF_CHECK_EQUAL(it.at("application"), "psql");
  CAF_CHECK_EQUAL(it.at("state"), "idle in transaction");
  CAF_CHECK(it.at("since").get<std::string>().starts_with("20"));
  CAF_CHECK_EQUAL(it.at("on"), json::parse(R"(["account alice KRW"])"));
  CAF_CHECK_EQUAL(it.at("mayEnd"), true);
  CAF_REQUIRE_EQUAL(it.at("blocks").size(), 1u);
  CAF_CHECK(it.at("blocks").at(0).at("waitedMs").get<int>() < 60'000); // no microseconds
  const auto less =
      json::parse(run_as("looker", {"locks", "list", "--json"}).out).at("items").at(0);
  CAF_CHECK_EQUAL(less.at("user"), "bob");
  CAF_CHECK_EQUAL(less.at("application"), "psql");
  CAF_CHECK(less.at("since").is_null() && less.at("state").is_null());
  CAF_CHECK(!less.at("blocks").empty());
  CAF_CHECK(contains(less.at("whyNot").get<std::string>(), "pg_signal_backend"));
  const auto table = run_as("looker", {"locks", "list"});
  CAF_CHECK(contains(table.out, pid + "  bob   psql         unknown  unknown  "));
  CAF_CHECK(contains(table.out, "account alice KRW  no: needs pg_signal_backend\n"));
  CAF_CHECK(!contains(table.out, "next: "));
  CAF_CHECK(contains(run_as("oncall", {"locks", "list"}).out, "\nnext: `ledgerd locks end " + pid));
}

CAF_TEST(a session that blocks is ended and the action written down) {
  const stranger bob{with_login(url, "bob:p"), lock_alice};
  const auto pid = pid_of_stranger();
  keep_posting();
  const auto refused = run_as("looker", {"locks", "end", pid, "--why", "left open"});
  CAF_CHECK_EQUAL(refused.code, 1);
  CAF_CHECK(contains(refused.err, "session " + pid + " of the user bob (psql): "));
  CAF_CHECK(contains(refused.err, "GRANT pg_signal_backend"));
  CAF_CHECK_EQUAL(run_as("oncall", {"locks", "end", pid}).code, 2); // without a reason
  const auto dry = run_as("oncall", {"locks", "end", pid, "--dry-run"});
  CAF_CHECK_EQUAL(dry.code, 0);
  CAF_CHECK(contains(dry.out, "would end the session " + pid + " of the user bob (psql)"));
  CAF_CHECK(actions().empty());
  CAF_CHECK(is_there(pid));
  const auto ended = run_as("oncall", {"locks", "end", pid, "--why", "left open", "--json"});
  CAF_CHECK_EQUAL(std::make_pair(ended.err, ended.code), std::make_pair(std::string{}, 0));
  CAF_CHECK(json::parse(ended.out).at("done").get<bool>());
  CAF_CHECK(!is_there(pid));
  const auto entries = actions();
  CAF_REQUIRE_EQUAL(entries.size(), 1u);
  CAF_CHECK_EQUAL(entries.front().subject, names::end_session_subject);
  const auto listed = json::parse(run({"dead", "actions", "--json"}).out).at("items").at(0);
  CAF_CHECK_EQUAL(listed.at("action"), "end-session");
  CAF_CHECK_EQUAL(listed.at("why"), "left open");
  CAF_CHECK(listed.at("letter").is_null());
  CAF_CHECK_EQUAL(listed.at("session").at("pid").dump(), pid);
  CAF_CHECK_EQUAL(listed.at("session").at("on"), json::parse(R"(["account alice KRW"])"));
  CAF_CHECK(contains(run({"dead", "actions"}).out, "  " + pid + " bob psql  "));
  CAF_CHECK_EQUAL(run_as("oncall", {"locks", "end", pid, "--why", "again"}).code, 1);
  CAF_CHECK_EQUAL(actions().size(), 1u);
}

// Between the look and the end its user may have gone on by himself.
CAF_TEST(a session that is in another transaction by now is not ended) {
  stranger bob{with_login(url, "bob:p"), lock_alice};
  const auto pid = pid_of_stranger();
  const auto watch = make_postgres_lock_watch(with_login(url, "oncall:p"));
  const auto holder_but_in = [&](const std::string& transaction) {
    for (int i = 0; i < 200; ++i, std::this_thread::sleep_for(50ms))
      if (const auto all = watch->look(0ms); all.size() == 1 && all[0].transaction != transaction)
        return all[0];
    throw std::runtime_error("nobody holds a lock in another transaction");
  };
  const auto before = holder_but_in("");
  bob.say(std::string{"COMMIT; BEGIN; "} + lock_alice);
  const auto now = holder_but_in(before.transaction);
  CAF_CHECK(watch->end(before, 3s) == end_outcome::gone);
  CAF_CHECK(is_there(pid));
  CAF_CHECK(watch->end(now, 3s) == end_outcome::ended);
  CAF_CHECK(!is_there(pid));
}

CAF_TEST(no session is ended of which nothing can be written down) {
  const stranger bob{with_login(url, "bob:p"), lock_alice};
  const auto pid = pid_of_stranger();
  keep_posting();
  nats->delete_stream(names::action_stream);
  const auto refused = run_as("oncall", {"locks", "end", pid, "--why", "a test"});
  CAF_CHECK_NOT_EQUAL(refused.code, 0);
  CAF_CHECK(contains(refused.err, "nobody would know who has ended the session"));
  CAF_CHECK(is_there(pid));
  CAF_CHECK(nats->provision({}).refused.empty());
}

CAF_TEST(while NATS is away the session lives on and psql can end it) {
  const stranger bob{with_login(url, "bob:p"), lock_alice};
  const auto pid = pid_of_stranger();
  keep_posting();
  const auto refused = run_program({"locks", "end", pid, "--why", "a test"},
                                   {"LEDGERD_NATS_URL=nats://127.0.0.1:9",
                                    "LEDGERD_DATABASE_URL=" + with_login(url, "oncall:p")});
  CAF_CHECK_EQUAL(refused.code, 3);
  CAF_CHECK(contains(refused.err, "; the session " + pid + " of the user bob"));
  CAF_CHECK(contains(refused.err, "lives on"));
  CAF_CHECK(contains(refused.err, "`SELECT pg_terminate_backend(" + pid + ")`"));
  CAF_CHECK(is_there(pid));
}

CAF_TEST(what does not block is not ended) {
  const stranger bob{with_login(url, "bob:p"), lock_alice};
  const auto pid = pid_of_stranger();
  const auto idle = run_as("oncall", {"locks", "end", pid, "--why", "a test"});
  CAF_CHECK_EQUAL(idle.code, 1);
  CAF_CHECK(contains(idle.err, "was not seen to block any session of ledgerd"));
  CAF_CHECK(contains(run_as("oncall", {"locks", "list"}).out, "  nobody seen  "));
  keep_posting();
  std::string ours;
  for (int i = 0; i < 200 && ours.empty(); ++i, std::this_thread::sleep_for(20ms))
    ours = servers.sql(url, "SELECT pid FROM pg_stat_activity WHERE application_name = 'ledgerd' "
                            "AND usename = 'poster' LIMIT 1");
  CAF_REQUIRE(!ours.empty());
  ours.pop_back();
  const auto own = run_as("oncall", {"locks", "end", ours, "--why", "a test"});
  CAF_CHECK_EQUAL(own.code, 1);
  CAF_CHECK(contains(own.err, "session " + ours + " is one of ledgerd's own"));
  CAF_CHECK(is_there(pid));
  CAF_CHECK(contains(run_as("oncall", {"locks", "end", "999999999", "--why", "a test"}).err,
                     "there is no session 999999999"));
  CAF_CHECK(actions().empty());
}

CAF_TEST(of the session of a superuser is said that only a superuser may end it) {
  const stranger root{
      with_login(url, "postgres"
                          + url.substr(url.find(':', url.find("//")),
                                       url.find('@') - url.find(':', url.find("//")))),
      lock_alice};
  const auto pid = pid_of_stranger();
  keep_posting();
  const auto refused = run_as("oncall", {"locks", "end", pid, "--why", "a test"});
  CAF_CHECK_EQUAL(refused.code, 1);
  CAF_CHECK(contains(refused.err, "which only a superuser may end"));
  CAF_CHECK(contains(run_as("oncall", {"locks", "list"}).out, "no: only by a superuser"));
  CAF_CHECK(actions().empty());
  CAF_CHECK(is_there(pid));
}

CAF_TEST(the help of both verbs speaks of prepared transactions) {
  CAF_CHECK(contains(run_program({"locks", "list", "--help"}).out, "prepared transactions"));
  for (const auto& page :
       {run_program({"locks", "end", "--help"}).out, run_program({"help", "--man", "locks"}).out})
    CAF_CHECK(contains(page, "the name of a prepared transaction"));
}

CAF_TEST(a prepared transaction is listed with what ends it) {
  servers.sql(url, "ALTER SYSTEM SET max_prepared_transactions = 4");
  servers.kill_postgres();
  servers.start_again();
  for (const std::string lock : {lock_alice, "LOCK TABLE ledger.accounts IN EXCLUSIVE MODE"}) {
    servers.sql(url, "BEGIN; " + lock + "; PREPARE TRANSACTION 'forgotten'");
    CAF_CHECK(contains(run_as("looker", {"locks", "list"}).out, "  nobody seen  "));
    keep_posting();
    const auto items = json::parse(run_as("looker", {"locks", "list", "--json"}).out).at("items");
    CAF_REQUIRE_EQUAL(items.size(), 1u);
    const auto& it = items.at(0);
    CAF_CHECK(it.at("pid").is_null());
    CAF_CHECK_EQUAL(it.at("prepared"), "forgotten");
    CAF_CHECK_EQUAL(it.at("user"), "postgres");
    CAF_CHECK(it.at("since").get<std::string>().starts_with("20"));
    CAF_CHECK_EQUAL(it.at("blocks").size(), 1u);
    CAF_CHECK_EQUAL(it.at("mayEnd"), false);
    const auto table = run_as("oncall", {"locks", "list"}).out;
    CAF_CHECK(contains(table, "no: prepared transaction"));
    CAF_CHECK(contains(table, "ends it with ROLLBACK PREPARED 'forgotten'\n"));
    const auto refused = run_as("oncall", {"locks", "end", "forgotten", "--why", "a test"});
    CAF_CHECK_EQUAL(refused.code, 1);
    CAF_CHECK(contains(refused.err, "ROLLBACK PREPARED 'forgotten'"));
    CAF_CHECK(actions().empty());
    servers.sql(url, "ROLLBACK PREPARED 'forgotten'");
    stop();
  }
  CAF_CHECK(contains(run_as("oncall", {"locks", "end", "forgotten", "--why", "a test"}).err,
                     "no session and no prepared transaction forgotten"));
}

CAF_TEST(records of the account side in a database of its own are watched as well) {
  const auto records = servers.fresh_database();
  const std::vector<std::string> both{"LEDGERD_NATS_URL=" + servers.nats_url(),
                                      "LEDGERD_DATABASE_URL=" + url,
                                      "LEDGERD_ACCOUNT_DATABASE_URL=" + records};
  CAF_REQUIRE_EQUAL(run_program({"migrate"}, both).code, 0);
  servers.sql(records, "INSERT INTO account.transaction_records (user_id, currency, type, amount, "
                       "fingerprint) VALUES ('alice', 'KRW', 'DEPOSIT', 1, 1)");
  const std::string lock = "SELECT FROM account.transaction_records FOR UPDATE";
  const stranger somebody{records, lock};
  const auto pid = pid_of_stranger();
  const stranger waiting{records, "SET lock_timeout = '60s'; " + lock, "ledgerd"};
  const auto seen = json::parse(run_program({"locks", "list", "--json"}, both).out);
  CAF_CHECK(seen.at("problems").empty());
  CAF_REQUIRE_EQUAL(seen.at("items").size(), 1u);
  const auto& it = seen.at("items").at(0);
  CAF_CHECK_EQUAL(it.at("database"), "account");
  CAF_CHECK_EQUAL(it.at("pid").dump(), pid);
  CAF_REQUIRE_EQUAL(it.at("on").size(), 1u);
  CAF_CHECK(it.at("on").at(0).get<std::string>().starts_with("record "));
  // One that is away hides nothing of the other.
  auto half = both;
  half[1] = "LEDGERD_DATABASE_URL=postgresql://x:s3cr3t@127.0.0.1:9/x";
  const auto rest = run_program({"locks", "list", "--json"}, half);
  CAF_CHECK_EQUAL(rest.code, 1);
  const auto told = json::parse(rest.out);
  CAF_CHECK_EQUAL(told.at("items").size(), 1u);
  CAF_CHECK_EQUAL(told.at("problems").size(), 1u);
  CAF_CHECK(!contains(rest.out + rest.err, "s3cr3t"));
  CAF_CHECK_EQUAL(run_program({"locks", "end", pid, "--why", "a test"}, half).code, 0);
  CAF_CHECK(!is_there(pid));
}

CAF_TEST_FIXTURE_SCOPE_END()
