// JetStream in a domain, on a leaf node of it, and under a prefix of its own.
#include "tests/messaging/nats/broker_access_fixture.hpp"
#include "tests/support/nats_process.hpp"

#define CAF_SUITE broker_domain
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

// What a user of the streams may publish. A server takes its own domain, and what it maps, out of a
// subject before it looks at the rights; another one's domain it leaves as it is.
std::string rights(const std::string& api) {
  return "permissions { publish: [\"" + api
         + ".>\", \"$JS.ACK.>\", \"transaction.>\", \"_INBOX.>\"] }";
}

constexpr auto hub = R"(
jetstream { store_dir: "$directory/js", domain: hub }
)";

broker_options options_of(const nats_process& server) {
  return options_for("nats://app:right@127.0.0.1:" + std::to_string(server.port()));
}

std::string complaint_of(const broker_options& options) {
  event_log ignored;
  try {
    return exercise(*broker::connect(options, ignored.observer()), 1);
  } catch (const std::runtime_error& e) {
    return e.what();
  }
}

} // namespace

CAF_TEST(all of JetStream is asked in the domain) {
  const nats_process server(std::string(hub)
                            + "authorization { timeout: 20, users: [{user: app, password: right, "
                            + rights("$JS.API") + "}] }");
  auto options = options_of(server);
  options.js_domain = "hub";
  event_log events;
  const auto bus = broker::connect(options, events.observer());
  CAF_CHECK_EQUAL(exercise(*bus), "");
  CAF_CHECK_EQUAL(events.count(link_event::error), 0u); // no right was missing
  // Who asks elsewhere finds nothing.
  options.js_domain = "spoke";
  CAF_CHECK(complaint_of(options) != "");
}

CAF_TEST(a node on a leaf reaches the streams of the hub) {
  const auto leaf_port = free_port();
  const nats_process server(std::string(hub)
                            + "leafnodes { host: 127.0.0.1, port: " + std::to_string(leaf_port)
                            + " }\naccounts { A { jetstream: enabled, "
                              "users: [{user: leaf, password: right}] } }");
  // What is asked outside the hub's domain is refused by the rights, or asked of the leaf.
  const nats_process leaf(
      "jetstream { store_dir: \"$directory/js\", domain: spoke }\nleafnodes { remotes: [{url: "
      "\"nats-leaf://leaf:right@127.0.0.1:"
      + std::to_string(leaf_port)
      + "\", account: A}] }\naccounts { A { jetstream: enabled, users: [{user: app, password: "
        "right, "
      + rights("$JS.hub.API") + "}, {user: other, password: right}] } }");
  auto options = options_of(leaf);
  options.js_domain = "hub";
  event_log events;
  const auto bus = broker::connect(options, events.observer());
  std::string fault = "the leaf is not connected";
  eventually([&] { // it connects to the hub a moment after it listens
    try {
      fault = exercise(*bus);
      return true;
    } catch (const std::runtime_error& e) {
      fault = e.what();
      return false;
    }
  });
  CAF_CHECK_EQUAL(fault, "");
  // They are the hub's: the leaf has JetStream of its own, without a stream.
  auto here = options_for("nats://other:right@127.0.0.1:" + std::to_string(leaf.port()));
  here.js_domain = "spoke";
  CAF_CHECK(!broker::connect(here, events.observer())->stream(names::request_stream).exists);
}

CAF_TEST(all of JetStream is asked under the prefix) {
  // What another account exports is imported under a prefix in the same way.
  const nats_process server(
      std::string("jetstream { store_dir: \"$directory/js\" }\naccounts { A { jetstream: enabled\n"
                  "mappings: { \"js.money.API.>\": \"$JS.API.>\" }\nusers: [{user: app, password: "
                  "right, ")
      + rights("$JS.API") + "}] } }");
  auto options = options_of(server);
  options.js_api_prefix = "js.money.API";
  event_log events;
  const auto bus = broker::connect(options, events.observer());
  CAF_CHECK_EQUAL(exercise(*bus), "");
  CAF_CHECK_EQUAL(events.count(link_event::error), 0u);
  options.js_api_prefix = "js.other.API";
  CAF_CHECK(complaint_of(options) != "");
}
