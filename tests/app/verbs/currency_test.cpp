// The currencies, and what verbs tell as JSON, against private servers: no daemon runs here.

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "messaging/broker.hpp"
#include "persistence/postgres.hpp"
#include "tests/app/verbs/verb_world.hpp"

#define CAF_SUITE currency_verbs
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using nlohmann::json;

namespace {

// A migrated database, in which record 1 has deposited 500, and a broker with its streams.
struct fixture : verb_world {
  fixture() { post({request(1, movement::deposit, 500)}); }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(currency_tests, fixture)

CAF_TEST(migrate tells the same as JSON) {
  const auto url = servers.fresh_database();
  const auto told =
      json::parse(run_program({"migrate", "--json"}, {"LEDGERD_DATABASE_URL=" + url}).out);
  const auto& ledger = told.at("schemas").at(0);
  CAF_CHECK_EQUAL(ledger.at("schema"), "ledger");
  CAF_CHECK_EQUAL(ledger.at("applied").size(), ledger.at("version").get<std::size_t>());
}

CAF_TEST(a currency is added once and never changed) {
  const auto first = run({"currency", "add", "XAU", "6"});
  CAF_CHECK_EQUAL(std::make_pair(first.err, first.code), std::make_pair(std::string{}, 0));
  CAF_CHECK_EQUAL(first.out, "added XAU with 6 digits\n");
  const auto again = json::parse(run({"currency", "add", "XAU", "6", "--json"}).out);
  CAF_CHECK_EQUAL(again, json::parse(R"({"code": "XAU", "exponent": 6, "added": false})"));
  const auto other = run({"currency", "add", "XAU", "7", "--json"});
  CAF_CHECK_EQUAL(other.code, 1);
  const auto told = json::parse(other.out);
  CAF_CHECK_EQUAL(told.at("exponent"), 6);
  CAF_CHECK(contains(other.err, "XAU is there already, with 6 digits"));
  const auto list = json::parse(run({"currency", "list", "--json"}).out).at("items");
  CAF_CHECK(std::find(list.begin(), list.end(), json::parse(R"({"code": "XAU", "exponent": 6})"))
            != list.end());
  CAF_CHECK(contains(run({"currency", "list"}).out, "\nXAU  "));
  CAF_CHECK_EQUAL(run({"currency", "add", "xau", "6"}).code, 2);
  CAF_CHECK_EQUAL(run({"currency", "add", "XAG", "19"}).code, 2);
}

CAF_TEST(who may add no currency is told why) {
  const auto url = servers.database_url();
  servers.sql(url, "DROP ROLE IF EXISTS looker; CREATE ROLE looker LOGIN PASSWORD 'l'; GRANT USAGE "
                   "ON SCHEMA ledger TO looker; GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO "
                   "looker");
  auto as_looker = url;
  const auto begin = as_looker.find("//") + 2;
  as_looker.replace(begin, as_looker.find('@') - begin, "looker:l");
  const auto refused =
      run_program({"currency", "add", "XAU", "6"}, {"LEDGERD_DATABASE_URL=" + as_looker});
  CAF_CHECK_EQUAL(refused.code, 3);
  CAF_CHECK(contains(refused.err, "whoever adds a currency must be allowed to insert into its "
                                  "table"));
  CAF_CHECK(contains(refused.err, "for the role looker"));
  servers.sql(url, "INSERT INTO ledger.schema_migrations (version, name, checksum) VALUES (1000, "
                   "'1000_later', 'x')");
  const auto newer = run({"currency", "add", "XAU", "6"});
  CAF_CHECK_EQUAL(newer.code, 3);
  CAF_CHECK(contains(newer.err, "newer than this program"));
  servers.sql(url, "DELETE FROM ledger.schema_migrations WHERE version = 1000");
  CAF_CHECK(contains(run({"currency", "add", "XAU", "6"}).out, "added XAU"));
}

CAF_TEST(submit tells as JSON what was sent and decided) {
  const auto sent = run({"submit", "--user", "alice", "--type", "DEPOSIT", "--amount", "500",
                         "--currency", "KRW", "--record-id", "1", "--wait", "--json"});
  CAF_CHECK_EQUAL(sent.code, 0);
  const auto told = json::parse(sent.out);
  CAF_CHECK_EQUAL(told.at("sent"), 1);
  CAF_CHECK_EQUAL(told.at("unconfirmed"), 0);
  CAF_CHECK_EQUAL(told.at("verdicts").at("success"), 1);
}

CAF_TEST_FIXTURE_SCOPE_END()
