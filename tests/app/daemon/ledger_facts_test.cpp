// What an account node learns of the ledger over NATS, again and again.
#include "app/daemon/ledger_facts.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <string>
#include <thread>

#include "app/daemon/roles.hpp"
#include "messaging/names.hpp"
#include "persistence/schema.hpp"
#include "tests/support/private_servers.hpp"

#define CAF_SUITE ledger_facts
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

private_servers& servers() {
  static private_servers instance;
  return instance;
}

std::unique_ptr<broker> connect() {
  return broker::connect({.url = servers().nats_url()}, [](link_event, const std::string&) {});
}

// A ledger that answers for as long as it lives.
class answering_ledger {
public:
  explicit answering_ledger(ledger_facts facts) : facts_(std::move(facts)) {
    desk_->open([] {});
    thread_ = std::thread([this] {
      while (!stop_) {
        for (const auto& asked : desk_->take(100))
          desk_->answer(asked.reply, encode_facts(facts_), {});
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
      }
    });
  }
  ~answering_ledger() {
    stop_ = true;
    thread_.join();
  }

private:
  const ledger_facts facts_;
  std::unique_ptr<broker> nats_ = connect();
  std::unique_ptr<question_desk> desk_ = nats_->make_desk({std::string{names::api_currencies}});
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

config account_settings() {
  config settings;
  settings.roles = {role::account};
  settings.account_database_url = servers().fresh_database();
  migrate(settings.account_database_url, schema::account);
  return settings;
}

long resident_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:"))
      return std::stol(line.substr(6));
  return 0;
}

bool is_silent(ledger_facts_source& source) {
  try {
    source.read();
    return false;
  } catch (const std::runtime_error&) {
    return true;
  }
}

// Another connection's subscription is not there at once, and a question before it is answered
// with "nobody listens".
std::size_t currencies_soon(ledger_facts_source& source) {
  for (int looks = 0; is_silent(source); ++looks)
    if (looks == 200)
      return 0;
    else
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
  return source.read().size();
}

const std::vector<currency> rows{{*currency_code::parse("KRW"), 0},
                                 {*currency_code::parse("EUR"), 2},
                                 {*currency_code::parse("QQY"), 5}};

bool knows_what_is_new(ledger_facts_source& source) {
  const auto kept = source.kept();
  return std::any_of(kept.begin(), kept.end(),
                     [](const auto& each) { return each.code == rows.back().code; });
}

} // namespace

CAF_TEST(what_was_heard_is_kept_for_when_nobody_answers) {
  const auto settings = account_settings();
  const auto nats = connect();
  const auto view = std::make_shared<ledger_view>();
  {
    auto source = make_facts_source(settings, *nats, view);
    CAF_CHECK(is_silent(source));
    CAF_CHECK(source.kept().size() > 100 && !knows_what_is_new(source)); // what all begin with
    CAF_CHECK(!view->marks());
    const answering_ledger ledger{{rows, ledger_marks{record_id{7}, transaction_id{9}}}};
    CAF_CHECK_EQUAL(currencies_soon(source), rows.size());
    CAF_CHECK(view->marks() == ledger_marks({record_id{7}, transaction_id{9}}));
  }
  auto later = make_facts_source(settings, *nats, nullptr);
  CAF_CHECK(is_silent(later));
  CAF_CHECK(knows_what_is_new(later));
}

CAF_TEST(the_ledger_needs_no_account_database_to_know_its_currencies) {
  auto settings = account_settings();
  const auto account_database = settings.account_database_url;
  settings.roles = {role::ledger, role::account};
  settings.database_url = servers().fresh_database();
  migrate(settings.database_url, schema::ledger);
  settings.account_database_url = "postgresql://ledgerd@127.0.0.1:1/nowhere";
  const auto nats = connect();
  const auto view = std::make_shared<ledger_view>();
  auto source = make_facts_source(settings, *nats, view);
  CAF_CHECK(source.read().size() > 100);
  CAF_CHECK(!view->marks());
  settings.account_database_url = account_database;
  CAF_CHECK(make_facts_source(settings, *nats, view).read().size() > 100);
  CAF_CHECK(view->marks().has_value());
}

CAF_TEST(looking_again_and_again_costs_no_memory) {
  const auto settings = account_settings();
  const auto nats = connect();
  const answering_ledger ledger{{rows, ledger_marks{}}};
  auto source = make_facts_source(settings, *nats, nullptr);
  CAF_REQUIRE_EQUAL(currencies_soon(source), rows.size());
  const auto look = [&](int times) {
    for (int i = 0; i < times; ++i)
      source.read();
    return resident_kilobytes();
  };
  const auto before = look(50);
  // An inquirer for each look took about 20 kB.
  CAF_CHECK_LESS(look(300) - before, 1500);
}

CAF_TEST(an account database that was set back is noticed) {
  const auto settings = account_settings();
  const auto nats = connect();
  const auto store = make_postgres_record_store(settings.account_database_url);
  const auto given = store->record(
      {{{{"anna", *currency_code::parse("KRW")}, movement::deposit, money{1}}, "key", ""}});
  const auto& made = std::get<std::vector<recorded>>(given);
  CAF_REQUIRE_EQUAL(made.size(), 1u);
  const auto lacks = [&](std::int64_t ahead) {
    const auto view = std::make_shared<ledger_view>();
    const answering_ledger ledger{
        {rows, ledger_marks{record_id{to_int(made[0].record.id) + ahead}, transaction_id{9}}}};
    auto source = make_facts_source(settings, *nats, view);
    CAF_CHECK_EQUAL(currencies_soon(source), rows.size()); // which looks more than once
    return view->lacks();
  };
  CAF_CHECK_EQUAL(lacks(0), 0u);
  CAF_CHECK_EQUAL(lacks(-1), 1u); // its sequence is ahead of its rows
  CAF_CHECK_EQUAL(lacks(5), 1u);
  CAF_CHECK_EQUAL(lacks(-1'000), 0u); // somebody else's
}
