#include "app/operations/server_numbers.hpp"

#include <algorithm>
#include <utility>

#include "actors/common/log.hpp"
#include "persistence/held_database.hpp"

namespace ledgerd {

namespace {

// By the name of a check.
constexpr std::pair<std::string_view, std::string_view> servers[] = {
    {"broker", "broker"}, {"database", "database"}, {"account database", "database"}};

} // namespace

std::vector<server_state> servers_of(const std::vector<readiness_check>& checks) {
  std::vector<server_state> result;
  for (const auto& [of, name] : servers) {
    const auto check = std::find_if(checks.begin(), checks.end(),
                                    [of = of](const auto& each) { return each.name == of; });
    if (check == checks.end())
      continue;
    const auto known = std::find_if(result.begin(), result.end(),
                                    [name = name](const auto& each) { return each.name == name; });
    if (known == result.end())
      result.push_back({name, check->ok, check->ok ? "" : check->detail});
    else if (known->up && !check->ok)
      *known = {name, false, check->detail};
  }
  return result;
}

metrics_snapshot to_snapshot(const std::vector<server_state>& servers) {
  metrics_snapshot result;
  for (const auto& each : servers)
    result.push_back({"ledgerd_server_up",
                      "Whether the server could do its part at the last look, half a second ago: "
                      "1 or 0.",
                      metric_kind::gauge,
                      {{"server", std::string{each.name}}},
                      each.up ? 1 : 0,
                      {},
                      {},
                      false});
  return result;
}

metrics_snapshot refused_session_numbers() {
  metrics_snapshot result;
  for (const auto& [which, name] :
       {std::pair{schema::ledger, "ledger"}, std::pair{schema::account, "account"}})
    result.push_back({.name = "ledgerd_database_sessions_refused",
                      .help = "Whether the database refused a new session at the last look, once "
                              "a minute, while those that are open go on: 1 or 0.",
                      .kind = metric_kind::gauge,
                      .labels = {{"schema", name}},
                      .value = refused_sessions(which).empty() ? 0 : 1});
  return result;
}

http_routes with_servers(http_routes routes, std::function<std::vector<readiness_check>()> checks) {
  return with_metrics(std::move(routes), [checks = std::move(checks)] {
    auto all = to_snapshot(servers_of(checks()));
    for (auto& each : refused_session_numbers())
      all.push_back(std::move(each));
    return all;
  });
}

void server_log::look(const std::vector<server_state>& servers) {
  for (const auto& each : servers) {
    const auto before = up_.try_emplace(each.name, true).first;
    if (std::exchange(before->second, each.up) == each.up)
      continue;
    if (each.up)
      log(log_event::server_back, {{"server", each.name}}, "the {} does its part again", each.name);
    else
      log(log_event::server_away, {{"server", each.name}, {"why", each.why}},
          "the {} cannot do its part: {}", each.name, each.why);
  }
}

} // namespace ledgerd
