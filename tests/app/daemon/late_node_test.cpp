#include "app/daemon/late_node.hpp"

#define CAF_SUITE late_node
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

CAF_TEST(a node that is starting or going says once when to come again) {
  const auto node = std::make_shared<late_node>();
  std::vector<http_route> more;
  more.push_back({"GET", "/v1/more", [](const http_request&, const http_responder& respond) {
                    respond({200, "text/plain", "", {}});
                  }});
  const auto routes = make_late_routes(node, {}, false, std::move(more));
  const auto ask = [&] {
    http_response got;
    routes.back().handle({}, [&](http_response answer) { got = std::move(answer); });
    return got;
  };
  const auto refused = ask();
  CAF_CHECK_EQUAL(refused.status, 503);
  CAF_CHECK(refused.headers == (decltype(refused.headers){{"Retry-After", "5"}}));
  node->open({}, nullptr);
  CAF_CHECK_EQUAL(ask().status, 200);
  node->close("the node is shutting down");
  CAF_CHECK(ask().headers == (decltype(refused.headers){{"Retry-After", "5"}}));
}
