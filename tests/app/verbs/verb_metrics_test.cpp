// `ledgerd metrics` where no daemon runs; with nodes, tests/e2e/numbers.mjs.

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "actors/ledger/gate_counters.hpp"
#include "app/base/text.hpp"
#include "app/operations/routes.hpp"
#include "tests/app/verbs/program.hpp"
#include "tests/support/private_servers.hpp"

#define CAF_SUITE verb_metrics
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

std::vector<nlohmann::json> documents_of(const std::string& lines) {
  std::vector<nlohmann::json> found;
  for (std::istringstream in{lines}; in.peek() != EOF;) {
    std::string line;
    std::getline(in, line);
    found.push_back(nlohmann::json::parse(line, nullptr, false));
  }
  return found;
}

} // namespace

CAF_TEST(metrics asks all nodes over NATS and says who does not answer) {
  const private_servers servers;
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "metrics");
    return run_program(words,
                       {"LEDGERD_NATS_URL=" + servers.nats_url(), "LEDGERD_HTTP_LISTEN=off"});
  };
  const auto nobody = run({});
  CAF_CHECK_EQUAL(nobody.code, 1);
  CAF_CHECK(contains(nobody.err, "no node answers"));
  const auto other = run({"--node", "nobody"});
  CAF_CHECK_EQUAL(other.code, 1);
  CAF_CHECK(contains(other.err, "no node nobody answers"));
  const auto away = run({"--nats-url", "nats://127.0.0.1:9"});
  CAF_CHECK_EQUAL(away.code, 3);
  CAF_CHECK(contains(away.err, "--local"));
  CAF_CHECK_EQUAL(run({"--local"}).code, 2);
  CAF_CHECK_EQUAL(run({"--local", "--node", "a"}).code, 2);
  CAF_CHECK_EQUAL(run({"--watch", "1ms"}).code, 2);
}

CAF_TEST(metrics asks one daemon over HTTP and leaves out what is 0) {
  http_routes daemon;
  daemon.readiness = [](auto, auto answer) { answer({}); };
  daemon.metrics = [](auto answer) { answer({}); };
  daemon.actors = [](auto answer) {
    answer({make_report("gate", "0", gate_numbers{{.batches = 42}, {0, 0, 0, 0, 0, 0, 0}}),
            silent_report("fetcher")});
  };
  const http_server server{"127.0.0.1", 0, make_routes(std::move(daemon))};
  const auto listen = "127.0.0.1:" + std::to_string(server.port());
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"metrics", "--local", "--http-listen", listen});
    return run_program(words);
  };
  const auto shown = run({});
  CAF_CHECK_EQUAL(std::make_pair(shown.err, shown.code), std::make_pair(std::string{}, 0));
  CAF_CHECK(contains(one_line(shown.out), "gate batches_total 42"));
  CAF_CHECK(contains(one_line(shown.out), "fetcher one of them no answer"));
  CAF_CHECK(contains(shown.out, "more numbers are 0"));
  CAF_CHECK(contains(shown.out, "times and sizes since its start"));
  CAF_CHECK(contains(one_line(run({"--all"}).out), "gate rows_total 0"));
  const auto document = nlohmann::json::parse(run({"--json"}).out);
  CAF_CHECK(document.at("nodes").at(0).at("actors").at(1).at("answered") == false);
  // Who has read enough ends the watch.
  const auto watched = documents_of(
      run_shell("timeout 20 " LEDGERD_PROGRAM " metrics --local --http-listen " + listen
                + " --watch 100ms --json | head -n 2; [[ ${PIPESTATUS[0]} = 0 ]] && echo '{}'")
          .out);
  CAF_REQUIRE_EQUAL(watched.size(), 3u);
  for (const auto& each : {watched[0], watched[1]})
    CAF_CHECK(each.is_object() && each.contains("nodes"));
}

CAF_TEST(a look that fails is a line of its own) {
  const auto watched = documents_of(
      run_shell("timeout 20 " LEDGERD_PROGRAM
                " metrics --local --http-listen 127.0.0.1:9 --watch 100ms --json | head -n 2")
          .out);
  CAF_REQUIRE_EQUAL(watched.size(), 2u);
  for (const auto& each : watched)
    CAF_CHECK(each.is_object() && each.value("code", "") == "UNAVAILABLE");
}
