#include "app/daemon/late_node.hpp"

#include <iterator>
#include <utility>

#include "app/api/submission_routes.hpp"

namespace ledgerd {

namespace {

constexpr const char* retry_seconds = "5";

// Hands every call on to the node's API, which is there whenever a route is called.
class late_api final : public submission_api {
public:
  explicit late_api(std::shared_ptr<late_node> node) : node_(std::move(node)) {}

  void submit(const submit_call& call, api_callback done) override {
    if (const auto api = find(done))
      api->submit(call, std::move(done));
  }

  void record(record_id id, api_callback done) override {
    if (const auto api = find(done))
      api->record(id, std::move(done));
  }

  void account(std::string_view user_id, api_callback done) override {
    if (const auto api = find(done))
      api->account(user_id, std::move(done));
  }

  void history(std::string_view user_id, std::string_view currency, std::string_view limit,
               std::string_view before, api_callback done) override {
    if (const auto api = find(done))
      api->history(user_id, currency, limit, before, std::move(done));
  }

private:
  std::shared_ptr<submission_api> find(const api_callback& done) const {
    auto api = node_->api();
    if (!api)
      done(api_problem(503, "UNAVAILABLE", "the node is starting or shutting down"));
    return api;
  }

  std::shared_ptr<late_node> node_;
};

http_response unavailable(const std::string& why) {
  auto problem = http_problem(503, "UNAVAILABLE", why);
  problem.headers = {{"Retry-After", retry_seconds}};
  return problem;
}

} // namespace

void late_node::open(http_routes operations, std::shared_ptr<submission_api> api) {
  const std::lock_guard lock{mutex_};
  operations_ = std::make_shared<const http_routes>(std::move(operations));
  api_ = std::move(api);
}

void late_node::close(const std::string& why) {
  const std::lock_guard lock{mutex_};
  operations_.reset();
  api_.reset();
  why_ = why;
}

std::shared_ptr<const http_routes> late_node::operations(std::string& why) const {
  const std::lock_guard lock{mutex_};
  why = why_;
  return operations_;
}

std::shared_ptr<submission_api> late_node::api() const {
  const std::lock_guard lock{mutex_};
  return api_;
}

std::vector<http_route> make_late_routes(const std::shared_ptr<late_node>& node, http_routes health,
                                         bool with_account_api, std::vector<http_route> more) {
  // The routes are only called while the node is open, so there is always somebody to ask.
  health.metrics = [node](auto answer) {
    std::string why;
    if (const auto open = node->operations(why))
      open->metrics(std::move(answer));
    else
      answer({});
  };
  health.actors = [node](auto answer) {
    std::string why;
    if (const auto open = node->operations(why))
      open->actors(std::move(answer));
    else
      answer({});
  };
  health.identity = [node] {
    std::string why;
    const auto open = node->operations(why);
    return open ? open->identity() : node_identity{};
  };
  health.cluster = [node](auto answer) {
    std::string why;
    if (const auto open = node->operations(why))
      open->cluster(std::move(answer));
    else
      answer({});
  };
  auto routes = make_routes(std::move(health));
  if (with_account_api) {
    auto account = make_submission_routes(std::make_shared<late_api>(node));
    std::move(account.begin(), account.end(), std::back_inserter(routes));
  }
  std::move(more.begin(), more.end(), std::back_inserter(routes));
  for (auto& route : routes) {
    if (route.path == "/livez" || route.path == "/readyz" || route.path == "/openapi.json")
      continue;
    route.handle = [node, handle = std::move(route.handle)](const http_request& request,
                                                            http_responder respond) {
      std::string why;
      if (!node->operations(why))
        return respond(unavailable(why));
      handle(request, std::move(respond));
    };
  }
  return routes;
}

} // namespace ledgerd
