// Whether the servers that a node needs do their part, as metrics and log tell it: an idle node has
// no commit that could fail.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/operations/metrics_snapshot.hpp"
#include "app/operations/routes.hpp"

namespace ledgerd {

struct server_state {
  std::string_view name; // broker, database
  bool up = false;
  std::string why; // it is not

  friend bool operator==(const server_state&, const server_state&) = default;
};

// The servers of which readiness says something. Two databases are up when both are.
std::vector<server_state> servers_of(const std::vector<readiness_check>& checks);

// ledgerd_server_up.
metrics_snapshot to_snapshot(const std::vector<server_state>& servers);

// ledgerd_database_sessions_refused, of the process.
metrics_snapshot refused_session_numbers();

// The same routes, whose metrics have both; `checks` is called on any thread.
http_routes with_servers(http_routes routes, std::function<std::vector<readiness_check>()> checks);

// Says in the log when a server goes and when it is back. One thread at a time.
class server_log {
public:
  // Called regularly.
  void look(const std::vector<server_state>& servers);

private:
  std::map<std::string_view, bool> up_; // as it was said; those that were never away: true
};

} // namespace ledgerd
