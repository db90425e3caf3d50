// A name, or a list of servers, that leads the connections of one node to two NATS systems.
#include <string>

#include "tests/messaging/nats/broker_fixture.hpp"
#include "tests/support/cut_proxy.hpp"
#include "tests/support/nats_process.hpp"

#define CAF_SUITE broker_parted
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr auto alone = R"(jetstream { store_dir: "$directory/js" })";

// One NATS system, with requests.
struct nats_system {
  nats_process server{alone};
  event_log events;
  std::unique_ptr<broker> bus = broker::connect(options_for(server.url()), events.observer());

  explicit nats_system(std::size_t requests) {
    CAF_REQUIRE(bus->provision({}).empty());
    std::size_t sent = 0;
    bus->publish_all(
        [&]() -> std::optional<outgoing> {
          if (sent == requests)
            return std::nullopt;
          return outgoing{.subject = "transaction.deposit", .payload = std::to_string(++sent)};
        },
        100, nullptr, 10s);
  }

  consumer_state deposits() { return bus->consumer(names::request_stream, "deposit-consumer"); }

  std::unique_ptr<delivery_source> source() {
    return bus->make_source(names::request_stream, "deposit-consumer", 100);
  }
};

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
      broker::connect(options_for(with_port(a.server.url(), name.port())), events.observer());
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
  CAF_CHECK(node->connected());
  CAF_CHECK_LESS(0u, events.count(link_event::error, "two NATS systems"));
  for (int i = 0; i < 20; ++i)
    CAF_CHECK_EQUAL(fetch.turn().size(), 0u);
  const auto answers = pub->take();
  CAF_REQUIRE_EQUAL(answers.size(), 1u);
  CAF_CHECK(answers[0].outcome == publish_outcome::cut_off);
  CAF_CHECK_EQUAL(b.bus->stream(names::result_stream).messages, 0u);
  CAF_CHECK_EQUAL(b.deposits().ack_pending, 20u);

  name.lead_to(a.server.port());
  b.server.kill();
  CAF_CHECK_EQUAL(take(fetch, 10).size(), 10u);
  CAF_CHECK(node->parting().empty());
  CAF_CHECK(eventually([&] { return a.deposits().ack_pending == 11; })); // the first one's was lost
  CAF_CHECK_LESS(0u, events.count(link_event::error, "one NATS system again"));
}
