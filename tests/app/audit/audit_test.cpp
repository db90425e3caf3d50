// Plants each kind of damage in a real database and real streams, and expects the audit to find
// just that.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "app/audit/audit.hpp"
#include "persistence/schema.hpp"
#include "tests/app/audit/small_daemon.hpp"
#include "tests/app/audit/world.hpp"
#include "tests/support/private_servers.hpp"

#define CAF_SUITE audit
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using kind = finding_kind;

// One pair of servers for all tests of this process.
private_servers& servers() {
  static private_servers instance;
  return instance;
}

// A new database and new streams in which the sample requests were worked off.
class scene {
public:
  explicit scene(const falsifier& falsify = [](outgoing&) { return true; }) {
    for (const auto stream :
         {names::request_stream, names::result_stream, names::dead_letter_stream})
      nats_->delete_stream(stream);
    if (const auto faults = nats_->provision({}); !faults.empty())
      throw std::runtime_error(faults.refused.at(0));
    publish_requests(*nats_, sample_requests());
    work_off(*nats_, *make_postgres_store(database_), currencies_, falsify);
  }

  broker& nats() { return *nats_; }

  void work_off_again() {
    work_off(*nats_, *make_postgres_store(database_), currencies_, [](outgoing&) { return true; });
  }

  // As the superuser, past the trigger that keeps the table append-only.
  void sql(const std::string& statements) {
    servers().sql(database_,
                  "ALTER TABLE ledger.transactions DISABLE TRIGGER append_only; " + statements);
  }

  audit_report report(bool live = false, const audit_run& how = {}) {
    return run_audit(*make_postgres_reader(database_), *make_postgres_record_reader(database_),
                     *nats_, {{*currency_code::parse("KRW"), false}, live, 0, own_account_database},
                     how);
  }

  void add_account_schema() { migrate(database_, schema::account); }

  std::string findings(bool live = false) { return text_of(report(live).findings.counts()); }

  bool own_account_database = false;

private:
  static std::string migrated() {
    auto url = servers().fresh_database();
    migrate(url);
    return url;
  }

  static std::unique_ptr<broker> connect() {
    broker_options options;
    options.url = servers().nats_url();
    return broker::connect(options, [](link_event, const std::string&) {});
  }

  std::string database_ = migrated();
  std::unique_ptr<broker> nats_ = connect();
  currency_table currencies_{make_postgres_reader(database_)->currencies()};
};

struct damage {
  std::string name;
  finding_counts expected;
  std::string statements;
};

// Removes the constraints that would not let the damage in.
const std::string without_checks =
    "ALTER TABLE ledger.transactions DROP CONSTRAINT transactions_record_id_key;"
    "ALTER TABLE ledger.transactions DROP CONSTRAINT transactions_user_id_currency_seq_key;"
    "ALTER TABLE ledger.transactions DROP CONSTRAINT transactions_verdict_check;"
    "ALTER TABLE ledger.transactions DROP CONSTRAINT transactions_amount_check;";

std::string update_row(int record, const std::string& what) {
  return "UPDATE ledger.transactions SET " + what + " WHERE record_id = " + std::to_string(record)
         + ";";
}

void check(const std::string& name, const std::string& found, const finding_counts& expected) {
  CAF_MESSAGE(name);
  CAF_CHECK_EQUAL(found, text_of(expected));
}

} // namespace

CAF_TEST(what_a_correct_daemon_leaves_behind_passes) {
  scene here;
  const auto report = here.report();
  CAF_CHECK_EQUAL(text_of(report.findings.counts()), "nothing");
  CAF_CHECK_EQUAL(report.accounts, 3u);
  CAF_CHECK_EQUAL(report.applied, 5u);
  CAF_CHECK_EQUAL(report.refused, 2u);
  CAF_CHECK_EQUAL(report.requests, 11u);
  CAF_CHECK_EQUAL(report.results, 7u); // the copy was known to the broker by its id
  CAF_CHECK_EQUAL(report.dead_letters, 3u);
  const auto json = nlohmann::json::parse(audit_json(report));
  CAF_CHECK_EQUAL(json.at("ok").get<bool>(), true);
  CAF_CHECK_EQUAL(json.at("requests").get<int>(), 11);
  CAF_CHECK_EQUAL(json.at("streams").size(), 3u);
  CAF_CHECK(audit_table(report).find("nothing is off") != std::string::npos);
}

CAF_TEST(an_interrupted_audit_goes_on) {
  scene here;
  here.sql(update_row(3, "fingerprint = 1"));
  auto letter = make_dead_letter(0, {.subject = "transaction.deposit", .stream = "TRANSACTIONS"},
                                 {dead_reason::too_large, "x"}, "node", 1 << 20);
  std::erase_if(letter.headers, [](const auto& each) { return each.name == "Ledgerd-Node"; });
  publish(here.nats(), {letter});
  const auto whole = here.report();
  CAF_CHECK_EQUAL(text_of(whole.findings.counts()), "1 wrong_fingerprint, 1 dead_letter_malformed");
  const auto folder =
      std::filesystem::temp_directory_path() / ("audit-test." + std::to_string(getpid()));
  struct interrupted {};
  audit_run how{.cursor = folder};
  for (int stop = 2; stop <= 6; ++stop) { // before the second nothing is kept
    CAF_MESSAGE("interrupted at " << stop);
    int told = 0;
    how.progress = [&](std::string_view, std::uint64_t, std::uint64_t) {
      if (++told == stop)
        throw interrupted{};
    };
    bool went_through = true;
    try {
      here.report(false, how);
    } catch (const interrupted&) {
      went_through = false;
    }
    CAF_CHECK(!went_through);
    how.progress = nullptr;
    const auto rest = here.report(false, how);
    CAF_CHECK(!rest.resumed.empty());
    CAF_CHECK(rest.findings.counts() == whole.findings.counts());
    CAF_CHECK(rest.findings.listed() == whole.findings.listed());
    CAF_CHECK_EQUAL(rest.applied + rest.refused, whole.applied + whole.refused);
    CAF_CHECK_EQUAL(rest.results, whole.results);
    CAF_CHECK_EQUAL(rest.requests, whole.requests);
    CAF_CHECK_EQUAL(rest.accounts, whole.accounts);
  }
  CAF_CHECK(here.report(false, how).resumed.empty()); // the last one was over
  std::filesystem::remove_all(folder);
}

CAF_TEST(damage_to_the_database_is_found) {
  const auto anna = std::string("UPDATE ledger.accounts SET ");
  const std::vector<damage> rows{
      {"two rows with one record id",
       {{kind::record_id_twice, 1}},
       without_checks
           + "INSERT INTO ledger.transactions (record_id, user_id, currency, seq, type, amount, "
             "status, balance_after, "
             "fingerprint) SELECT record_id, user_id, currency, 6, type, amount, status, 77, "
             "fingerprint FROM "
             "ledger.transactions WHERE record_id = 8;"
           + anna + "balance = 77, seq = 6 WHERE user_id = 'anna'"},
      {"a row deleted",
       {{kind::chain_gap, 1},
        {kind::not_conserved, 1},
        {kind::result_without_posting, 1},
        {kind::request_unanswered, 1}},
       "DELETE FROM ledger.transactions WHERE record_id = 2"},
      {"a wrong balance",
       {{kind::wrong_balance, 1}, {kind::result_differs, 1}},
       update_row(2, "balance_after = 71")},
      {"applied made refused",
       {{kind::wrong_decision, 1}, {kind::not_conserved, 1}, {kind::result_differs, 1}},
       update_row(4, "status = 'FAILED', reason = 'BALANCE_OVERFLOW'")},
      {"refused made applied",
       {{kind::wrong_decision, 1}, {kind::not_conserved, 1}, {kind::result_differs, 1}},
       update_row(3, "status = 'SUCCESS', reason = NULL")},
      {"another account balance",
       {{kind::account_differs, 1}, {kind::not_conserved, 1}},
       anna + "balance = 77 WHERE user_id = 'anna'"},
      {"another account seq",
       {{kind::account_differs, 1}},
       anna + "seq = 9 WHERE user_id = 'bert'"},
      {"money from nowhere",
       {{kind::account_without_postings, 1}, {kind::not_conserved, 1}},
       "INSERT INTO ledger.accounts (user_id, currency, balance, seq) VALUES ('zoe', 'KRW', 5, 1)"},
      {"an account deleted",
       {{kind::posting_without_account, 1}, {kind::not_conserved, 1}},
       "DELETE FROM ledger.accounts WHERE user_id = 'bert'"},
      {"a changed fingerprint",
       {{kind::wrong_fingerprint, 1}},
       update_row(1, "fingerprint = fingerprint + 1")},
      {"a changed user",
       {{kind::wrong_fingerprint, 1},
        {kind::posting_without_account, 1},
        {kind::account_without_postings, 1},
        {kind::result_differs, 1},
        {kind::conflict_not_parked, 1}},
       update_row(6, "user_id = 'carla'")},
      {"a negative amount",
       {{kind::invalid_row, 1},
        {kind::not_conserved, 1},
        {kind::wrong_fingerprint, 1},
        {kind::result_differs, 1},
        {kind::conflict_not_parked, 1}},
       without_checks + update_row(5, "amount = -amount")},
      {"a changed time",
       {{kind::result_differs, 1}},
       update_row(1, "created_at = created_at + interval '1 microsecond'")},
      {"all rows deleted",
       {{kind::account_without_postings, 3},
        {kind::not_conserved, 2},
        {kind::result_without_posting, 7},
        {kind::request_unanswered, 8},
        {kind::dead_letter_unfounded, 1}},
       "DELETE FROM ledger.transactions"},
  };
  for (const auto& [name, expected, statements] : rows) {
    scene here;
    here.sql(statements);
    check(name, here.findings(), expected);
  }
}

CAF_TEST(damage_to_the_streams_is_found) {
  const auto is = [](const outgoing& m, std::string_view id) { return m.message_id == id; };
  const auto buries = [](const outgoing& m, std::string_view sequence) {
    return m.message_id.starts_with("dead-TRANSACTIONS-") && m.message_id.ends_with(sequence);
  };
  const struct {
    std::string name;
    finding_counts expected;
    falsifier falsify;
  } rows[] = {
      {"a result not published",
       {{kind::posting_without_result, 1}},
       [&](outgoing& m) { return !is(m, "result-4"); }},
      {"a falsified result",
       {{kind::result_differs, 1}},
       [&](outgoing& m) {
         if (is(m, "result-2"))
           m.payload.replace(m.payload.find("\"70\""), 4, "\"71\"");
         return true;
       }},
      {"a dead letter not published",
       {{kind::request_unanswered, 1}},
       [&](outgoing& m) { return !buries(m, "-10"); }},
      {"the dead letter of a conflict not published",
       {{kind::conflict_not_parked, 1}},
       [&](outgoing& m) { return !buries(m, "-8"); }},
      {"a dead letter without its reason",
       {{kind::dead_letter_malformed, 1}, {kind::request_unanswered, 1}},
       [&](outgoing& m) {
         if (buries(m, "-9"))
           std::erase_if(m.headers, [](const auto& h) { return h.name == "Ledgerd-Reason"; });
         return true;
       }},
      {"a dead letter with another payload",
       {{kind::dead_letter_differs, 1}},
       [&](outgoing& m) {
         if (buries(m, "-9"))
           m.payload += " ";
         return true;
       }},
      {"a dead letter for another reason",
       {{kind::dead_letter_unfounded, 1}},
       [&](outgoing& m) {
         if (buries(m, "-9"))
           m.headers.at(0).value = "MALFORMED_JSON";
         return true;
       }},
  };
  for (const auto& [name, expected, falsify] : rows)
    check(name, scene(falsify).findings(), expected);
}

CAF_TEST(forged_results_are_found) {
  scene here;
  publish(here.nats(), {{.subject = "transaction.result.deposit",
                         .message_id = "result-99",
                         .payload = R"({"recordId":99})"}});
  check("a result without a row", here.findings(), {{kind::result_without_posting, 1}});
  publish(here.nats(),
          {{.subject = "transaction.result.deposit", .message_id = "", .payload = "x"}});
  check("and one that is no JSON", here.findings(),
        {{kind::result_without_posting, 1}, {kind::result_malformed, 1}});
}

CAF_TEST(copies_of_a_result_with_other_bytes_are_found) {
  std::vector<outgoing> published;
  scene here([&](outgoing& m) {
    published.push_back(m);
    return true;
  });
  // The broker would recognise the id of a second copy: with the stream made anew it has forgotten
  // it.
  here.nats().delete_stream(names::result_stream);
  here.nats().provision({});
  auto copy = published.at(0);
  copy.payload += " ";
  publish(here.nats(), {copy});
  check("one that is wrong", here.findings(), {{kind::result_differs, 1}});
}

CAF_TEST(a_request_that_was_settled_without_an_effect_is_found) {
  scene here;
  publish_requests(here.nats(),
                   {{"transaction.deposit", R"({"recordId":9,"userId":"anna","amount":1})"}});
  check("waiting", here.findings(), {{kind::not_settled, 1}});
  check("waiting, at work", here.findings(true), {});
  auto source = here.nats().make_source(names::request_stream, "deposit-consumer", 10);
  source->open([] {});
  std::vector<delivery> taken;
  for (int i = 0; i < 5000 && taken.empty(); ++i) {
    source->pull({10});
    taken = source->take();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  CAF_REQUIRE_EQUAL(taken.size(), 1u);
  check("handed out", here.findings(), {{kind::not_settled, 1}});
  source->settle(taken[0].receipt, settlement::acknowledge);
  for (int i = 0;
       i < 5000 && here.nats().consumer(names::request_stream, "deposit-consumer").ack_pending != 0;
       ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  check("acknowledged", here.findings(), {{kind::request_unanswered, 1}});
  check("acknowledged, at work", here.findings(true), {{kind::request_unanswered, 1}});
  source->close();
}

CAF_TEST(a_dead_letter_that_was_deleted_by_hand_is_found) {
  scene here;
  here.nats().delete_message(names::dead_letter_stream, 2);
  check("from the middle", here.findings(), {{kind::request_unanswered, 1}});
}

CAF_TEST(letters_of_a_request_stream_that_was_made_anew_are_no_findings) {
  scene here;
  here.nats().delete_stream(names::request_stream);
  here.nats().provision({});
  publish_requests(here.nats(), sample_requests());
  here.work_off_again();
  check("all requests were known", here.findings(), {});
}

CAF_TEST(a_missing_stream_is_found) {
  scene here;
  here.nats().delete_stream(names::result_stream);
  check("results", here.findings(), {{kind::stream_missing, 1}});
  here.nats().delete_stream(names::request_stream);
  check("requests too", here.findings(), {{kind::stream_missing, 2}, {kind::not_settled, 2}});
}

CAF_TEST(a_row_whose_record_is_lost_is_found) {
  scene here;
  here.add_account_schema();
  here.nats().delete_stream(names::request_stream);
  here.nats().provision({});
  publish_requests(here.nats(), sample_requests());
  publish(here.nats(), {{.subject = "transaction.deposit",
                         .message_id = "9",
                         .payload = R"({"recordId":9,"userId":"anna","amount":1})",
                         .headers = {{"Ledgerd-Account", "9"}}}});
  here.work_off_again();
  CAF_CHECK_EQUAL(here.findings(), "nothing"); // the account side may have another database
  here.own_account_database = true;
  CAF_CHECK_EQUAL(here.findings(), "1 posting_without_record");
  CAF_CHECK_EQUAL(text_of(here.report(false, {.memory_max = 0}).findings.counts()),
                  "1 posting_without_record");
  here.own_account_database = false;
  const auto insert = [&](int id) {
    here.sql("INSERT INTO account.transaction_records (id, amount, fingerprint, currency, type, "
             "user_id) OVERRIDING SYSTEM VALUE VALUES ("
             + std::to_string(id) + ", 1, "
             + std::to_string(
                 fingerprint({"anna", *currency_code::parse("KRW")}, movement::deposit, money{1}))
             + ", 'KRW', 'DEPOSIT', 'anna')");
  };
  insert(10);
  CAF_CHECK_EQUAL(here.findings(true), "1 posting_without_record");
  insert(9);
  CAF_CHECK_EQUAL(here.findings(true), "nothing");
}
