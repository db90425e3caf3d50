#include "app/operations/routes.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/operations/cluster_report.hpp"
#include "app/operations/prometheus.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

std::string dump(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

http_response readiness_response(const std::vector<readiness_check>& checks, bool verbose) {
  const bool ready = std::all_of(checks.begin(), checks.end(), [](const auto& c) { return c.ok; });
  ordered_json body{{"ready", ready}};
  if (verbose || !ready) {
    auto& items = body["checks"] = ordered_json::array();
    for (const auto& check : checks) {
      if (!verbose && check.ok)
        continue;
      items.push_back({{"name", check.name}, {"ok", check.ok}});
      // Why is for operators: it may name hosts and users.
      if (verbose && !check.detail.empty())
        items.back()["detail"] = check.detail;
    }
  }
  if (ready)
    return {200, "application/json", dump(body), {}};
  auto problem = http_problem(503, "UNAVAILABLE", "the node is not ready");
  auto with_checks = ordered_json::parse(problem.body);
  with_checks.update(body);
  problem.body = dump(with_checks);
  return problem;
}

std::int64_t microseconds_since_1970() {
  using std::chrono::microseconds;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<microseconds>(now).count();
}

} // namespace

std::vector<http_route> make_routes(http_routes daemon) {
  const auto shared = std::make_shared<http_routes>(std::move(daemon));
  std::vector<http_route> routes;
  const auto get = [&](const char* path, http_handler handle) {
    routes.push_back({"GET", path, std::move(handle)});
  };
  const auto get_always = [&](const char* path, http_handler handle) {
    routes.push_back({"GET", path, std::move(handle), true});
  };
  get_always("/livez", [shared](const http_request&, const http_responder& respond) {
    if (const auto why = shared->dead ? shared->dead() : std::nullopt)
      return respond(http_problem(503, "UNAVAILABLE", "no progress for too long: " + *why));
    respond({200, "application/json", "{\"alive\":true}\n", {}});
  });
  get_always("/readyz", [shared](const http_request& request, const http_responder& respond) {
    const bool verbose = request.argument_count("verbose") > 0;
    const bool asks_for = request.argument_count("for") > 0;
    if (asks_for && request.argument("for") != "submit")
      return respond(http_problem(400, "INVALID_FIELD", "field \"for\": must be `submit`"));
    shared->readiness(
        asks_for ? readiness_for::submission : readiness_for::work,
        [verbose, respond](const auto& checks) { respond(readiness_response(checks, verbose)); });
  });
  get_always("/metrics", [shared](const http_request&, const http_responder& respond) {
    shared->metrics([respond](const auto& snapshot) {
      respond({200, prometheus_content_type, to_prometheus(snapshot), {}});
    });
  });
  get("/v1/actors", [shared](const http_request&, const http_responder& respond) {
    shared->actors([shared, respond](const auto& reports) {
      const auto self = shared->identity ? shared->identity() : node_identity{};
      respond({200,
               "application/json",
               dump(actors_document(self, reports, microseconds_since_1970())),
               {}});
    });
  });
  get("/v1/cluster", [shared](const http_request&, const http_responder& respond) {
    shared->cluster([respond](const auto& nodes) {
      if (nodes.empty())
        return respond(http_problem(503, "UNAVAILABLE", "no node has answered over NATS"));
      respond({200, "application/json", dump(cluster_json(nodes)), {}});
    });
  });
  return routes;
}

} // namespace ledgerd
