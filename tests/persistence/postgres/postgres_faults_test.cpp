#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "persistence/postgres.hpp"
#include "tests/persistence/batches.hpp"
#include "tests/persistence/chain.hpp"
#include "tests/persistence/postgres/postgres_world.hpp"
#include "tests/support/cut_proxy.hpp"

#define CAF_SUITE postgres_faults
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

// Posts until it is done, as the gate would.
struct patient_poster {
  std::unique_ptr<ledger_store> store;
  int unavailable = 0;
  int in_doubt = 0;
  int rejected = 0;
  int blocked = 0;

  posted post(const posting_batch& batch) {
    for (const auto deadline = clock::now() + 60s; clock::now() < deadline;) {
      auto result = store->post(batch);
      if (auto success = std::get_if<posted>(&result))
        return std::move(*success);
      const auto kind = failure_of(result);
      unavailable += kind == store_failure_kind::unavailable;
      in_doubt += kind == store_failure_kind::in_doubt;
      rejected += kind == store_failure_kind::rejected;
      blocked += kind == store_failure_kind::blocked;
      std::this_thread::sleep_for(20ms);
    }
    throw std::runtime_error("the database did not come back within a minute");
  }
};

struct faults : postgres_world {
  // Posts batches of ten deposits to three accounts until `stop` says so; the number of entries.
  std::int64_t post_until(patient_poster& poster, const std::function<bool()>& stop) {
    std::optional<account_head> heads[3];
    std::int64_t id = 0;
    while (!stop()) {
      std::vector<posting_batch> groups;
      for (int user = 0; user < 3; ++user) {
        std::vector<entry> entries;
        for (int k = 0; k < 10; ++k)
          entries.push_back(deposit(++id, 1));
        groups.push_back(group(won("user-" + std::to_string(user)), heads[user], entries));
      }
      const auto result = poster.post(joined(groups));
      for (int user = 0; user < 3; ++user)
        heads[user] = result.heads[static_cast<std::size_t>(user)];
    }
    CAF_MESSAGE(id << " entries, " << poster.unavailable << " times unavailable, "
                   << poster.in_doubt << " times in doubt");
    return id;
  }

  // Every entry once, in whole chains.
  void check_posted(std::int64_t entries) {
    const auto now = content();
    CAF_CHECK_EQUAL(static_cast<std::int64_t>(now.postings.size()), entries);
    std::int64_t sum = 0;
    for (const auto& [key, head] : now.accounts)
      sum += head.balance.minor_units();
    CAF_CHECK_EQUAL(sum, entries);
    CAF_CHECK_EQUAL(chain_fault(now), "");
  }

  // One batch through a proxy that cuts at COMMIT, and again; the answer to the second.
  posted post_cut_twice(cut_proxy::cut where) {
    cut_proxy proxy(port_of(url));
    const auto store = make_postgres_store(with_port(url, proxy.port()));
    posted_of(store->post(group(won("ann"), {}, {deposit(1, 100)})));
    const auto batch = group(won("ann"), head(100, 1), {withdrawal(2, 30), withdrawal(3, 90)});
    proxy.arm("COMMIT", where);
    CAF_CHECK(failure_of(store->post(batch)) == store_failure_kind::in_doubt);
    CAF_CHECK_EQUAL(proxy.cuts(), 1);
    CAF_CHECK_EQUAL(content().postings.size(), where == cut_proxy::cut::after_answer ? 3u : 1u);
    return posted_of(store->post(batch));
  }

  // Whether the server says so within ten seconds.
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

CAF_TEST_FIXTURE_SCOPE(faulty, faults)

CAF_TEST(a commit whose answer is lost is in doubt and then known) {
  const auto again = post_cut_twice(cut_proxy::cut::after_answer);
  CAF_CHECK(verdicts(again) == (std::vector(2, outcome::duplicate)));
  CAF_CHECK(again.answers.at(0).stored.balance_after == money{70});
  CAF_CHECK(again.answers.at(1).stored.verdict == outcome::insufficient_funds);
  CAF_CHECK(again.heads.at(0) == head(70, 3));
  CAF_CHECK_EQUAL(again.statistics.rows, 0u);
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(a commit that never arrives is in doubt and then posted) {
  const auto again = post_cut_twice(cut_proxy::cut::before_forwarding);
  CAF_CHECK(verdicts(again) == (std::vector{outcome::applied, outcome::insufficient_funds}));
  CAF_CHECK_EQUAL(again.statistics.rows, 2u);
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(a connection cut before commit wrote nothing) {
  for (const auto trigger : {"move_accounts", "insert_rows"}) {
    cut_proxy proxy(port_of(url));
    patient_poster poster{make_postgres_store(with_port(url, proxy.port()))};
    const auto first =
        poster.post(group(won(trigger), {}, {deposit(content().postings.size() + 1, 1)}));
    const auto before = content().postings.size();
    proxy.arm(trigger, cut_proxy::cut::after_answer);
    const auto batch =
        group(won(trigger), first.heads.at(0), {deposit(static_cast<std::int64_t>(before) + 1, 1)});
    CAF_CHECK(failure_of(poster.store->post(batch)) == store_failure_kind::unavailable);
    CAF_CHECK_EQUAL(proxy.cuts(), 1);
    CAF_CHECK(content().postings.size() == before);
    CAF_CHECK(poster.post(batch).statistics.rows == 1);
  }
  check_posted(4);
}

CAF_TEST(a connection cut before anything was answered is opened again) {
  cut_proxy proxy(port_of(url));
  const auto store = make_postgres_store(with_port(url, proxy.port()));
  const auto first = posted_of(store->post(group(won("ann"), {}, {deposit(1, 1)})));
  proxy.arm("find_known", cut_proxy::cut::after_answer);
  const auto second = posted_of(store->post(group(won("ann"), first.heads.at(0), {deposit(2, 1)})));
  CAF_CHECK_EQUAL(second.statistics.rows, 1u);
  CAF_CHECK_EQUAL(proxy.cuts(), 1);
  check_posted(2);
}

CAF_TEST(a session that is ended all the time loses and doubles nothing) {
  std::atomic<bool> done{false};
  std::thread killer([&] {
    while (!done) {
      sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
          "WHERE datname = current_database() AND pid <> pg_backend_pid()");
      std::this_thread::sleep_for(30ms);
    }
  });
  patient_poster poster{store()};
  const auto end = clock::now() + 4s;
  // On a busy machine they are ended seldom, and a session that works on nothing is not missed.
  const auto entries = post_until(poster, [&] {
    return clock::now() > end
           && (poster.unavailable + poster.in_doubt > 0 || clock::now() > end + 30s);
  });
  done = true;
  killer.join();
  CAF_CHECK(poster.unavailable + poster.in_doubt > 0);
  CAF_CHECK_EQUAL(poster.rejected, 0);
  check_posted(entries);
}

CAF_TEST(a killed server that comes back has lost and doubled nothing) {
  std::thread killer([] {
    for (int i = 0; i < 2; ++i) {
      std::this_thread::sleep_for(500ms);
      postgres().kill_postgres();
      postgres().start_again();
    }
  });
  std::atomic<bool> done{false};
  std::thread waiter([&] {
    killer.join();
    std::this_thread::sleep_for(300ms);
    done = true;
  });
  patient_poster poster{store()};
  const auto entries = post_until(poster, [&] { return done.load(); });
  waiter.join();
  CAF_CHECK(poster.unavailable + poster.in_doubt > 0);
  check_posted(entries);
}

CAF_TEST(a server that is away is unavailable and no secret is told) {
  const auto away = make_postgres_store("postgresql://ann:hidden@127.0.0.1:1/d");
  const auto result = away->post(group(won("ann"), {}, {deposit(1, 1)}));
  CAF_CHECK(failure_of(result) == store_failure_kind::unavailable);
  CAF_CHECK(std::get<store_failure>(result).detail.find("hidden") == std::string::npos);
}

CAF_TEST(a database without the schema is unavailable) {
  CAF_CHECK(failure_of(make_postgres_store(postgres().fresh_database())
                           ->post(group(won("ann"), {}, {deposit(1, 1)})))
            == store_failure_kind::unavailable);
}

CAF_TEST(a table that others lock for too long is unavailable and no account is to blame) {
  patient_poster poster{make_postgres_store(with_parameter(url, "options=-clock_timeout%3D200ms"))};
  const auto first = poster.post(group(won("ann"), {}, {deposit(1, 1)}));
  const auto second = group(won("ann"), first.heads.at(0), {deposit(2, 1)});
  stranger locked(url, "LOCK TABLE ledger.accounts IN EXCLUSIVE MODE");
  for (int i = 0; i < 3; ++i)
    CAF_CHECK(failure_of(poster.store->post(second)) == store_failure_kind::unavailable);
  locked.end();
  CAF_CHECK(poster.post(second).heads.at(0) == head(2, 2));
  CAF_CHECK_EQUAL(poster.in_doubt + poster.rejected + poster.blocked, 0);
}

// As CREATE INDEX locks it: rows can be locked meanwhile, and not be written.
CAF_TEST(a table that may be read alone is unavailable and whoever has locked it is named) {
  const auto store = make_postgres_store(with_parameter(url, "options=-clock_timeout%3D200ms"));
  const auto first = posted_of(store->post(group(won("ann"), {}, {deposit(1, 1)})));
  stranger locked(url, "LOCK TABLE ledger.transactions IN SHARE MODE");
  const auto result = store->post(group(won("ann"), first.heads.at(0), {deposit(2, 1)}));
  locked.end();
  CAF_REQUIRE(failure_of(result) == store_failure_kind::unavailable);
  CAF_CHECK_NOT_EQUAL(std::get<store_failure>(result).detail.find("the table is locked by the"),
                      std::string::npos);
}

CAF_TEST(a column that we do not know may not be null is unavailable) {
  const auto store = make_postgres_store(url);
  sql("ALTER TABLE ledger.transactions ADD COLUMN cc text NOT NULL DEFAULT ''");
  sql("ALTER TABLE ledger.transactions ALTER COLUMN cc DROP DEFAULT");
  const auto result = store->post(group(won("ann"), {}, {deposit(1, 1)}));
  sql("ALTER TABLE ledger.transactions DROP COLUMN cc");
  CAF_CHECK(failure_of(result) == store_failure_kind::unavailable);
  CAF_CHECK(std::get<store_failure>(result).refused);
}

CAF_TEST(a time limit does not cut the wait for a synchronous standby) {
  const auto store = make_postgres_store(with_parameter(url, "options=-cstatement_timeout%3D1s"));
  posted_of(store->post(group(won("ann"), {}, {deposit(1, 1)})));
  sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  sql("SELECT pg_reload_conf()");
  const bool waits = becomes("SHOW synchronous_standby_names", "nobody");
  auto waiting = std::async(std::launch::async, [&] {
    return store->post(group(won("ann"), head(1, 1), {deposit(2, 1)}));
  });
  const auto still = waiting.wait_for(3s);
  sql("ALTER SYSTEM RESET synchronous_standby_names");
  sql("SELECT pg_reload_conf()");
  CAF_CHECK(waits);
  CAF_CHECK(still == std::future_status::timeout);
  CAF_CHECK(posted_of(waiting.get()).statistics.rows == 1);
}

CAF_TEST(what the database cannot hold is rejected) {
  auto unknown = won("ann");
  unknown.currency = *currency_code::parse("QQQ");
  const auto store = this->store();
  const auto is_rejected = [&](const account_key& account) {
    return failure_of(store->post(group(account, {}, {deposit(1, 1)})))
           == store_failure_kind::rejected;
  };
  CAF_CHECK(is_rejected(unknown));
  CAF_CHECK(is_rejected(won(std::string(129, 'x'))));
  CAF_CHECK(is_rejected(won("")));
  CAF_CHECK(is_rejected(won(std::string("a\0b", 3))));
  CAF_CHECK(is_rejected(won("\xff")));
  CAF_CHECK(content().postings.empty());
}

CAF_TEST(what a trigger raises is rejected and the next batch goes through) {
  sql("CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "IF NEW.user_id = 'bob' THEN RAISE EXCEPTION 'not bob'; "
      "ELSIF NEW.user_id = 'eve' THEN RAISE EXCEPTION 'own' USING ERRCODE = 'LG001'; "
      "ELSIF NEW.user_id = 'sid' THEN PERFORM pg_sleep(2); END IF; RETURN NEW; END $$;"
      "CREATE TRIGGER refuse BEFORE INSERT ON ledger.transactions FOR EACH ROW "
      "EXECUTE FUNCTION public.refuse()");
  const auto store =
      make_postgres_store(with_parameter(url, "options=-cstatement_timeout%3D500ms"));
  const auto kind = [&](const char* user) {
    return failure_of(store->post(group(won(user), {}, {deposit(1, 1)})));
  };
  CAF_CHECK(kind("bob") == store_failure_kind::rejected);
  CAF_CHECK(kind("eve") == store_failure_kind::rejected);
  CAF_CHECK(kind("sid") == store_failure_kind::blocked);
  CAF_CHECK(!kind("ann"));
}

CAF_TEST(an account whose next number is taken waits and parks nothing) {
  const auto store = this->store();
  posted_of(store->post(group(won("ann"), {}, {deposit(1, 1), deposit(2, 1)})));
  sql("UPDATE ledger.accounts SET seq = 1, balance = 1");
  CAF_CHECK(failure_of(store->post(group(won("ann"), head(1, 1), {deposit(3, 1)})))
            == store_failure_kind::blocked);
}

CAF_TEST(no plan reads a whole table however young the tables are) {
  std::vector<posting_batch> groups;
  std::int64_t id = 0;
  const auto seq_scans = "SELECT sum(seq_scan) FROM pg_stat_user_tables "
                         "WHERE schemaname = 'ledger' AND relname IN ('accounts', 'transactions')";
  // The session of the migrations reports its scans when it ends.
  CAF_REQUIRE(
      becomes("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()", "1"));
  const auto before = sql(seq_scans);
  {
    const auto store = this->store();
    for (int round = 0; round < 12; ++round) {
      groups.clear();
      for (int user = 0; user < 50; ++user) {
        ++id;
        // The second entry is known from the round before; the head is old in odd rounds.
        groups.push_back(group(won("user-" + std::to_string(user)),
                               round % 2 == 0 ? std::nullopt : std::optional(head(1, 1)),
                               {deposit(id, 1), deposit(std::max<std::int64_t>(id - 50, 1), 1)}));
      }
      posted_of(store->post(joined(groups)));
    }
  }
  // The session reports its scans when it ends.
  CAF_CHECK(
      becomes("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()", "1"));
  CAF_CHECK(becomes("SELECT sum(idx_scan) > 0 FROM pg_stat_user_tables WHERE schemaname = 'ledger'",
                    "t"));
  CAF_CHECK_EQUAL(sql(seq_scans), before);
}

CAF_TEST(updates of accounts stay within their page) {
  auto store = this->store();
  std::optional<account_head> last;
  for (int i = 1; i <= 300; ++i)
    last = posted_of(store->post(group(won("hot"), last, {deposit(i, 1)}))).heads.at(0);
  store.reset(); // a session reports what it did when it ends
  CAF_CHECK(becomes("SELECT n_tup_hot_upd >= 270 FROM pg_stat_user_tables "
                    "WHERE schemaname = 'ledger' AND relname = 'accounts'",
                    "t"));
}

CAF_TEST_FIXTURE_SCOPE_END()
