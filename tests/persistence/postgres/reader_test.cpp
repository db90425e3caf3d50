#include "persistence/postgres.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <stdexcept>
#include <thread>

#include "persistence/rough_totals.hpp"
#include "persistence/schema_names.hpp"
#include "tests/persistence/batches.hpp"
#include "tests/persistence/postgres/postgres_world.hpp"
#include "tests/support/cut_proxy.hpp"

#define CAF_SUITE postgres_reader
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using namespace std::chrono_literals;

struct world : postgres_world {
  std::unique_ptr<ledger_reader> reader() { return make_postgres_reader(url); }

  posted post(const posting_batch& batch) { return posted_of(store()->post(batch)); }
};

std::vector<std::int64_t> numbers(const std::vector<posting>& list) {
  std::vector<std::int64_t> result;
  for (const auto& row : list)
    result.push_back(row.seq);
  return result;
}

// What a call that fails says.
template <class Function>
std::string what_of(Function function) {
  try {
    function();
    return "nothing";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

// How long a call takes and what it says.
template <class Function>
std::pair<std::chrono::milliseconds, bool> timed(Function function) {
  const auto start = std::chrono::steady_clock::now();
  const bool said = function();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now()
                                                                - start),
          said};
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(reading, world)

CAF_TEST(what was posted is found) {
  const auto result = post(group(won("ann"), {}, {deposit(1, 100), withdrawal(2, 500)}));
  const auto reader = this->reader();
  const auto& answers = result.answers;
  CAF_CHECK(reader->find(record_id{1}) == answers.at(0).stored);
  CAF_CHECK(reader->find(record_id{2}) == answers.at(1).stored);
  CAF_CHECK(!reader->find(record_id{3}));
  const auto found = reader->find_all({record_id{2}, record_id{9}, record_id{1}});
  CAF_CHECK_EQUAL(found.size(), 2u);
  for (const auto& each : found) {
    const auto& stored = answers.at(each.row.record == record_id{1} ? 0 : 1).stored;
    CAF_CHECK(each.row == stored);
    CAF_CHECK_EQUAL(each.stored_fingerprint,
                    fingerprint(stored.account, stored.type, stored.amount));
  }
  CAF_CHECK(reader->find_all({}).empty());
}

CAF_TEST(a row with an unknown word is named and so is the word) {
  post(joined({group(won("ann"), {}, {deposit(1, 100)}), group(won("bob"), {}, {deposit(2, 5)})}));
  sql("ALTER TABLE ledger.transactions DISABLE TRIGGER ALL, "
      "DROP CONSTRAINT transactions_type_check, DROP CONSTRAINT transactions_verdict_check; "
      "ALTER TABLE ledger.accounts DROP CONSTRAINT accounts_currency_fkey");
  const std::pair<const char*, std::string> table[] = {
      {"type = 'GIFT'", "its type is the unknown word 'GIFT'"},
      {"currency = 'won'", "its currency is the unknown word 'won'"},
      {"reason = E'a\\x1b\\n' || repeat('x', 99)", // bounded, and no control character
       "its reason is the unknown word 'a " + std::string(62, 'x') + "... (37 bytes more)'"},
  };
  for (const auto& [change, word] : table) {
    sql("UPDATE ledger.transactions SET " + std::string(change) + " WHERE user_id = 'bob'");
    const auto reader = this->reader();
    const auto expected = "the row of record 2 in ledger.transactions cannot be read: " + word;
    CAF_CHECK_EQUAL(what_of([&] { reader->find(record_id{2}); }), expected);
    CAF_CHECK_EQUAL(what_of([&] { reader->find_all({record_id{1}, record_id{2}}); }), expected);
    CAF_CHECK_EQUAL(what_of([&] { reader->linked_after(transaction_id{}, 9, 0s); }), expected);
    CAF_CHECK_EQUAL(what_of([&] {
                      reader->snapshot(
                          {}, [](const auto&) {}, [](const auto&) {});
                    }),
                    expected);
    sql("UPDATE ledger.transactions SET type = 'DEPOSIT', currency = 'KRW', reason = NULL "
        "WHERE user_id = 'bob'");
  }
  sql("UPDATE ledger.accounts SET currency = 'won' WHERE user_id = 'bob'");
  const auto reader = this->reader();
  CAF_CHECK_EQUAL(
      what_of([&] { reader->accounts_of("bob"); }),
      "the row of bob in ledger.accounts cannot be read: its currency is the unknown word 'won'");
}

CAF_TEST(accounts of a user come by currency) {
  auto euro = won("ann");
  euro.currency = *currency_code::parse("EUR");
  const auto result =
      post(joined({group(won("ann"), {}, {deposit(1, 100)}), group(euro, {}, {deposit(2, 7)}),
                   group(won("bob"), {}, {deposit(3, 1)})}));
  const auto found = reader()->accounts_of("ann");
  CAF_REQUIRE_EQUAL(found.size(), 2u);
  CAF_CHECK(found[0].account == euro && found[0].head == head(7, 1));
  CAF_CHECK(found[1].account == won("ann") && found[1].head == head(100, 1));
  CAF_CHECK(found[1].updated_at == result.answers.at(0).stored.created_at);
  CAF_CHECK(reader()->accounts_of("eve").empty());
}

CAF_TEST(a history is read page by page) {
  std::vector<entry> entries;
  for (int i = 1; i <= 7; ++i)
    entries.push_back(deposit(i, i));
  post(joined({group(won("ann"), {}, entries), group(won("bob"), {}, {deposit(100, 1)})}));
  const auto reader = this->reader();
  CAF_CHECK(numbers(reader->history(won("ann"), 0, 3)) == (std::vector<std::int64_t>{7, 6, 5}));
  CAF_CHECK(numbers(reader->history(won("ann"), 5, 3)) == (std::vector<std::int64_t>{4, 3, 2}));
  CAF_CHECK(numbers(reader->history(won("ann"), 2, 3)) == (std::vector<std::int64_t>{1}));
  CAF_CHECK(reader->history(won("ann"), 1, 3).empty());
  CAF_CHECK(reader->history(won("eve"), 0, 3).empty());
}

CAF_TEST(a history of all currencies is read page by page) {
  auto euro = won("ann");
  euro.currency = *currency_code::parse("EUR");
  std::vector<std::int64_t> all;
  std::map<std::string, account_head> heads;
  for (int i = 1; i <= 23; ++i) {
    const auto& account = i % 3 == 0 ? euro : won("ann");
    auto& last = heads[std::string(account.currency.text())];
    post(joined(
        {group(account, last, {deposit(i, i)}), group(won("bob"), {}, {deposit(100 + i, 1)})}));
    last = head(last.balance.minor_units() + i, last.seq + 1);
    all.insert(all.begin(), i);
  }
  const auto reader = this->reader();
  for (const int limit : {1, 4, 10, 23, 50}) {
    std::vector<std::int64_t> seen;
    history_position page;
    for (;;) {
      const auto rows = reader->history("ann", page, limit);
      for (const auto& row : rows)
        seen.push_back(to_int(row.record));
      if (rows.size() < static_cast<std::size_t>(limit))
        break;
      page = next_position(page, rows);
      // What comes later belongs to no page of this walk.
      auto dollar = won("ann");
      dollar.currency = *currency_code::parse("USD");
      const auto record = 1000 * limit + static_cast<int>(seen.size());
      post(group(dollar,
                 reader->accounts_of("ann").size() == 3 ? reader->accounts_of("ann")[2].head
                                                        : account_head{},
                 {deposit(record, 1)}));
    }
    std::erase_if(seen, [](auto id) { return id >= 1000; }); // of the walks before
    CAF_CHECK_EQUAL(seen.size(), all.size());
    CAF_CHECK(seen == all);
  }
  CAF_CHECK(reader->history("eve", {}, 3).empty());
}

CAF_TEST(currencies are read with their digits) {
  const currency_table table(reader()->currencies());
  CAF_CHECK(table.exponent(*currency_code::parse("KRW")) == 0);
  CAF_CHECK(table.exponent(*currency_code::parse("EUR")) == 2);
  CAF_CHECK(!table.exponent(*currency_code::parse("QQQ")));
}

CAF_TEST(movements are counted by verdict) {
  post(joined({group(won("ann"), {}, {deposit(1, 100), withdrawal(2, 500), withdrawal(3, 1)}),
               group(won("bob"), {}, {withdrawal(4, 1)})}));
  const auto totals = reader()->count();
  CAF_CHECK_EQUAL(totals.accounts, 2);
  CAF_CHECK_EQUAL(totals.applied, 2);
  CAF_CHECK_EQUAL(totals.refused, 2);
}

CAF_TEST(about how many rows there are costs nothing and is not known before somebody has looked) {
  const auto nothing = read_rough_totals(url);
  CAF_CHECK(!nothing.accounts && !nothing.transactions);
  post(joined({group(won("ann"), {}, {deposit(1, 100), withdrawal(2, 500)}),
               group(won("bob"), {}, {withdrawal(4, 1)})}));
  sql("ANALYZE ledger.accounts");
  sql("ANALYZE ledger.transactions");
  stranger locked(url, "LOCK TABLE ledger.accounts, ledger.transactions IN ACCESS EXCLUSIVE MODE");
  // No row is read, so no lock is waited for: this one would be held for ever.
  CAF_CHECK(read_rough_totals(url).transactions == 3);
  locked.end();
  const auto about = read_rough_totals(url);
  CAF_CHECK(about.accounts == 2);
  CAF_CHECK(about.transactions == 3);
}

CAF_TEST(transactions are counted in a range of record ids) {
  post(group(won("ann"), {}, {deposit(1, 100), deposit(2, 100)}));
  post(
      joined({group(won("ann"), {}, {deposit(3, 100)}), group(won("bob"), {}, {deposit(4, 100)})}));
  post(group(won("ann"), {}, {deposit(5, 100)}));
  CAF_CHECK_EQUAL(reader()->commits(record_id{1}, record_id{6}), 3);
  CAF_CHECK_EQUAL(reader()->commits(record_id{1}, record_id{5}), 2);
  CAF_CHECK_EQUAL(reader()->commits(record_id{6}, record_id{9}), 0);
}

CAF_TEST(a snapshot comes in order and shows one moment) {
  std::vector<posting_batch> groups;
  for (int user = 0; user < 300; ++user)
    groups.push_back(group(won("user-" + std::to_string(user)), {},
                           {deposit(2 * user + 1, 5), deposit(2 * user + 2, 6)}));
  auto batch = joined(groups);
  // More rows than are fetched at once.
  for (int round = 0; round < 10; ++round) {
    post(batch);
    for (auto& each : batch.entries)
      each.asked.id = record_id{to_int(each.asked.id) + 1000};
  }
  std::vector<account_key> accounts;
  std::vector<std::pair<account_key, std::int64_t>> postings;
  reader()->snapshot(
      std::nullopt,
      [&](const account_row& row) {
        // What is posted meanwhile does not show.
        if (accounts.empty())
          post(group(won("aaa"), {}, {deposit(99'999, 1)}));
        accounts.push_back(row.account);
      },
      [&](const audited_posting& each) { postings.emplace_back(each.row.account, each.row.seq); });
  CAF_CHECK_EQUAL(accounts.size(), 300u);
  CAF_CHECK_EQUAL(postings.size(), 6000u);
  CAF_CHECK(std::is_sorted(accounts.begin(), accounts.end()));
  CAF_CHECK(std::is_sorted(postings.begin(), postings.end()));
  CAF_CHECK(reader()->count().applied == 6001);
}

CAF_TEST(a picture that has lasted long enough ends between two accounts) {
  for (const auto* user : {"ann", "bob", "cid"})
    post(group(won(user), {}, {deposit(static_cast<std::int64_t>(user[0]), 5)}));
  sql("INSERT INTO ledger.accounts (user_id, currency, balance, seq) VALUES ('dan', 'KRW', 5, 1)");
  std::string seen;
  make_postgres_reader(url, 0ms)->snapshot(
      std::nullopt,
      [&](const account_row& row) {
        seen += "A" + row.account.user_id + std::to_string(row.head.seq);
        // Both are posted to while ann is shown, and show what is consistent.
        if (row.account.user_id == "ann")
          for (const auto* user : {"ann", "bob"})
            post(group(won(user), head(5, 1), {deposit(1000 + user[0], 1)}));
      },
      [&](const audited_posting& each) {
        seen += "P" + each.row.account.user_id + std::to_string(each.row.seq);
      });
  CAF_CHECK_EQUAL(seen, "Aann1Pann1Abob2Pbob1Pbob2Acid1Pcid1Adan1");
}

CAF_TEST(a reader goes on after a snapshot that was broken off) {
  post(group(won("ann"), {}, {deposit(1, 100)}));
  const auto reader = this->reader();
  struct enough {};
  CAF_CHECK(throws<enough>([&] {
    reader->snapshot(
        std::nullopt, [](const account_row&) { throw enough{}; }, [](const audited_posting&) {});
  }));
  CAF_CHECK(reader->find(record_id{1}).has_value());
}

CAF_TEST(a picture begins behind an account and shows each before its postings) {
  for (const auto* user : {"a'n\\n", "bob", "cid"})
    post(group(won(user), {}, {deposit(static_cast<std::int64_t>(user[0]), 5)}));
  std::string seen;
  reader()->snapshot(
      won("a'n\\n"), [&](const account_row& row) { seen += "A" + row.account.user_id; },
      [&](const audited_posting& each) { seen += "P" + each.row.account.user_id; });
  CAF_CHECK_EQUAL(seen, "AbobPbobAcidPcid");
}

CAF_TEST(an account that is called like a schema is none) {
  for (const auto* user : {"bob", "ledger.anna", "zoe"})
    post(group(won(user), {}, {deposit(static_cast<std::int64_t>(user[0]), 5)}));
  sql("ALTER SCHEMA ledger RENAME TO books");
  choose_schemas({"books", "desk"});
  std::string seen;
  reader()->snapshot(
      won("ledger.anna"), [&](const account_row& row) { seen += row.account.user_id; },
      [](const audited_posting&) {});
  choose_schemas({});
  CAF_CHECK_EQUAL(seen, "zoe");
}

CAF_TEST(new postings come with the balance before them once they are at rest) {
  post(group(won("ann"), {}, {deposit(1, 100), deposit(2, 7)}));
  post(group(won("bob"), {}, {deposit(3, 1)}));
  const auto reader = this->reader();
  CAF_CHECK(reader->linked_after(transaction_id{0}, 10, std::chrono::seconds{60}).empty());
  const auto rows = reader->linked_after(transaction_id{0}, 10, std::chrono::seconds{0});
  CAF_REQUIRE_EQUAL(rows.size(), 3u);
  CAF_CHECK(!rows[0].balance_before && !rows[2].balance_before);
  CAF_CHECK(rows[1].balance_before == money{100});
  CAF_CHECK_EQUAL(reader->linked_after(rows[1].at.row.id, 10, std::chrono::seconds{0}).size(), 1u);
  CAF_CHECK_EQUAL(reader->linked_after(transaction_id{0}, 2, std::chrono::seconds{0}).size(), 2u);
  CAF_CHECK_EQUAL(reader->written_with(rows[0].at.row), 2);
  CAF_CHECK_EQUAL(reader->written_with(rows[2].at.row), 1);
}

CAF_TEST(a reader goes on when its idle session was ended) {
  post(group(won("ann"), {}, {deposit(1, 100)}));
  const auto reader = this->reader();
  CAF_CHECK(reader->find(record_id{1}).has_value() && reader->writable());
  sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
      "WHERE datname = current_database() AND pid <> pg_backend_pid()");
  CAF_CHECK(reader->find(record_id{1}).has_value());
  CAF_CHECK(reader->writable());
}

CAF_TEST(a reader of a server that is away says so) {
  const auto away = make_postgres_reader("postgresql://u:hidden@127.0.0.1:1/d");
  CAF_CHECK(throws<std::runtime_error>([&] { away->currencies(); }));
  CAF_CHECK(!away->writable());
  const auto why = away->write_fault();
  CAF_MESSAGE(why);
  CAF_CHECK(why.find("refused") != std::string::npos);
  CAF_CHECK(why.find("hidden") == std::string::npos);
  CAF_CHECK(why.find('\n') == std::string::npos && why.size() <= 200);
}

CAF_TEST(why a database cannot be written to is said) {
  const auto fault = [&](const char* parameter) {
    return make_postgres_reader(with_parameter(url, parameter))->write_fault();
  };
  CAF_CHECK_EQUAL(fault("connect_timeout=5"), "");
  CAF_CHECK(fault("options=-cdefault_transaction_read_only%3Don").find("read-only")
            != std::string::npos);
  CAF_CHECK_EQUAL(fault("options=-csynchronous_commit%3Doff"),
                  "synchronous_commit is off: commits would be lost in a crash");
  sql("DROP ROLE IF EXISTS shut_out; CREATE ROLE shut_out NOLOGIN PASSWORD 'hidden'");
  const auto why = make_postgres_reader(with_user(url, "shut_out", "hidden"))->write_fault();
  CAF_MESSAGE(why);
  CAF_CHECK(why.find("not permitted to log in") != std::string::npos);
  CAF_CHECK(why.find("hidden") == std::string::npos);
  sql("DROP ROLE shut_out");
}

CAF_TEST(settings that are changed under a running reader are found) {
  const auto reader = this->reader();
  CAF_CHECK_EQUAL(reader->write_fault(), "");
  const auto change = [&](const std::string& statement) {
    sql(statement);
    sql("SELECT pg_reload_conf()");
    for (int i = 0; i < 400 && reader->write_fault().empty() == (statement.ends_with("off")); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
    return reader->write_fault();
  };
  for (const std::string name : {"synchronous_commit", "fsync", "full_page_writes"}) {
    CAF_CHECK_EQUAL(change("ALTER SYSTEM SET " + name + " = off").find(name + " is off"), 0u);
    CAF_CHECK_EQUAL(change("ALTER SYSTEM RESET " + name), "");
  }
}

CAF_TEST(a read - only database is not writable) {
  const auto reader =
      make_postgres_reader(with_parameter(url, "options=-cdefault_transaction_read_only%3Don"));
  CAF_CHECK(!reader->writable());
}

CAF_TEST(a server that hangs is found out within a second) {
  cut_proxy proxy(port_of(url));
  const auto reader = make_postgres_reader(with_port(url, proxy.port()));
  const auto ask = [&] { return timed([&] { return reader->writable(); }); };
  CAF_CHECK(ask().second);
  proxy.hang(true);
  // First with a session from before, then without.
  for (int i = 0; i < 2; ++i) {
    const auto [time, writable] = ask();
    CAF_MESSAGE(time.count() << " ms");
    CAF_CHECK(!writable);
    CAF_CHECK(time <= 5s); // 900 ms are promised; a busy machine takes longer
  }
  proxy.hang(false);
  CAF_CHECK(ask().second);
}

CAF_TEST_FIXTURE_SCOPE_END()
