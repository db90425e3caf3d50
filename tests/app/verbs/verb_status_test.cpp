// `ledgerd status` where no daemon runs; with nodes, tests/e2e/status.mjs.

#include <nlohmann/json.hpp>
#include <string>

#include "app/base/text.hpp"
#include "app/operations/routes.hpp"
#include "tests/app/verbs/verb_world.hpp"

#define CAF_SUITE verb_status
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using nlohmann::json;

namespace {

struct world : verb_world {
  world() : verb_world({.account = true}) {
    post({request(1, movement::deposit, 500), request(2, movement::withdrawal, 501),
          request(3, movement::withdrawal, 200)});
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(statuses, world)

CAF_TEST(status shows the streams and consumers and the ledger) {
  publish({dead_letter(21, 5)});
  const auto text = run({"status"});
  CAF_CHECK_EQUAL(text.code, 1); // no node lives
  CAF_CHECK(contains(text.out, "deposit-consumer") && contains(text.out, "daemon: not reachable"));
  const auto found = json::parse(run({"status", "--json", "--count"}).out);
  CAF_CHECK_EQUAL(found.at("ledger").at("applied").get<int>(), 2);
  CAF_CHECK_EQUAL(found.at("ledger").at("refused").get<int>(), 1);
  CAF_CHECK_EQUAL(found.at("ledger").at("accounts").get<int>(), 1);
  CAF_CHECK_EQUAL(found.at("broker").at("streams").at(2).at("messages").get<int>(), 1);
  CAF_CHECK_EQUAL(found.at("broker").at("streams").size(), 5u);
  CAF_CHECK_EQUAL(found.at("broker").at("consumers").size(), 4u);
  for (const auto* name : {"TRANSACTION_ACTIONS", "account-dead-letter-consumer"})
    CAF_CHECK(contains(text.out, name));
  for (const auto* list : {"streams", "consumers"})
    for (const auto& each : found.at("broker").at(list))
      CAF_CHECK_EQUAL(each.at("exists"), true);
}

CAF_TEST(status asks the daemon over HTTP) {
  http_routes daemon;
  daemon.readiness = [](auto, auto answer) { answer({{"database", false, "away"}}); };
  daemon.metrics = [](auto answer) { answer({}); };
  daemon.actors = [](auto answer) { answer({}); };
  const http_server server{"127.0.0.1", 0, make_routes(std::move(daemon))};
  const auto listen = "127.0.0.1:" + std::to_string(server.port());
  const auto status = json::parse(run({"status", "--json", "--http-listen", listen}).out);
  CAF_CHECK(status.at("daemon").at("ready") == false);
  CAF_CHECK_EQUAL(run({"status", "--http-listen", listen}).code, 1);
  CAF_CHECK_EQUAL(run({"status", "--http-listen", "127.0.0.1:9"}).code, 1);
  CAF_CHECK_EQUAL(status.at("daemon").at("checks").at(0).at("detail").get<std::string>(), "away");
}

CAF_TEST(status says about how many rows there are and counts them only when it is told to) {
  const auto ledger = [&](std::vector<std::string> words) {
    return json::parse(run(std::move(words)).out).at("ledger");
  };
  const auto quick = ledger({"status", "--json"});
  for (const auto* unknown : {"accounts", "applied", "refused", "transactionsAbout"})
    CAF_CHECK(quick.at(unknown).is_null());
  CAF_CHECK(contains(one_line(run({"status"}).out), "accounts transactions"));
  servers.sql(servers.database_url(), "ANALYZE ledger.transactions");
  CAF_CHECK_EQUAL(ledger({"status", "--json"}).at("transactionsAbout").get<int>(), 3);
  CAF_CHECK(contains(run({"status"}).out, "about 3"));
  CAF_CHECK(!contains(run({"status"}).out, "applied"));
  CAF_CHECK(contains(run({"status", "--count"}).out, "applied"));
}

CAF_TEST(status concludes with what waits though no node lives) {
  const auto empty = run({"status"});
  CAF_CHECK_EQUAL(empty.code, 1);
  CAF_CHECK(empty.out.ends_with("\nno node answers, and no request waits\n"));
  publish({{0, "transaction.withdrawal", "w1", "{}", {}},
           {0, "transaction.deposit", "d1", "{}", {}},
           {0, "transaction.deposit", "d2", "{}", {}}});
  CAF_CHECK(contains(run({"status"}).out, "no node answers, and 3 requests wait, the oldest for "));
  const auto found = json::parse(run({"status", "--json"}).out);
  CAF_CHECK_EQUAL(found.at("requestsWaiting").get<int>(), 3);
  CAF_CHECK(found.at("oldestUndecidedSeconds").is_number());
  CAF_CHECK(found.at("decidedPerSecond").is_null());
  CAF_CHECK(found.at("conclusion").get<std::string>().starts_with("no node answers"));
  const auto away = json::parse(run({"status", "--json", "--nats-url", "nats://127.0.0.1:9"}).out);
  CAF_CHECK(away.at("requestsWaiting").is_null());
  CAF_CHECK(away.at("oldestUndecidedSeconds").is_null());
  CAF_CHECK(away.at("conclusion").get<std::string>().starts_with("NATS does not answer"));
}

CAF_TEST_FIXTURE_SCOPE_END()
