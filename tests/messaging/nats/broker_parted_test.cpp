// A name, a list of servers or a URL's file that leads the connections of one node elsewhere.
#include <array>
#include <memory>
#include <mutex>
#include <string>

#include "messaging/nats/line_pair.hpp"
#include "tests/messaging/nats/nats_cluster.hpp"
#include "tests/support/cut_proxy.hpp"

#define CAF_SUITE broker_parted
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr auto alone = R"(jetstream { store_dir: "$directory/js" })";

// What a node connects with.
broker_options node_options(const std::string& url) {
  auto result = options_for(url);
  result.may_answer = true;
  return result;
}

// One NATS system, with requests.
struct nats_system {
  nats_process server{alone};
  event_log events;
  std::unique_ptr<broker> bus = broker::connect(options_for(server.url()), events.observer());

  explicit nats_system(std::size_t requests) {
    CAF_REQUIRE(bus->provision({}).empty());
    std::size_t sent = 0;
    const auto next = [&]() -> std::optional<outgoing> {
      if (sent == requests)
        return std::nullopt;
      return outgoing{.subject = "transaction.deposit", .payload = std::to_string(++sent)};
    };
    bus->publish_all(next, 100, nullptr, 10s);
  }

  consumer_state deposits() { return bus->consumer(names::request_stream, "deposit-consumer"); }

  std::unique_ptr<delivery_source> source() {
    return bus->make_source(names::request_stream, "deposit-consumer", 100);
  }
};

std::size_t count_of(broker& bus, std::string_view stream) {
  std::size_t result = 0;
  bus.read(stream, "", 1, [&](const stored_message&) { return ++result > 0; });
  return result;
}

template <class Call>
bool fails(Call call) {
  try {
    call();
    return false;
  } catch (const std::runtime_error&) {
    return true;
  }
}

// A file with a URL.
class url_file {
public:
  explicit url_file(std::string url) : url_(std::move(url)) {}

  void write(std::string url) {
    const std::lock_guard lock(mutex_);
    url_ = std::move(url);
  }

  broker_options options() {
    auto result = node_options(read());
    result.read_url = [this] { return read(); };
    return result;
  }

private:
  std::string read() {
    const std::lock_guard lock(mutex_);
    return url_;
  }

  std::mutex mutex_;
  std::string url_;
};

// A node at a server that lives and knows of nobody, as one that is cut off from its cluster, while
// its URL leads to another one by now.
struct lonely_node {
  nats_process without{""};
  nats_system meant;
  url_file file{without.url()};
  event_log events;
  std::unique_ptr<broker> node = broker::connect(file.options(), events.observer());

  explicit lonely_node(std::size_t requests) : meant(requests) { file.write(meant.server.url()); }
};

std::string with_password(const std::string& password) {
  return std::string(alone) + "\nauthorization { timeout: 20, user: app, password: " + password
         + " }";
}

std::string url_with(const nats_process& server, const std::string& password) {
  return "nats://app:" + password + "@127.0.0.1:" + std::to_string(server.port());
}

std::vector<delivery> take(fetcher& from, std::size_t count) {
  std::vector<delivery> result;
  CAF_CHECK(eventually([&] {
    for (auto& one : from.turn())
      result.push_back(std::move(one));
    return result.size() >= count;
  }));
  return result;
}

} // namespace

CAF_TEST(nothing of one NATS system is said to another one) {
  nats_system a(20), b(20);
  fetcher elsewhere(b.source(), 20);
  CAF_CHECK_EQUAL(take(elsewhere, 20).size(), 20u); // held: an acknowledgement would settle it
  cut_proxy name(a.server.port());
  event_log events;
  const auto node =
      broker::connect(node_options(with_port(a.server.url(), name.port())), events.observer());
  fetcher fetch(node->make_source(names::request_stream, "deposit-consumer", 100), 10);
  const auto pub = node->make_publisher();
  bell rung;
  pub->open(rung.ringer());
  const auto first = take(fetch, 10);
  CAF_REQUIRE_EQUAL(first.size(), 10u);

  name.lead_to(b.server.port());
  name.arm("+ACK", cut_proxy::cut::before_forwarding); // cuts `data`
  fetch.done(first[0]);
  CAF_REQUIRE(eventually([&] { return name.cuts() == 1; }));
  for (std::size_t i = 1; i < 5; ++i) // also in the moment in which nobody has noticed yet
    fetch.done(first[i]);
  CAF_REQUIRE(eventually([&] { return events.count(link_event::reconnected) == 1; }));
  for (std::size_t i = 5; i < 10; ++i)
    fetch.done(first[i]);
  pub->publish({.token = 7, .subject = "transaction.result.deposit", .payload = "x"});
  CAF_CHECK(eventually([&] { return !node->parting().empty(); }, 6s));
  CAF_CHECK_LESS(0u, events.count(link_event::error, "two NATS systems"));
  const auto answers = pub->take();
  CAF_REQUIRE_EQUAL(answers.size(), 1u);
  CAF_CHECK(answers[0].outcome == publish_outcome::cut_off);
  CAF_CHECK_EQUAL(b.bus->stream(names::result_stream).messages, 0u);
  CAF_CHECK_EQUAL(b.deposits().ack_pending, 20u);

  name.lead_to(a.server.port());
  b.server.kill();
  CAF_CHECK_EQUAL(take(fetch, 10).size(), 10u);
  CAF_CHECK(node->parting().empty());
  // Those that were sent before the break was noticed are lost.
  CAF_CHECK(eventually([&] { return a.deposits().ack_pending <= 15; }));
  CAF_CHECK_LESS(0u, events.count(link_event::error, "one NATS system again"));
}

// Nobody asks anything over connections that are apart: without this the node would stand still
// for as long as the connection stands that leads elsewhere.
CAF_TEST(connections that are apart are made anew and lead to one place then) {
  nats_system a(10), b(30);
  fetcher elsewhere(b.source(), 20);
  CAF_CHECK_EQUAL(take(elsewhere, 20).size(), 20u);
  cut_proxy name(a.server.port());
  event_log events;
  const auto node =
      broker::connect(node_options(with_port(a.server.url(), name.port())), events.observer());
  fetcher fetch(node->make_source(names::request_stream, "deposit-consumer", 100), 10);
  const auto first = take(fetch, 10);
  CAF_REQUIRE_EQUAL(first.size(), 10u);
  name.lead_to(b.server.port());
  name.arm("+ACK", cut_proxy::cut::before_forwarding);
  for (const auto& one : first)
    fetch.done(one);
  CAF_REQUIRE(eventually([&] { return name.cuts() == 1; }));

  CAF_REQUIRE(eventually([&] { return events.count(link_event::rebuilt) > 0; }, 20s));
  const auto second = take(fetch, 10);
  CAF_REQUIRE_EQUAL(second.size(), 10u);
  CAF_CHECK(node->parting().empty());
  for (const auto& one : second)
    CAF_CHECK(std::stoi(one.payload) > 20);
  CAF_CHECK_EQUAL(b.deposits().ack_pending, 30u); // none was settled with what is due to `a`
}

// An answer of JetStream would come in only where the leader of the stream is.
CAF_TEST(connections to any two servers of a cluster are one system) {
  const auto cluster = nats_cluster();
  for (const auto& one : cluster)
    for (const auto& other : cluster) {
      event_log events;
      const auto line = [&](const nats_process& to) {
        return std::make_shared<lifeline>(options_for(to.url()), session_options{.name = "test"},
                                          events.observer());
      };
      line_pair lines(line(*one), line(*other), true, events.observer());
      CAF_CHECK(lines.wait_joined(10s));
    }
}

CAF_TEST(connections that may not be compared are believed) {
  nats_system a(1), b(0);
  event_log events;
  const auto line = [&](const nats_system& to) {
    return std::make_shared<lifeline>(options_for(to.server.url()), session_options{.name = "test"},
                                      events.observer());
  };
  line_pair lines(line(a), line(b), false, events.observer());
  CAF_CHECK(lines.joined());
  CAF_CHECK_EQUAL(lines.parting(), "");
  b.server.kill();
  CAF_CHECK(eventually([&] { return !lines.joined(); }));
}

CAF_TEST(a stream is read only where the node itself is connected) {
  nats_system a(3), b(5);
  cut_proxy name(a.server.port());
  event_log events;
  const auto node =
      broker::connect(node_options(with_port(a.server.url(), name.port())), events.observer());
  CAF_CHECK_EQUAL(count_of(*node, names::request_stream), 3u);
  name.lead_to(b.server.port());
  CAF_CHECK(fails([&] { count_of(*node, names::request_stream); }));
  name.lead_to(a.server.port());
  CAF_CHECK_EQUAL(count_of(*node, names::request_stream), 3u);
}

CAF_TEST(a stream is read with the password that holds now) {
  nats_process server(with_password("one"));
  url_file file(url_with(server, "one"));
  event_log events;
  const auto node = broker::connect(file.options(), events.observer());
  CAF_REQUIRE(node->provision({}).empty());
  CAF_CHECK_EQUAL(count_of(*node, names::request_stream), 0u);
  file.write(url_with(server, "two"));
  server.reload(with_password("two"));
  CAF_REQUIRE(eventually([&] { return events.count(link_event::rebuilt) > 0; }));
  CAF_REQUIRE(eventually([&] { return node->connected(); }));
  CAF_CHECK_EQUAL(count_of(*node, names::request_stream), 0u);
}

CAF_TEST(a link whose server is away goes where its URL leads now) {
  nats_system a(0), b(0);
  url_file file(a.server.url());
  event_log events;
  const auto node = broker::connect(file.options(), events.observer());
  a.server.kill();
  CAF_REQUIRE(eventually([&] { return !node->connected(); }));
  file.write(b.server.url());
  CAF_CHECK(eventually([&] { return node->connected(); }, 10s));
  CAF_CHECK_LESS(0u, events.count(link_event::error, "its URL is another one now"));
}

CAF_TEST(a link whose server knows of nobody who pulls is made anew) {
  lonely_node here(10);
  fetcher fetch(here.node->make_source(names::request_stream, "deposit-consumer", 100), 10);
  std::chrono::milliseconds longest{0};
  std::size_t came = 0;
  bool alone = false;
  const auto is_suspected = [&] {
    return here.events.count(link_event::error, "nobody takes its requests") > 0;
  };
  CAF_CHECK(eventually(
      [&] {
        came += fetch.turn().size();
        const auto silence = fetch.source().unanswered();
        longest = std::max(longest, silence.since);
        alone = alone || (silence.alone && !is_suspected());
        return came == 10;
      },
      30s));
  CAF_CHECK(longest >= 3s);
  CAF_CHECK(!alone); // nor does the stream answer there
  CAF_CHECK(is_suspected());
}

CAF_TEST(a link whose server knows of nobody who stores is made anew) {
  lonely_node here(0);
  const auto pub = here.node->make_publisher();
  bell rung;
  pub->open(rung.ringer());
  bool confirmed = false;
  CAF_CHECK(eventually(
      [&] {
        pub->publish({.token = 7, .subject = "transaction.result.deposit", .payload = "x"});
        rung.wait(100ms);
        for (const auto& one : pub->take())
          confirmed |= one.outcome == publish_outcome::confirmed;
        return confirmed;
      },
      30s));
  CAF_CHECK_LESS(0u, here.events.count(link_event::error, "nobody takes what is published"));
}

CAF_TEST(a link that is suspected stays while no other is to be had) {
  nats_system a(10);
  cut_proxy name(a.server.port());
  event_log events;
  lifeline line(options_for(with_port(a.server.url(), name.port())), {.name = "test"},
                events.observer());
  const auto first = line.current();
  name.lead_to(free_port()); // as when the library has gone to a server that the URL does not name
  line.suspect("no reason");
  CAF_REQUIRE(eventually([&] { return events.count(link_event::error, "cannot connect") > 0; }));
  CAF_CHECK(line.up());
  CAF_CHECK(line.current() == first);
  CAF_CHECK(first->ping(2s));
  name.lead_to(a.server.port());
  CAF_CHECK(eventually(
      [&] {
        line.suspect("no reason"); // heard every few seconds
        return line.current() != first;
      },
      15s));
  CAF_CHECK(eventually([&] { return line.up(); }));
}

CAF_TEST(a start goes where its URL leads now) {
  nats_system a(0);
  url_file file("nats://127.0.0.1:" + std::to_string(free_port()));
  event_log events;
  const auto options = file.options();
  CAF_CHECK(fails([&] { broker::connect(options, events.observer()); }));
  file.write(a.server.url());
  CAF_CHECK(broker::connect(options, events.observer())->connected());
}
