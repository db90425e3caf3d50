// What the HTTP routes speak to before the node has started, while it runs and when it goes down:
// the listener is the first thing to open and the last to close.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/api/submission_api.hpp"
#include "app/http/server.hpp"
#include "app/operations/routes.hpp"

namespace ledgerd {

// Thread-safe.
class late_node {
public:
  // From now on the routes are served. `api` is null without the account role.
  void open(http_routes operations, std::shared_ptr<submission_api> api);

  // From now on they answer 503, but for the health checks; `why` is the sentence.
  void close(const std::string& why);

  // Null, and the reason in `why`, while the node is closed.
  std::shared_ptr<const http_routes> operations(std::string& why) const;
  std::shared_ptr<submission_api> api() const;

private:
  mutable std::mutex mutex_;
  std::shared_ptr<const http_routes> operations_;
  std::shared_ptr<submission_api> api_;
  std::string why_ = "the node is starting";
};

// The routes of a node with these roles; `health` answers the health checks at any time, `node` all
// others. `more` are served while the node is open, too.
std::vector<http_route> make_late_routes(const std::shared_ptr<late_node>& node, http_routes health,
                                         bool with_account_api, std::vector<http_route> more);

} // namespace ledgerd
