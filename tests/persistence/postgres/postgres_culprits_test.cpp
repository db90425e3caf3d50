// One account of a batch is in trouble: the store says which, and how long a post may take.
#include <chrono>

#include "persistence/database_error.hpp"
#include "persistence/postgres.hpp"
#include "tests/persistence/batches.hpp"
#include "tests/persistence/chain.hpp"
#include "tests/persistence/postgres/postgres_world.hpp"

#define CAF_SUITE postgres_culprits
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using places = std::vector<std::size_t>;

// Short for a lock, which strangers hold here; long for a statement, which a busy machine may hold
// up.
constexpr post_limits quick{200ms, 5s, false};
constexpr post_limits one_by_one{200ms, 5s, true};

struct troubled : postgres_world {
  std::unique_ptr<ledger_store> store = make_postgres_store(url);
  std::int64_t id = 0;

  // One deposit for each; the accounts exist afterwards.
  posting_batch batch_for(const std::vector<std::string>& users) {
    std::vector<posting_batch> groups;
    for (const auto& user : users)
      groups.push_back(group(won(user), {}, {deposit(++id, 1)}));
    return joined(groups);
  }

  store_failure failure_of_post(const std::vector<std::string>& users, const post_limits& limits) {
    const auto result = store->post(batch_for(users), limits);
    const auto* failure = std::get_if<store_failure>(&result);
    CAF_REQUIRE(failure);
    return *failure;
  }

  // Locks the rows of these users, in a session of its own.
  stranger lock(const std::string& users) {
    return {url, "SELECT FROM ledger.accounts WHERE user_id IN (" + users + ") FOR UPDATE"};
  }

  // A trigger on rows of a table that runs `action` when `condition` holds.
  void on_write(const std::string& table, const std::string& condition, const std::string& action) {
    sql("CREATE OR REPLACE FUNCTION public.meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF "
        + condition + " THEN " + action
        + "; END IF; RETURN NEW; END $$; CREATE OR REPLACE TRIGGER meddle BEFORE INSERT OR UPDATE "
          "ON "
        + table + " FOR EACH ROW EXECUTE FUNCTION public.meddle()");
  }

  void on_insert(const std::string& condition, const std::string& action) {
    on_write("ledger.transactions", condition, action);
  }

  // Bob's rows, and nobody else's, fail so: he is found when all are written one by one.
  void check_only_bob(store_failure_kind kind, bool by_its_word = false) {
    for (const auto is_careful : {false, true}) {
      const auto failure = failure_of_post({"ann", "bob", "cid"}, is_careful ? one_by_one : quick);
      CAF_MESSAGE(failure.detail);
      CAF_CHECK(failure.kind == kind);
      CAF_CHECK_EQUAL(failure.refused, by_its_word);
      CAF_CHECK_EQUAL(failure.culprits, (is_careful ? places{1} : places{}));
    }
    posted_of(store->post(batch_for({"ann", "cid"}), one_by_one));
    CAF_CHECK_EQUAL(chain_fault(content()), "");
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(troubles, troubled)

CAF_TEST(accounts that others have locked are named at the first failure) {
  posted_of(store->post(batch_for({"ann", "bob", "cid", "dot"})));
  auto locked = lock("'bob', 'dot'");
  for (const auto& limits : {quick, one_by_one}) {
    const auto begin = clock::now();
    const auto failure = failure_of_post({"dot", "cid", "new", "bob", "ann"}, limits);
    CAF_CHECK(clock::now() - begin < 4s); // 200 ms; without a limit of its own a statement's 5 s
    CAF_CHECK(failure.kind == store_failure_kind::blocked);
    CAF_CHECK_EQUAL(failure.culprits, (places{0, 3}));
  }
  // The others are not locked by our having asked.
  posted_of(store->post(batch_for({"ann", "cid", "new"}), quick));
  locked.end();
  posted_of(store->post(batch_for({"ann", "bob", "cid", "dot"}), quick));
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(whose session has locked an account is said) {
  posted_of(store->post(batch_for({"ann", "bob"})));
  const auto reader = make_postgres_reader(url);
  CAF_CHECK(!reader->holder_of(won("bob")));
  auto locked = lock("'bob'");
  const auto pid = sql("SELECT pid FROM pg_stat_activity WHERE query LIKE '%AS stranger;'");
  const auto name = "session " + pid.substr(0, pid.size() - 1) + " of the user postgres (psql)";
  const auto failure = failure_of_post({"ann", "bob"}, quick);
  CAF_MESSAGE(failure.detail);
  CAF_CHECK(failure.detail.ends_with("; locked by the " + name));
  const auto holder = reader->holder_of(won("bob"));
  CAF_REQUIRE(holder.has_value());
  CAF_CHECK_EQUAL(to_text(*holder), name);
  CAF_CHECK(!reader->holder_of(won("ann")));
  locked.end();
}

CAF_TEST(an account that another session is just opening shows when it is written alone) {
  posted_of(store->post(batch_for({"ann"})));
  stranger opener(url, "INSERT INTO ledger.accounts (user_id, currency, balance, seq) VALUES "
                       "('new', 'KRW', 1, 1)");
  CAF_CHECK(failure_of_post({"ann", "new", "zoe"}, quick).culprits.empty());
  CAF_CHECK_EQUAL(failure_of_post({"ann", "new", "zoe"}, one_by_one).culprits, (places{1}));
  opener.end();
  posted_of(store->post(batch_for({"ann", "new", "zoe"}), quick));
}

CAF_TEST(what a trigger refuses shows when it is written alone) {
  on_insert("NEW.user_id = 'bob'", "RAISE EXCEPTION 'bob is not welcome'");
  check_only_bob(store_failure_kind::rejected);
}

CAF_TEST(a trigger that fails for one account holds up that one and no other) {
  for (const auto action :
       {"PERFORM 1 FROM public.no_such_table", "PERFORM public.no_such_function()",
        "PERFORM lo_unlink(1)", "RAISE SQLSTATE '08001' USING MESSAGE = 'no road to the archive'",
        "RAISE SQLSTATE 'HV00N' USING MESSAGE = 'no road to the archive'", "RAISE SQLSTATE '0A000'",
        "RAISE SQLSTATE '55000'"}) {
    CAF_MESSAGE(action);
    on_insert("NEW.user_id = 'bob'", action);
    check_only_bob(store_failure_kind::blocked, true);
  }
}

// A bad sector under its page of a table or index, a segment that is missing.
CAF_TEST(a page that cannot be read holds up its account and no other) {
  for (const auto error :
       {"SQLSTATE '58030' USING MESSAGE = 'could not read block 7 in file \"base/5/16384\": "
        "Input/output error'",
        "SQLSTATE '58P01' USING MESSAGE = 'could not open file \"base/5/16384.1\" (target block "
        "131072): No such file or directory'"}) {
    on_insert("NEW.user_id = 'bob'", "RAISE " + std::string(error));
    check_only_bob(store_failure_kind::blocked, true);
  }
}

CAF_TEST(a disk that fails also where no row is written is the fault of no account) {
  sql("CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE "
      "'58030' USING MESSAGE = 'could not read block 0'; END $$; CREATE TRIGGER fail BEFORE INSERT "
      "ON ledger.transactions FOR EACH STATEMENT EXECUTE FUNCTION public.fail()");
  for (const auto& limits : {quick, one_by_one}) {
    const auto failure = failure_of_post({"ann", "bob"}, limits);
    CAF_MESSAGE(failure.detail);
    CAF_CHECK(failure.kind == store_failure_kind::unavailable && failure.refused);
  }
  sql("DROP TRIGGER fail ON ledger.transactions");
  posted_of(store->post(batch_for({"ann", "bob"}), quick));
}

CAF_TEST(what a trigger may not write elsewhere holds up its account and no other) {
  sql("CREATE SCHEMA archive; CREATE TABLE archive.transactions (id bigint PRIMARY KEY, note text "
      "NOT NULL); INSERT INTO archive.transactions VALUES (1, ''); GRANT USAGE ON SCHEMA archive "
      "TO "
      "PUBLIC; GRANT ALL ON archive.transactions TO PUBLIC");
  for (const auto values : {"(2, NULL)", "(1, '')"}) { // transactions_pkey is its key, too
    on_insert("NEW.user_id = 'bob'",
              "INSERT INTO archive.transactions VALUES " + std::string(values));
    check_only_bob(store_failure_kind::blocked, true);
  }
}

CAF_TEST(a trigger that fails for one account only when all is committed holds up that one) {
  on_insert("false", "NULL");
  sql("CREATE CONSTRAINT TRIGGER late AFTER INSERT ON ledger.transactions DEFERRABLE INITIALLY "
      "DEFERRED FOR EACH ROW WHEN (NEW.user_id = 'bob') EXECUTE FUNCTION public.meddle()");
  on_insert("NEW.user_id = 'bob'", "PERFORM 1 FROM public.no_such_table");
  sql("DROP TRIGGER meddle ON ledger.transactions");
  CAF_CHECK(failure_of_post({"ann", "bob"}, quick).kind == store_failure_kind::blocked);
  posted_of(store->post(batch_for({"ann", "cid"}), quick));
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(what no row can be written without is the fault of no account) {
  sql("ALTER TABLE ledger.transactions RENAME COLUMN reason TO cause");
  for (const auto& limits : {quick, one_by_one}) {
    const auto failure = failure_of_post({"ann", "bob"}, limits);
    CAF_MESSAGE(failure.detail);
    CAF_CHECK(failure.kind == store_failure_kind::unavailable && failure.refused);
  }
  sql("ALTER TABLE ledger.transactions RENAME COLUMN cause TO reason");
  posted_of(store->post(batch_for({"ann", "bob"}), quick));
}

CAF_TEST(a row that is too large for a limit of the server must wait and no other) {
  on_insert("NEW.user_id = 'bob'",
            "RAISE EXCEPTION 'index row size 2832 exceeds btree version 4 maximum 2704 for index "
            "\"wide\"' USING ERRCODE = '54000'");
  check_only_bob(store_failure_kind::blocked);
}

CAF_TEST(a row that a trigger leaves out or changes is a refusal) {
  for (const auto action : {"RETURN NULL", "NEW.record_id := 1000000 + NEW.record_id"}) {
    on_insert("NEW.user_id = 'bob'", action);
    check_only_bob(store_failure_kind::rejected);
  }
}

CAF_TEST(an account that a trigger keeps from being written must wait and no other) {
  on_write("ledger.accounts", "NEW.user_id = 'bob'", "RETURN NULL");
  check_only_bob(store_failure_kind::blocked); // being opened
  sql("DROP TRIGGER meddle ON ledger.accounts");
  posted_of(store->post(batch_for({"bob"})));
  on_write("ledger.accounts", "NEW.user_id = 'bob'", "RETURN NULL");
  check_only_bob(store_failure_kind::blocked); // being moved
}

CAF_TEST(an account that row security refuses must wait and no other) {
  for (const std::string table : {"ledger.accounts", "ledger.transactions"}) {
    sql("ALTER TABLE " + table
        + " ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; "
          "CREATE POLICY all_but_bob ON "
        + table + " USING (true) WITH CHECK (user_id <> 'bob')");
    check_only_bob(store_failure_kind::blocked, true);
    sql("DROP POLICY all_but_bob ON " + table + "; ALTER TABLE " + table
        + " DISABLE ROW LEVEL SECURITY");
  }
}

CAF_TEST(a missing privilege is that of the role as which a login acts) {
  sql("CREATE ROLE acting; CREATE ROLE entering LOGIN PASSWORD 'one'; GRANT acting TO entering; "
      "ALTER ROLE entering SET role = acting");
  store = make_postgres_store(with_user(url, "entering", "one"));
  const auto failure = failure_of_post({"ann"}, quick);
  CAF_MESSAGE(failure.detail);
  CAF_CHECK(failure.kind == store_failure_kind::unavailable);
  CAF_CHECK(failure.detail.ends_with(" for the role acting (login entering)"));
  store.reset();
  sql("DROP ROLE entering; DROP ROLE acting");
}

CAF_TEST(a missing privilege is the fault of no account) {
  const auto check = [&] {
    for (const auto& limits : {quick, one_by_one}) {
      const auto failure = failure_of_post({"ann", "bob"}, limits);
      CAF_CHECK(failure.kind == store_failure_kind::unavailable);
      CAF_CHECK(failure.culprits.empty());
      CAF_CHECK(failure.detail.find("permission denied for table ") != std::string::npos);
      CAF_CHECK(failure.detail.ends_with(" [SQLSTATE 42501] for the role ledgerd"));
    }
  };
  sql("REVOKE INSERT ON ledger.accounts FROM ledgerd");
  check();
  // With row security, too.
  sql("ALTER TABLE ledger.accounts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; "
      "CREATE POLICY everybody ON ledger.accounts USING (true)");
  check();
  sql("GRANT INSERT ON ledger.accounts TO ledgerd; REVOKE INSERT ON ledger.transactions FROM "
      "ledgerd");
  check();
  sql("GRANT INSERT ON ledger.transactions TO ledgerd");
  posted_of(store->post(batch_for({"ann", "bob"})));
}

CAF_TEST(ids that are behind their table are the fault of no account) {
  posted_of(store->post(batch_for({"ann", "bob"})));
  sql("SELECT setval('ledger.transactions_id_seq', 1, false)");
  for (const auto& limits : {quick, one_by_one}) {
    const auto failure = failure_of_post({"cid"}, limits);
    CAF_MESSAGE(failure.detail);
    CAF_CHECK(failure.kind == store_failure_kind::unavailable);
    CAF_CHECK(failure.culprits.empty());
    CAF_CHECK_EQUAL(failure.detail.find(ledger_ids_behind()), 0u);
  }
  const auto sentence = ledger_ids_behind();
  sql(sentence.substr(sentence.find("SELECT")));
  posted_of(store->post(batch_for({"cid"})));
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(an account that is behind its rows must wait and no other) {
  posted_of(store->post(batch_for({"bob"})));
  posted_of(store->post(batch_for({"bob"})));
  sql("UPDATE ledger.accounts SET seq = 1, balance = 1 WHERE user_id = 'bob'");
  CAF_CHECK(failure_of_post({"ann", "bob"}, quick).kind == store_failure_kind::blocked);
  const auto failure = failure_of_post({"ann", "bob", "cid"}, one_by_one);
  CAF_CHECK(failure.kind == store_failure_kind::blocked);
  CAF_CHECK_EQUAL(failure.culprits, (places{1}));
  posted_of(store->post(batch_for({"ann", "cid"})));
}

CAF_TEST(a unique index of somebody else refuses no request) {
  sql("CREATE UNIQUE INDEX once ON ledger.transactions (user_id) WHERE user_id = 'bob'");
  posted_of(store->post(batch_for({"bob"})));
  check_only_bob(store_failure_kind::blocked);
}

CAF_TEST(an account with a head that no posting leads to must wait and no other) {
  posted_of(store->post(batch_for({"ann", "bob"})));
  sql("ALTER TABLE ledger.accounts DROP CONSTRAINT accounts_balance_check, "
      "DROP CONSTRAINT accounts_seq_check");
  for (const auto head : {"balance = -5, seq = 1", "balance = 5, seq = 0",
                          "balance = 5, seq = 9223372036854775807"}) {
    sql("UPDATE ledger.accounts SET " + std::string(head) + " WHERE user_id = 'bob'");
    for (const auto& limits : {quick, one_by_one}) {
      const auto failure = failure_of_post({"ann", "bob", "cid"}, limits);
      CAF_MESSAGE(failure.detail);
      CAF_CHECK(failure.kind == store_failure_kind::blocked);
      CAF_CHECK_EQUAL(failure.culprits, (places{1}));
      CAF_CHECK(failure.detail.find("ledger.accounts holds for bob KRW the balance ") == 0);
    }
  }
  posted_of(store->post(batch_for({"ann", "cid"})));
  sql("UPDATE ledger.accounts SET balance = 1, seq = 1 WHERE user_id = 'bob'");
  posted_of(store->post(batch_for({"ann", "bob"})));
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(an account whose head is no whole number must wait and no other) {
  posted_of(store->post(batch_for({"ann", "bob"})));
  sql("ALTER TABLE ledger.accounts ALTER balance DROP NOT NULL, ALTER seq DROP NOT NULL, "
      "ALTER balance TYPE numeric");
  store = make_postgres_store(url);
  const std::pair<const char*, const char*> table[] = {
      {"balance = NULL, seq = 1", "the balance NULL and the number 1,"},
      {"balance = 0.5, seq = 1", "the balance 0.5 and the number 1,"},
      {"balance = 1, seq = NULL", "the balance 1 and the number NULL,"},
  };
  for (const auto& [head, what] : table) {
    sql("UPDATE ledger.accounts SET " + std::string(head) + " WHERE user_id = 'bob'");
    for (const auto& limits : {quick, one_by_one}) {
      const auto failure = failure_of_post({"ann", "bob", "cid"}, limits);
      CAF_MESSAGE(failure.detail);
      CAF_CHECK(failure.kind == store_failure_kind::blocked);
      CAF_CHECK_EQUAL(failure.culprits, (places{1}));
      CAF_CHECK(failure.detail.find(what) != std::string::npos);
    }
  }
  posted_of(store->post(batch_for({"ann", "cid"})));
  sql("UPDATE ledger.accounts SET balance = 1, seq = 1 WHERE user_id = 'bob'");
  posted_of(store->post(batch_for({"ann", "bob"})));
}

CAF_TEST(a row that cannot be read holds up its account and no other) {
  const auto once = batch_for({"ann", "bob", "cid"});
  posted_of(store->post(once));
  sql("ALTER TABLE ledger.transactions DISABLE TRIGGER ALL, "
      "DROP CONSTRAINT transactions_type_check, DROP CONSTRAINT transactions_verdict_check");
  const std::pair<const char*, const char*> table[] = {
      {"type = 'GIFT'", "the unknown word 'GIFT'"},
      {"currency = 'won'", "the unknown word 'won'"},
      {"reason = 'WHIM', status = 'FAILED'", "the unknown word 'WHIM'"},
      {"status = 'FAILED'", "its status is 'FAILED' where SUCCESS belongs"},
      {"status = 'DONE'", "its status is 'DONE' where SUCCESS belongs"},
  };
  for (const auto& [change, what] : table) {
    sql("UPDATE ledger.transactions SET " + std::string(change) + " WHERE user_id = 'bob'");
    for (const auto& limits : {quick, one_by_one}) {
      const auto result = store->post(once, limits);
      CAF_REQUIRE(failure_of(result) == store_failure_kind::blocked);
      const auto& failure = std::get<store_failure>(result);
      CAF_CHECK_EQUAL(failure.culprits, (places{1}));
      CAF_CHECK(failure.detail.find("the row of record 2 in ledger.transactions") == 0);
      CAF_CHECK(failure.detail.find(what) != std::string::npos);
    }
    sql("UPDATE ledger.transactions SET type = 'DEPOSIT', currency = 'KRW', reason = NULL, "
        "status = 'SUCCESS' WHERE user_id = 'bob'");
  }
  CAF_CHECK_EQUAL(posted_of(store->post(once)).statistics.rows, 0u);
}

CAF_TEST(who is refused is named by the account however the entries stand) {
  on_insert("NEW.user_id = 'bob' AND NEW.type = 'WITHDRAWAL'", "RAISE EXCEPTION 'not for bob'");
  const auto result = store->post(
      mixed({{won("cid"), {}}, {won("bob"), {}}, {won("ann"), {}}}, {{deposit(1, 5), 1},
                                                                     {deposit(2, 5), 2},
                                                                     {withdrawal(3, 1), 0},
                                                                     {withdrawal(4, 1), 1},
                                                                     {deposit(5, 5), 0}}),
      one_by_one);
  CAF_CHECK(failure_of(result) == store_failure_kind::rejected);
  CAF_CHECK_EQUAL(std::get<store_failure>(result).culprits, (places{1}));
  CAF_CHECK(content().postings.empty());
}

CAF_TEST(a statement that takes too long shows when it is written alone) {
  on_insert("NEW.user_id = 'bob'", "PERFORM pg_sleep(20)");
  const auto failure = failure_of_post({"ann", "bob", "cid"}, {200ms, 2s, false});
  CAF_CHECK(failure.kind == store_failure_kind::blocked);
  CAF_CHECK(failure.culprits.empty());
  CAF_CHECK_EQUAL(failure_of_post({"ann", "bob", "cid"}, {200ms, 2s, true}).culprits, (places{1}));
}

CAF_TEST(who is merely slow is named after success) {
  on_insert("NEW.user_id = 'bob'", "PERFORM pg_sleep(0.1)");
  const auto plain = posted_of(store->post(batch_for({"ann", "bob", "cid"}), quick));
  CAF_CHECK(plain.slow.empty());
  CAF_CHECK_GREATER(plain.statistics.work_us, 100'000);
  // Where another one of three takes 20 ms too, as a stall of the machine may bring about, it names
  // nobody.
  places slow;
  for (int tries = 0; tries < 10 && slow.empty(); ++tries) {
    const auto careful = posted_of(store->post(batch_for({"ann", "bob", "cid"}), one_by_one));
    CAF_CHECK_EQUAL(careful.statistics.rows, 3u);
    slow = careful.slow;
  }
  CAF_CHECK_EQUAL(slow, (places{1}));
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(a statement may take as long as the post allows though the session allows less) {
  store = make_postgres_store(with_parameter(url, "options=-cstatement_timeout%3D500ms"));
  on_insert("NEW.user_id = 'bob'", "PERFORM pg_sleep(2.5)");
  posted_of(store->post(batch_for({"ann", "bob"}), {200ms, 20s, false}));
}

CAF_TEST(when every row is slow nobody is named and it is said how many were managed) {
  on_insert("true", "PERFORM pg_sleep(0.5)"); // 20 seconds for all of them
  std::vector<std::string> users;
  for (int i = 10; i < 50; ++i)
    users.push_back("user-" + std::to_string(i));
  const auto begin = clock::now();
  const auto failure = failure_of_post(users, {200ms, 3s, true});
  CAF_CHECK(clock::now() - begin < 15s);
  CAF_CHECK(failure.kind == store_failure_kind::blocked);
  CAF_CHECK(failure.culprits.empty());
  CAF_CHECK_GREATER(failure.managed, 2u);
  CAF_CHECK_LESS(failure.managed, 12u);
}

CAF_TEST(posted one by one the answers are the same) {
  // The entries of the accounts take turns, and one of these has none.
  auto batch = mixed({{won("zoe"), {}}, {won("non"), {}}, {won("ann"), {}}, {won("mia"), {}}}, {});
  for (const bool is_first : {true, false})
    for (const std::size_t head : {2, 0, 3}) {
      ++id;
      batch.entries.push_back({is_first ? deposit(id, 5) : withdrawal(id, 9), head});
    }
  batch = mixed(batch.heads, batch.entries);
  const auto first = posted_of(store->post(batch, one_by_one));
  CAF_CHECK_EQUAL(first.statistics.rows, 6u);
  for (std::size_t i = 0; i < 6; ++i) {
    const auto& [verdict, stored] = first.answers.at(i);
    CAF_CHECK_EQUAL(verdict, i < 3 ? outcome::applied : outcome::insufficient_funds);
    CAF_CHECK_EQUAL(to_int(stored.record), to_int(batch.entries[i].asked.id));
    CAF_CHECK(content().postings.at(stored.record) == stored);
  }
  CAF_CHECK(first.heads == (std::vector{head(5, 2), head(0, 0), head(5, 2), head(5, 2)}));
  const auto again = posted_of(store->post(batch, one_by_one));
  CAF_CHECK_EQUAL(again.statistics.rows, 0u);
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST_FIXTURE_SCOPE_END()
