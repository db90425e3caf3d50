// The operations endpoints: /livez, /readyz, /metrics, /v1/actors, /v1/cluster.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "actors/common/report.hpp"
#include "app/http/server.hpp"
#include "app/operations/actors_view.hpp"
#include "app/operations/metrics_snapshot.hpp"
#include "messaging/cluster_answer.hpp"

namespace ledgerd {

// One thing that must hold before the node may get work.
struct readiness_check {
  std::string name; // database, broker, schema, draining
  bool ok = false;
  std::string detail; // why not
};

// What somebody wants of the node.
enum class readiness_for : std::uint8_t {
  work,       // all that its roles are there for
  submission, // that it records requests, which it does while the broker and all ledgers are away
};

// What the endpoints ask of the daemon. Each function is called on the HTTP thread, must not block,
// and hands its answer to the callback, at once or later, from any thread.
struct http_routes {
  // Why the process counts as dead, for /livez; nothing: it lives. May be left out.
  std::function<std::optional<std::string>()> dead;
  std::function<void(readiness_for, std::function<void(std::vector<readiness_check>)>)> readiness;
  std::function<void(std::function<void(metrics_snapshot)>)> metrics;
  std::function<void(std::function<void(std::vector<actor_report>)>)> actors;
  // Whose numbers they are. May be left out.
  std::function<node_identity()> identity;
  // Asks all nodes. None: nobody has answered, not even this one.
  std::function<void(std::function<void(std::vector<node_view>)>)> cluster;
};

// The same, whose metrics have these as well; `more` is called on any thread.
http_routes with_metrics(http_routes daemon, std::function<metrics_snapshot()> more);

std::vector<http_route> make_routes(http_routes daemon);

} // namespace ledgerd
