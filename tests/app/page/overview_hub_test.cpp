// Who looks, how often somebody is asked for that, and how it ends; over real connections.

#include "app/page/overview_hub.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#define CAF_SUITE overview_hub
#include "tests/app/http/raw_client.hpp"

#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

struct fixture {
  std::atomic<int> asked{0};
  std::atomic<bool> started{true};
  std::atomic<bool> silent{false};
  std::shared_ptr<overview_hub> hub;
  std::unique_ptr<http_server> server;

  fixture() {
    http_routes daemon;
    daemon.metrics = [this](const std::function<void(metrics_snapshot)>& answer) {
      const auto number = ++asked;
      if (!silent)
        answer({{"ledgerd_entries_total",
                 "help",
                 metric_kind::counter,
                 {{"outcome", "applied"}},
                 number * 10,
                 {}}});
    };
    daemon.cluster = [](const std::function<void(std::vector<node_view>)>& answer) {
      node_view self;
      self.word.name = "node-1";
      self.word.boot = boot_id{1};
      answer({self});
    };
    const auto operations = std::make_shared<const http_routes>(std::move(daemon));
    overview_sources from{
        .node = {.name = "node-1",
                 .version = "1",
                 .roles = {},
                 .started_us = 0,
                 .settings = {{"gates", "2", "default"}}},
        .operations = [this, operations] { return started ? operations : nullptr; },
        .checks =
            [] {
              return std::vector<readiness_check>{{"database", true, ""}};
            },
        .standing = std::make_shared<progress_board>(),
        .streams = std::make_shared<topology_board>(),
        .changes = std::make_shared<change_board>()};
    hub = std::make_shared<overview_hub>(std::move(from));
    server = std::make_unique<http_server>("127.0.0.1", 0, make_overview_routes(hub));
  }

  ~fixture() {
    hub->close("over");
    server->stop();
  }

  std::string get(const char* path) const {
    raw_client client{server->port()};
    client.send("GET " + std::string{path} + " HTTP/1.1\r\nHost: x\r\n\r\n");
    return client.response();
  }

  raw_client listen() const {
    raw_client client{server->port()};
    client.send("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
    return client;
  }
};

json body_of(const std::string& answer) {
  return json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
}

std::size_t events_in(const std::string& text) {
  std::size_t count = 0;
  for (auto at = text.find("event: overview\n"); at != std::string::npos;
       at = text.find("event: overview\n", at + 1))
    ++count;
  return count;
}

auto with_events(std::size_t count) {
  return [count](const std::string& text) {
    return events_in(text) >= count && text.ends_with("\n\n");
  };
}

// The whole documents of a stream, in order.
std::vector<json> documents(const std::string& text) {
  std::vector<json> result;
  for (auto at = text.find("data: "); at != std::string::npos; at = text.find("data: ", at + 1)) {
    const auto end = text.find('\n', at);
    if (end == std::string::npos)
      break; // the rest has not come yet
    result.push_back(json::parse(text.substr(at + 6, end - at - 6)));
  }
  return result;
}

int seconds_since(std::chrono::steady_clock::time_point began) {
  using std::chrono::duration_cast, std::chrono::seconds, std::chrono::steady_clock;
  return static_cast<int>(duration_cast<seconds>(steady_clock::now() - began).count());
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(overview_hub_tests, fixture)

CAF_TEST(nobody is asked while nobody looks and once for all who do) {
  std::this_thread::sleep_for(1200ms);
  CAF_CHECK_EQUAL(asked.load(), 0);
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    const auto document = body_of(get("/v1/overview"));
    const auto applied = document.at("entries").at("applied").get<int>();
    CAF_CHECK(applied >= 10 && applied <= 10 * (1 + seconds_since(began)));
    CAF_CHECK_EQUAL(document.at("settings").at(0).at("name"), "gates");
    CAF_CHECK_EQUAL(document.at("cluster").at("nodes").at(0).at("name"), "node-1");
  }
  // Once, and again for each second that a slow machine takes.
  CAF_CHECK(asked.load() >= 1 && asked.load() <= 1 + seconds_since(began));
}

CAF_TEST(all who listen get one overview a second and the first has the settings) {
  const auto began = std::chrono::steady_clock::now();
  auto first = listen();
  auto second = listen();
  const auto two = documents(second.read_until(with_events(3)));
  CAF_REQUIRE(two.size() >= 3);
  const auto has_the_same = [&](const std::vector<json>& all) {
    return std::find(all.begin(), all.end(), two[2]) != all.end();
  };
  // The second may have come seconds later.
  const auto one = documents(
      first.read_until([&](const std::string& text) { return has_the_same(documents(text)); }));
  CAF_CHECK(has_the_same(one));
  CAF_REQUIRE(one.size() >= 3);
  CAF_CHECK(std::chrono::steady_clock::now() - began >= 1900ms);
  CAF_CHECK(one[0].contains("settings"));
  CAF_CHECK(two[0].contains("settings"));
  CAF_CHECK(!one[2].contains("settings"));
  CAF_CHECK(one[2].at("flow").at("applied").get<double>() > 0); // 10 more each time
  CAF_CHECK(asked.load() <= 4 + seconds_since(began));
}

CAF_TEST(who has gone is not made an overview for) {
  {
    auto client = listen();
    client.read_until(with_events(1));
  }
  bool rests = false; // after the one that was under way
  for (int tries = 0; tries < 5 && !rests; ++tries) {
    const auto before = asked.load();
    std::this_thread::sleep_for(2200ms);
    rests = asked.load() == before;
  }
  CAF_CHECK(rests);
}

CAF_TEST(there are only so many streams and a place comes back) {
  std::vector<raw_client> readers;
  for (std::size_t i = 0; i < overview_hub::streams_max; ++i) {
    readers.push_back(listen());
    readers.back().read_until(with_events(1));
  }
  const auto refused = get("/v1/events");
  CAF_CHECK_EQUAL(status_of(refused), "HTTP/1.1 503 Service Unavailable");
  CAF_CHECK(contains(refused, "Retry-After: 5\r\n"));
  CAF_CHECK(contains(refused, "\"code\":\"UNAVAILABLE\""));
  CAF_CHECK_EQUAL(status_of(get("/v1/overview")), "HTTP/1.1 200 OK");
  readers.pop_back();
  std::string status;
  for (int tries = 0; tries < 100 && status != "HTTP/1.1 200 OK"; ++tries) {
    std::this_thread::sleep_for(20ms);
    auto again = listen();
    status = status_of(again.read_until(with_events(1)));
  }
  CAF_CHECK_EQUAL(status, "HTTP/1.1 200 OK");
}

CAF_TEST(a node that starts and actors that are silent are shown as what they are) {
  started = false;
  auto document = body_of(get("/v1/overview"));
  CAF_CHECK_EQUAL(document.at("node").at("doing"), "starting");
  CAF_CHECK(document.at("cluster").is_null());
  started = true;
  silent = true;
  std::this_thread::sleep_for(1000ms);
  const auto began = std::chrono::steady_clock::now();
  document = body_of(get("/v1/overview"));
  CAF_CHECK(std::chrono::steady_clock::now() - began < 15s); // it waits for a time, not for ever
  CAF_CHECK_EQUAL(document.at("node").at("doing"), "serving");
  CAF_CHECK(document.at("entries").at("applied").is_null());
}

CAF_TEST(the end is said to all and nobody is asked any more) {
  auto client = listen();
  client.read_until(with_events(1));
  hub->close("the node is shutting down");
  const auto rest = client.rest();
  CAF_CHECK(contains(rest, "event: end\ndata: {\"why\":\"the node is shutting down\"}\n\n"));
  CAF_CHECK(client.closed());
  CAF_CHECK_EQUAL(status_of(get("/v1/overview")), "HTTP/1.1 503 Service Unavailable");
  CAF_CHECK_EQUAL(status_of(get("/v1/events")), "HTTP/1.1 503 Service Unavailable");
}

CAF_TEST_FIXTURE_SCOPE_END()
