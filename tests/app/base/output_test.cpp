#include "actors/ledger/gate_counters.hpp"
#include "app/daemon/log_line.hpp"
#include "app/operations/prometheus.hpp"
#include "app/operations/routes.hpp"
#include "app/operations/snapshot.hpp"

#include <nlohmann/json.hpp>
#include <set>

#define CAF_SUITE output
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

// The answer of a route that answers at once.
http_response ask(const std::vector<http_route>& routes, const std::string& path,
                  const std::string& query = "") {
  http_request request;
  request.path = path;
  if (!query.empty())
    request.query.emplace_back(query, "");
  http_response answer;
  answer.status = 0;
  for (const auto& route : routes)
    if (route.path == path)
      route.handle(request, [&](http_response r) { answer = std::move(r); });
  return answer;
}

std::vector<http_route> routes_with(std::vector<readiness_check> checks) {
  http_routes daemon;
  daemon.readiness = [checks](auto, auto answer) { answer(checks); };
  daemon.metrics = [](auto answer) {
    answer({{"ledgerd_in_flight", "Deliveries held.", metric_kind::gauge, {}, 7, {}}});
  };
  daemon.actors = [](auto answer) {
    gate_counters counters{.batches = 3};
    counters.commit.record(300);
    answer({make_report("gate", "0", gate_numbers{counters, {0, 0, 0, 0, 0, 0, 0}})});
  };
  return make_routes(std::move(daemon));
}

} // namespace

CAF_TEST(series of one name share a family and durations are cumulative seconds) {
  metric histogram{"ledgerd_commit_seconds", "Commits.", metric_kind::histogram, {}, 0, {}};
  for (const auto us : {40, 60, 200'000, 900'000, 1'400'000, 20'000'000})
    histogram.durations.record(us);
  const auto text = to_prometheus({
      {"ledgerd_entries_total", "Entries.", metric_kind::counter, {{"outcome", "applied"}}, 5, {}},
      {"ledgerd_in_flight", "Held.", metric_kind::gauge, {}, -1, {}},
      {"ledgerd_entries_total", "Entries.", metric_kind::counter, {{"outcome", "a\"b\n"}}, 6, {}},
      histogram,
  });
  CAF_CHECK_EQUAL(text, "# HELP ledgerd_entries_total Entries.\n"
                        "# TYPE ledgerd_entries_total counter\n"
                        "ledgerd_entries_total{outcome=\"applied\"} 5\n"
                        "ledgerd_entries_total{outcome=\"a\\\"b\\n\"} 6\n"
                        "# HELP ledgerd_in_flight Held.\n"
                        "# TYPE ledgerd_in_flight gauge\n"
                        "ledgerd_in_flight -1\n"
                        "# HELP ledgerd_commit_seconds Commits.\n"
                        "# TYPE ledgerd_commit_seconds histogram\n"
                        "ledgerd_commit_seconds_count 6\n"
                        "ledgerd_commit_seconds_sum 22.5001\n"
                        "ledgerd_commit_seconds_bucket{le=\"1e-05\"} 0\n"
                        "ledgerd_commit_seconds_bucket{le=\"2.5e-05\"} 0\n"
                        "ledgerd_commit_seconds_bucket{le=\"5e-05\"} 1\n"
                        "ledgerd_commit_seconds_bucket{le=\"0.0001\"} 2\n"
                        "ledgerd_commit_seconds_bucket{le=\"0.00025\"} 2\n"
                        "ledgerd_commit_seconds_bucket{le=\"0.0005\"} 2\n"
                        "ledgerd_commit_seconds_bucket{le=\"0.001\"} 2\n"
                        "ledgerd_commit_seconds_bucket{le=\"0.0025\"} 2\n"
                        "ledgerd_commit_seconds_bucket{le=\"0.005\"} 2\n"
                        "ledgerd_commit_seconds_bucket{le=\"0.01\"} 2\n"
                        "ledgerd_commit_seconds_bucket{le=\"0.015\"} 2\n"
                        "ledgerd_commit_seconds_bucket{le=\"0.025\"} 2\n"
                        "ledgerd_commit_seconds_bucket{le=\"0.05\"} 2\n"
                        "ledgerd_commit_seconds_bucket{le=\"0.1\"} 2\n"
                        "ledgerd_commit_seconds_bucket{le=\"0.25\"} 3\n"
                        "ledgerd_commit_seconds_bucket{le=\"0.5\"} 3\n"
                        "ledgerd_commit_seconds_bucket{le=\"1\"} 4\n"
                        "ledgerd_commit_seconds_bucket{le=\"2.5\"} 5\n"
                        "ledgerd_commit_seconds_bucket{le=\"10\"} 5\n"
                        "ledgerd_commit_seconds_bucket{le=\"+Inf\"} 6\n");
}

CAF_TEST(what nobody reports is no zero) {
  const auto names_of = [](const std::vector<actor_report>& reports) {
    std::set<std::string> names;
    for (const auto& each : to_snapshot(reports))
      names.insert(each.name);
    return names;
  };
  const auto silent = names_of({});
  CAF_CHECK(silent.count("ledgerd_build_info") == 1);
  CAF_CHECK(silent.count("ledgerd_entries_total") == 0);
  CAF_CHECK(silent.count("ledgerd_commit_seconds") == 0);
  const auto gate = make_report("gate", "0", gate_numbers{{}, {0, 0, 0, 0, 0, 0, 0}});
  const auto one = names_of({gate});
  CAF_CHECK(one.count("ledgerd_circuit_open") == 1); // a zero that is known
  CAF_CHECK(one.count("ledgerd_commit_seconds") == 1);
  CAF_CHECK(one.count("ledgerd_in_flight") == 0);
  // One of two does not answer: the other's number is not the sum.
  CAF_CHECK(names_of({gate, {"gate", "", {}, {}}}).count("ledgerd_circuit_open") == 0);
}

CAF_TEST(a hostile message cannot forge a line of the log) {
  const std::string hostile = "user \"a\"\n2026-01-01T00:00:00.000000Z error forged\x1b[2J\xff";
  const auto text = format_log_line(
      log_format::text,
      {.level = "warning", .node = "n1", .event = "e", .sentence = hostile, .fields = {}});
  CAF_CHECK_EQUAL(
      text, "1970-01-01T00:00:00.000000Z warn  user \"a\"\\n2026-01-01T00:00:00.000000Z error "
            "forged\\x1b[2J\\xff [e]\n");
  const auto json = format_log_line(
      log_format::json,
      {.level = "info", .node = "n1", .event = "e", .sentence = hostile, .fields = {}});
  CAF_CHECK_EQUAL(std::count(json.begin(), json.end(), '\n'), 1);
  const auto parsed = nlohmann::json::parse(json);
  CAF_CHECK_EQUAL(parsed.at("level").get<std::string>(), "info");
  CAF_CHECK_EQUAL(parsed.at("node").get<std::string>(), "n1");
  CAF_CHECK_EQUAL(parsed.at("message").get<std::string>(),
                  "user \"a\"\\n2026-01-01T00:00:00.000000Z error forged\\x1b[2J\\xff");
}

CAF_TEST(readiness is 200 only when every check holds) {
  const auto ready = routes_with({{"database", true, ""}, {"broker", true, ""}});
  CAF_CHECK_EQUAL(ask(ready, "/readyz").status, 200);
  CAF_CHECK_EQUAL(ask(ready, "/readyz").body, "{\"ready\":true}\n");
  CAF_CHECK_EQUAL(ask(ready, "/readyz", "verbose").body,
                  "{\"ready\":true,\"checks\":[{\"name\":\"database\",\"ok\":true},{\"name\":"
                  "\"broker\",\"ok\":true}]}\n");
  const auto away = routes_with({{"database", false, "connection refused"}, {"broker", true, ""}});
  const auto answer = ask(away, "/readyz");
  CAF_CHECK_EQUAL(answer.status, 503);
  CAF_CHECK_EQUAL(answer.content_type, "application/problem+json");
  CAF_CHECK(answer.headers == (decltype(answer.headers){{"Retry-After", "1"}}));
  const auto body = nlohmann::json::parse(answer.body);
  CAF_CHECK_EQUAL(body.at("code").get<std::string>(), "UNAVAILABLE");
  CAF_REQUIRE_EQUAL(body.at("checks").size(), 1u);
  CAF_CHECK_EQUAL(body.at("checks")[0].at("name").get<std::string>(), "database");
  CAF_CHECK(answer.body.find("refused") == std::string::npos);
  const auto verbose = nlohmann::json::parse(ask(away, "/readyz", "verbose").body);
  CAF_CHECK_EQUAL(verbose.at("checks")[0].at("detail").get<std::string>(), "connection refused");
}

CAF_TEST(liveness and metrics and actors answer) {
  const auto routes = routes_with({});
  CAF_CHECK_EQUAL(ask(routes, "/livez").status, 200);
  CAF_CHECK(ask(routes, "/metrics").body.find("\nledgerd_in_flight 7\n") != std::string::npos);
  const auto actors = nlohmann::json::parse(ask(routes, "/v1/actors").body);
  const auto& gate = actors.at("actors").at(0);
  CAF_CHECK_EQUAL(gate.at("actor").get<std::string>(), "gate");
  CAF_CHECK_EQUAL(gate.at("values").at("batches_total").get<int>(), 3);
  CAF_CHECK_EQUAL(gate.at("histograms").at("commit").at("count").get<int>(), 1);
  CAF_CHECK_EQUAL(gate.at("histograms").at("commit").at("buckets").size(),
                  duration_histogram::bounds_us.size() + 1);
  CAF_CHECK(gate.at("histograms").at("commit").at("buckets").back().at(0).is_null());
}
