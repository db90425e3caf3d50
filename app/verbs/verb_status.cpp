#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "app/base/output.hpp"
#include "app/base/text.hpp"
#include "app/operations/cluster_question.hpp"
#include "app/operations/cluster_report.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/http_client.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"
#include "messaging/topology.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

ordered_json look_at_streams(broker& nats) {
  auto items = ordered_json::array();
  for (const auto name : {names::request_stream, names::result_stream, names::dead_letter_stream,
                          names::exhausted_stream, names::action_stream}) {
    const auto state = nats.stream(name);
    items.push_back({{"name", name},
                     {"exists", state.exists},
                     {"messages", state.messages},
                     {"bytes", state.bytes},
                     {"firstSeq", state.first_seq},
                     {"lastSeq", state.last_seq}});
  }
  return items;
}

ordered_json look_at_consumers(broker& nats) {
  auto items = ordered_json::array();
  for (const auto& one : durable_consumers) {
    const auto state = nats.consumer(one.stream, one.name);
    items.push_back({{"name", one.name},
                     {"exists", state.exists},
                     {"pending", state.pending},
                     {"ackPending", state.ack_pending},
                     {"redelivered", state.redelivered},
                     {"delivered", state.delivered},
                     {"ackFloor", state.ack_floor}});
  }
  return items;
}

ordered_json look_at_broker(broker& nats) {
  return {{"streams", look_at_streams(nats)}, {"consumers", look_at_consumers(nats)}};
}

ordered_json look_at_cluster(broker& nats) {
  return cluster_json(view_of(cluster_question{nats.make_ask_line()}.ask()));
}

ordered_json look_at_ledger(const config& settings) {
  const auto ledger = open_ledger(settings);
  const auto schema = read_schema(settings.database_url);
  ordered_json found{{"schemaVersion", schema.version}, {"schemaKnown", schema.known}};
  if (schema.version == 0)
    return found;
  const auto totals = ledger->count();
  found["accounts"] = totals.accounts;
  found["applied"] = totals.applied;
  found["refused"] = totals.refused;
  return found;
}

ordered_json look_at_daemon(const config& settings) {
  if (!settings.http_listen)
    return {{"ready", nullptr}, {"detail", "http-listen is off"}};
  try {
    const auto answer = http_get(settings, "/readyz?verbose");
    const auto document = ordered_json::parse(answer.body, nullptr, false);
    if (document.is_object() && document.contains("checks"))
      return {{"ready", answer.status == 200}, {"checks", document["checks"]}};
    return {
        {"ready", nullptr},
        {"detail", "something else answers there, with status " + std::to_string(answer.status)}};
  } catch (const std::runtime_error& e) {
    return {{"ready", nullptr}, {"detail", e.what()}};
  }
}

// What a part says, or {"error": why}; every part is asked even when another one is away.
ordered_json ask(const std::function<ordered_json()>& question) {
  try {
    return question();
  } catch (const std::exception& e) {
    return {{"error", one_line(e.what())}};
  }
}

// Both ask the broker; one of them may fail alone.
struct broker_looks {
  ordered_json broker;
  ordered_json cluster;
};

broker_looks ask_broker(const config& settings) {
  std::unique_ptr<broker> nats;
  auto connected = ask([&] {
    nats = connect_broker(settings);
    return ordered_json::object();
  });
  if (!nats)
    return {connected, connected};
  return {ask([&] { return look_at_broker(*nats); }), ask([&] { return look_at_cluster(*nats); })};
}

std::string cell(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// Objects with the same keys as a table, headed by the keys.
void print_rows(const ordered_json& items) {
  std::vector<std::vector<std::string>> table(1);
  for (const auto& [key, value] : items.at(0).items())
    table[0].push_back(key);
  for (const auto& item : items) {
    auto& row = table.emplace_back();
    for (const auto& value : item)
      row.push_back(cell(value));
  }
  print_table(table);
  print_line("%s", "");
}

// "-" for what nobody knows.
std::string known_or_dash(const ordered_json& value) {
  return value.is_null() ? "-" : cell(value);
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

// "-" when the node has not said what became of its entries.
std::string ended_text(const ordered_json& entries, const char* outcome) {
  return entries.is_null() ? "-" : cell(entries[outcome]);
}

void print_nodes(const ordered_json& nodes) {
  std::vector<std::vector<std::string>> table{
      {"node",   "version",   "roles",    "doing",    "uptime",  "heard",     "link",
       "shards", "share",     "decided",  "applied",  "refused", "duplicate", "parked",
       "oldest", "forwarded", "received", "returned", "fenced",  "handOvers", "dropped"}};
  for (const auto& node : nodes) {
    const bool silent = node["silent"] == true;
    const auto& entries = node["entries"];
    table.push_back({cell(node["name"]),
                     cell(node["version"]),
                     roles_text(node["roles"]),
                     silent ? "SILENT" : cell(node["doing"]),
                     time_text(node["uptimeMs"]),
                     time_text(node["ageMs"]),
                     link_text(node["linkUp"]),
                     known_or_dash(node["shards"]),
                     share_text(node["shareOfWork"]),
                     known_or_dash(node["decided"]),
                     ended_text(entries, "applied"),
                     ended_text(entries, "refused"),
                     ended_text(entries, "duplicate"),
                     ended_text(entries, "parked"),
                     time_text(node["oldestUndecidedMs"]),
                     sum_text(node["forwardedTo"], !silent),
                     sum_text(node["receivedFrom"], true),
                     known_or_dash(node["returned"]),
                     known_or_dash(node["fenceRejections"]),
                     known_or_dash(node["handOvers"]),
                     known_or_dash(node["framesDropped"])});
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
    print_rows(ordered_json::array({ledger}));
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

int run_status(const config& settings, bool json) {
  const auto nats = ask_broker(settings);
  const ordered_json found{{"broker", nats.broker},
                           {"ledger", ask([&] { return look_at_ledger(settings); })},
                           {"cluster", nats.cluster},
                           {"daemon", look_at_daemon(settings)}};
  if (json)
    print_json(found);
  else
    print_text(found);
  const bool servers = !found["broker"].contains("error") && !found["ledger"].contains("error");
  // Who has no HTTP has nobody to ask, which is no fault.
  const bool daemon = !settings.http_listen || found["daemon"]["ready"] == true;
  // Somebody must look at a node that the others miss, whichever node was asked, and at a cluster
  // that cannot be asked. Without HTTP only the cluster says that a daemon lives.
  const auto& nodes = found["cluster"];
  const bool cluster = !nodes.contains("error") && nodes.value("silent", 0) == 0
                       && (settings.http_listen || nodes.value("known", 0) > 0);
  return servers && daemon && cluster ? exit_code::done : exit_code::answer_is_no;
}

// What a container's health check asks: nothing but whether the process lives, so that no outage of
// a server makes anybody end it.
int run_alive(const config& settings, bool json) {
  if (!settings.http_listen)
    throw usage_error{"--alive asks over HTTP, and http-listen is off"};
  auto found = ask([&]() -> ordered_json {
    const auto status = http_get(settings, "/livez").status;
    return {{"alive", status == 200}};
  });
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
  auto& app =
      line.add_verb({"status",
                     "Show streams, consumers, the ledger, all nodes and the daemon's "
                     "readiness; exit code 1 when a server or the daemon is away or not "
                     "ready, or a node is silent",
                     "ledgerd status --json"},
                    [json, alive](const config& settings) {
                      return *alive ? run_alive(settings, *json) : run_status(settings, *json);
                    });
  app.add_flag("--json", *json, "Print JSON");
  app.add_flag(
      "--alive", *alive,
      "Ask only the daemon, and only whether it lives: for the health check of a container");
}

} // namespace ledgerd
