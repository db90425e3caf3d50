#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "app/base/output.hpp"
#include "app/base/text.hpp"
#include "app/operations/cluster_report.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/histogram_view.hpp"
#include "app/verbs/http_client.hpp"
#include "app/verbs/status_looks.hpp"
#include "app/verbs/verbs.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

// "-" for what nobody knows.
std::string cell(const ordered_json& value) {
  return value.is_null() ? "-" : value.is_string() ? value.get<std::string>() : value.dump();
}

// Objects with the same keys as a table, headed by the keys; why one of them is not known, below.
void print_rows(const ordered_json& items) {
  std::vector<std::vector<std::string>> table(1);
  for (const auto& [key, value] : items.at(0).items())
    if (key != "error")
      table[0].push_back(key);
  for (const auto& item : items) {
    auto& row = table.emplace_back();
    for (const auto& key : table[0])
      row.push_back(cell(item.at(key)));
  }
  print_table(table);
  for (const auto& item : items)
    if (item.contains("error"))
      print_line("%s", cell(item["error"]).c_str());
  print_line("%s", "");
}

std::string time_text(const ordered_json& milliseconds) {
  return milliseconds.is_null() ? "-" : rough_time(milliseconds.get<std::uint64_t>());
}

std::string share_text(const ordered_json& share) {
  return share.is_null() ? "-" : std::to_string(std::lround(share.get<double>() * 100)) + "%";
}

std::string link_text(const ordered_json& up) {
  return up.is_null() ? "-" : up == true ? "up" : "DOWN";
}

std::string roles_text(const ordered_json& roles) {
  std::string result;
  for (const auto& each : roles)
    result += (result.empty() ? "" : ",") + cell(each);
  return result.empty() ? "-" : result;
}

std::string sum_text(const ordered_json& exchanges, bool known) {
  std::uint64_t sum = 0;
  for (const auto& each : exchanges)
    sum += each["entries"].get<std::uint64_t>();
  return known ? std::to_string(sum) : "-";
}

std::string known_age(const ordered_json& seconds) {
  return seconds.is_null() ? "-" : age_text(std::llround(seconds.get<double>() * 1000));
}

// A dash for what the node does not know either.
std::string pace_of(const ordered_json& node) {
  if (node["silent"] == false && node["answers"] == false)
    return "no answer";
  const auto& pace = node["decidedPerSecond"];
  return pace.is_null() ? "-" : rounded(pace.get<double>());
}

std::string oldest_of(const ordered_json& node) {
  return node["silent"] == false && node["answers"] == false
             ? "no answer"
             : known_age(node["oldestUndecidedSeconds"]);
}

void print_nodes(const ordered_json& nodes) {
  std::vector<std::vector<std::string>> table{{"node", "version", "roles", "doing", "a second",
                                               "oldest", "uptime", "heard", "link", "shards",
                                               "share", "decided", "forwarded", "received",
                                               "returned", "fenced", "handOvers", "dropped"}};
  for (const auto& node : nodes) {
    const bool silent = node["silent"] == true;
    table.push_back({cell(node["name"]), cell(node["version"]), roles_text(node["roles"]),
                     silent ? "SILENT" : cell(node["doing"]), pace_of(node), oldest_of(node),
                     time_text(node["uptimeMs"]), time_text(node["ageMs"]),
                     link_text(node["linkUp"]), cell(node["shards"]),
                     share_text(node["shareOfWork"]), cell(node["decided"]),
                     sum_text(node["forwardedTo"], !silent), sum_text(node["receivedFrom"], true),
                     cell(node["returned"]), cell(node["fenceRejections"]), cell(node["handOvers"]),
                     cell(node["framesDropped"])});
  }
  print_table(table);
  print_line("%s", "");
}

void print_cluster(const ordered_json& cluster) {
  if (!cluster.contains("error") && !cluster["nodes"].empty())
    return print_nodes(cluster["nodes"]);
  print_line("cluster: %s",
             cluster.contains("error") ? cell(cluster["error"]).c_str() : "no node answers");
  print_line("%s", "");
}

// What was not counted is left out, and what is an estimate says so.
void print_ledger(const ordered_json& ledger) {
  ordered_json shown;
  for (const auto& [key, value] : ledger.items())
    if (key.ends_with("About"))
      shown[key.substr(0, key.size() - 5)] = value.is_null() ? "-" : "about " + cell(value);
    else if (!value.is_null())
      shown[key] = value;
  print_rows(ordered_json::array({shown}));
}

void print_text(const ordered_json& found) {
  const auto& nats = found["broker"];
  if (nats.contains("error")) {
    print_line("broker: %s", cell(nats["error"]).c_str());
    print_line("%s", "");
  } else {
    print_rows(nats["streams"]);
    print_rows(nats["consumers"]);
  }
  const auto& ledger = found["ledger"];
  if (ledger.contains("error")) {
    print_line("ledger: %s", cell(ledger["error"]).c_str());
    print_line("%s", "");
  } else {
    print_ledger(ledger);
  }
  print_cluster(found["cluster"]);
  const auto& daemon = found["daemon"];
  if (daemon["ready"].is_null())
    print_line("daemon: not reachable (%s)", cell(daemon["detail"]).c_str());
  else
    print_line("daemon: %s", daemon["ready"] == true ? "ready" : "not ready");
  if (daemon.contains("checks"))
    for (const auto& check : daemon["checks"])
      print_line("  %-12s %s%s", cell(check["name"]).c_str(),
                 check["ok"] == true ? "ok" : "NOT OK  ",
                 check.contains("detail") ? cell(check["detail"]).c_str() : "");
}

int run_status(const config& settings, bool json, bool count) {
  const auto view = look_at_system(settings, count);
  const auto& state = view.state;
  const auto pace = decided_per_second(state.nodes);
  const auto conclusion = conclude(state);
  const ordered_json found{
      {"broker", view.broker},
      {"ledger", view.ledger},
      {"cluster", view.cluster},
      {"daemon", view.daemon},
      {"requestsWaiting", state.waiting ? ordered_json(*state.waiting) : ordered_json{}},
      {"oldestUndecidedSeconds",
       state.oldest_ms ? ordered_json(static_cast<double>(*state.oldest_ms / 100) / 10)
                       : ordered_json{}},
      {"decidedPerSecond", pace ? ordered_json(*pace) : ordered_json{}},
      {"conclusion", conclusion.text}};
  if (json)
    print_json(found);
  else {
    print_text(found);
    if (!conclusion.says_flow)
      print_line("requests: %s; %s a second are decided", waiting_text(state).c_str(),
                 pace ? rounded(*pace).c_str() : "nobody knows how many");
    print_line("%s", "");
    print_line("%s", conclusion.text.c_str());
  }
  return conclusion.fault ? exit_code::answer_is_no : exit_code::done;
}

// What a container's health check asks: nothing but whether the process lives, so that no outage of
// a server makes anybody end it.
int run_alive(const config& settings, bool json) {
  if (!settings.http_listen)
    throw usage_error{"--alive asks over HTTP, and http-listen is off"};
  ordered_json found;
  try {
    found["alive"] = http_get(settings, "/livez").status == 200;
  } catch (const std::exception& e) {
    found["error"] = one_line(e.what());
  }
  const bool alive = found["alive"] == true; // null when nobody has answered
  if (json)
    print_json(found);
  else
    print_line("daemon: %s", alive                     ? "alive"
                             : found.contains("error") ? cell(found["error"]).c_str()
                                                       : "makes no progress");
  return alive ? exit_code::done : exit_code::answer_is_no;
}

} // namespace

void add_status(command_line& line) {
  const auto json = std::make_shared<bool>(false);
  const auto alive = std::make_shared<bool>(false);
  const auto count = std::make_shared<bool>(false);
  auto& app = line.add_verb(
      {"status",
       "Show streams, consumers, the ledger, all nodes and the daemon's "
       "readiness, and conclude in the last line; exit code 1 when a server or the "
       "daemon is away or not ready, no node answers or the cluster cannot be "
       "asked, a node is silent, or nothing is decided although requests wait",
       "ledgerd status --json"},
      [=](const config& settings) {
        return *alive ? run_alive(settings, *json) : run_status(settings, *json, *count);
      });
  app.add_flag("--json", *json, "Print JSON");
  app.add_flag("--count", *count,
               "Count accounts and transactions exactly: reads every row, for a minute at most");
  app.add_flag(
      "--alive", *alive,
      "Ask only the daemon, and only whether it lives: for the health check of a container");
}

} // namespace ledgerd
