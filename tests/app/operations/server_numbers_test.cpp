// Whether the servers are there, as metrics and log have it.

#include "app/operations/server_numbers.hpp"

#include "app/operations/prometheus.hpp"
#include "persistence/held_database.hpp"

#define CAF_SUITE server_numbers
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

using states = std::vector<server_state>;

} // namespace

CAF_TEST(each server is told by the checks that look at it) {
  const struct {
    const char* name;
    std::vector<readiness_check> checks;
    states expected;
  } rows[] = {
      {"not started", {{"start", false, "waits"}}, {}},
      {"not looked at", {{"servers", false, "not looked at yet"}, {"progress", true, ""}}, {}},
      {"all well",
       {{"database", true, ""}, {"broker", true, ""}, {"streams", true, ""}},
       {{"broker", true, ""}, {"database", true, ""}}},
      {"broker away",
       {{"database", true, ""}, {"broker", false, "not connected"}, {"streams", false, "x"}},
       {{"broker", false, "not connected"}, {"database", true, ""}}},
      {"one of two databases",
       {{"database", true, ""}, {"account database", false, "refused"}, {"broker", true, ""}},
       {{"broker", true, ""}, {"database", false, "refused"}}},
      {"the other one",
       {{"database", false, "a"}, {"account database", true, ""}},
       {{"database", false, "a"}}},
      {"the account's alone", {{"account database", true, ""}}, {{"database", true, ""}}},
      {"a commit that waits",
       {{"commit", false, "x"}, {"database", true, ""}},
       {{"database", true, ""}}},
  };
  for (const auto& [name, checks, expected] : rows)
    if (servers_of(checks) != expected)
      CAF_ERROR(name);
}

CAF_TEST(the metrics have a series for each server that was looked at) {
  http_routes routes;
  routes.metrics = [](const std::function<void(metrics_snapshot)>& answer) {
    answer({{"ledgerd_in_flight", "Held.", metric_kind::gauge, {}, 7, {}}});
  };
  std::vector<readiness_check> checks{{"broker", false, "x"}, {"database", true, ""}};
  std::string text;
  const auto with = with_servers(std::move(routes), [&] { return checks; });
  with.metrics([&](const metrics_snapshot& all) { text = to_prometheus(all); });
  CAF_CHECK(text.find("ledgerd_in_flight 7\n") != std::string::npos);
  CAF_CHECK(text.find("ledgerd_server_up{server=\"broker\"} 0\n"
                      "ledgerd_server_up{server=\"database\"} 1\n")
            != std::string::npos);
  checks = {{"start", false, "waits"}};
  with.metrics([&](const metrics_snapshot& all) { text = to_prometheus(all); });
  CAF_CHECK(text.find("server_up") == std::string::npos);
}

CAF_TEST(new sessions that a database refuses have a series of their own) {
  const auto text = [] { return to_prometheus(refused_session_numbers()); };
  const std::string series = "ledgerd_database_sessions_refused{schema=";
  CAF_CHECK(text().find(series + "\"ledger\"} 0\n") != std::string::npos);
  CAF_CHECK(note_refused_session(schema::ledger, "too many connections"));
  CAF_CHECK(text().find(series + "\"ledger\"} 1\n") != std::string::npos);
  CAF_CHECK(text().find(series + "\"account\"} 0\n") != std::string::npos);
  CAF_CHECK(note_refused_session(schema::ledger, ""));
  CAF_CHECK(text().find(series + "\"ledger\"} 0\n") != std::string::npos);
}
