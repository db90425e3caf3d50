// What happens when the library gives up a connection for good.
#include "messaging/nats/confirming_publisher.hpp"
#include "messaging/nats/pull_source.hpp"
#include "tests/messaging/nats/broker_fixture.hpp"
#include "tests/support/cut_proxy.hpp"

#include <dlfcn.h>
#include <functional>
#include <nats/nats.h>
#include <thread>

#define CAF_SUITE broker_link
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

natsConnStatus real_status(natsConnection* of) {
  static const auto real = reinterpret_cast<natsConnStatus (*)(natsConnection*)>(
      dlsym(RTLD_NEXT, "natsConnection_Status"));
  return real(of);
}

std::function<natsConnStatus(natsConnection*)> next_status; // answers the next question for it

} // namespace

// Stands before the library's own.
extern "C" natsConnStatus natsConnection_Status(natsConnection* of) {
  const auto once = std::exchange(next_status, nullptr);
  return once ? once(of) : real_status(of);
}

CAF_TEST_FIXTURE_SCOPE(link_tests, broker_fixture)

CAF_TEST(a closed session is built again with everything on it) {
  CAF_REQUIRE(bus->provision({}).empty());
  event_log log;
  const auto options = options_for(servers().nats_url());
  const auto line = std::make_shared<lifeline>(
      options, session_options{.name = "test", .immediate = true}, log.observer());
  const auto lines = std::make_shared<line_pair>(line, line, false, log.observer());
  fetcher fetch(
      make_pull_source(lines, names::request_stream, "deposit-consumer", 100, log.observer()), 100);
  const auto pub = make_confirming_publisher(lines);
  bell confirmed;
  pub->open(confirmed.ringer());
  publish_requests(10);
  std::size_t came = 0;
  CAF_REQUIRE(eventually([&] { return (came += fetch.turn().size()) == 10; }));
  for (int round = 1; round <= 3; ++round) {
    const auto epoch = line->epoch();
    natsConnection_Close(line->current()->raw());
    CAF_CHECK(eventually([&] { return line->epoch() != epoch; }));
    CAF_CHECK(eventually([&] {
      return line->up() && log.count(link_event::rebuilt) == static_cast<std::size_t>(round);
    }));
    publish_requests(10 + static_cast<std::uint64_t>(round) * 10);
    CAF_CHECK(eventually([&] {
      return (came += fetch.turn().size()) == 10 + static_cast<std::size_t>(round) * 10;
    }));
    pub->publish({.token = static_cast<std::uint64_t>(round),
                  .subject = "transaction.result.deposit",
                  .message_id = std::to_string(round),
                  .payload = "x"});
    std::vector<confirmation> answers;
    CAF_CHECK(eventually([&] { return !(answers = pub->take()).empty(); }));
    CAF_REQUIRE_EQUAL(answers.size(), 1u);
    CAF_CHECK(answers[0].confirmed());
  }
}

// The library would keep it and send it to whichever server it finds next.
CAF_TEST(nothing is taken while a session is away that keeps nothing) {
  const auto through = session::open(options_for(servers().nats_url()),
                                     {.name = "test", .immediate = true, .keep = false});
  const auto status = [&] { return natsConnection_Status(through->raw()); };
  CAF_CHECK_EQUAL(through->publish("kept.subject", "", "x"), "");
  servers().kill_nats();
  CAF_REQUIRE(eventually([&] { return status() != NATS_CONN_STATUS_CONNECTED; }));
  CAF_CHECK_NOT_EQUAL(through->publish("kept.subject", "", "x"), "");
  CAF_CHECK(through->publish({.subject = "kept.subject", .payload = "x"}, "").outcome
            == publish_outcome::cut_off);
  servers().start_again();
  CAF_REQUIRE(eventually([&] { return status() == NATS_CONN_STATUS_CONNECTED; }));
  CAF_CHECK_EQUAL(through->publish("kept.subject", "", "x"), "");
}

CAF_TEST(a new session that breaks and comes back while it is taken over is up) {
  event_log log;
  const auto line = std::make_shared<lifeline>(options_for(servers().nats_url()),
                                               session_options{.name = "test"}, log.observer());
  std::atomic<bool> asked = false;
  next_status = [&](natsConnection* of) {
    servers().kill_nats();
    eventually([&] { return real_status(of) != NATS_CONN_STATUS_CONNECTED; });
    const auto then = real_status(of);
    servers().start_again();
    eventually([&] { return log.count(link_event::reconnected) > 0; });
    asked = true;
    return then;
  };
  natsConnection_Close(line->current()->raw());
  CAF_REQUIRE(eventually([&] { return asked && log.count(link_event::rebuilt) == 1; }));
  CAF_CHECK(eventually([&] { return line->up(); }, 5s));
  CAF_CHECK_EQUAL(real_status(line->current()->raw()), NATS_CONN_STATUS_CONNECTED);
}

CAF_TEST(a link that is being rebuilt can end) {
  event_log log;
  servers().kill_nats();
  servers().start_again();
  auto line = std::make_shared<lifeline>(options_for(servers().nats_url()),
                                         session_options{.name = "test"}, log.observer());
  servers().kill_nats();
  natsConnection_Close(line->current()->raw());
  CAF_CHECK(eventually([&] { return log.count(link_event::error, "cannot connect") >= 2; }));
  line.reset();
  servers().start_again();
}

CAF_TEST(a link behind which the server falls silent is noticed and comes back) {
  cut_proxy proxy(port_of(servers().nats_url()));
  event_log log;
  auto options = options_for(with_port(servers().nats_url(), proxy.port()));
  options.ping_interval = broker_options{}.ping_interval;
  const auto through = broker::connect(options, log.observer());
  std::this_thread::sleep_for(2s); // pings go to and fro
  CAF_CHECK(through->connected());
  CAF_CHECK_EQUAL(log.count(link_event::disconnected), 0u);
  proxy.hang(true);
  const auto begin = steady::now();
  CAF_CHECK(eventually([&] { return !through->connected(); }, 15s));
  CAF_CHECK_LESS(steady::now() - begin, 8s);
  CAF_CHECK_LESS(0u, log.count(link_event::error, "silent"));
  proxy.hang(false);
  CAF_CHECK(eventually([&] { return through->connected(); }, 10s));
}

CAF_TEST(a link without PubAcks is built again though the server answers pings) {
  event_log log;
  const auto line = std::make_shared<lifeline>(options_for(servers().nats_url()),
                                               session_options{.name = "test"}, log.observer());
  const auto lines = std::make_shared<line_pair>(line, line, false, log.observer());
  CAF_REQUIRE(lines->wait_joined(10s));
  class deaf final : public message_sink {
  public:
    void receive(nats_message*) override {}
  };
  side->subscribe("deaf.subject", std::make_shared<deaf>());
  CAF_REQUIRE_EQUAL(ask("INFO"), "");
  const auto pub = make_confirming_publisher(lines);
  bell rung;
  pub->open(rung.ringer());
  pub->publish({.token = 1, .subject = "deaf.subject", .message_id = "1", .payload = "x"});
  CAF_CHECK(eventually(
      [&] {
        rung.wait(20ms);
        pub->take();
        return log.count(link_event::rebuilt) == 1;
      },
      8s));
  CAF_CHECK_LESS(0u, log.count(link_event::error, "no PubAck within 5 s"));
}

CAF_TEST(a link that is built again goes where its URL leads now) {
  cut_proxy proxy(port_of(servers().nats_url()));
  event_log log;
  std::atomic<bool> readable = false;
  auto options = options_for(with_port(servers().nats_url(), proxy.port()));
  options.read_url = [&] {
    if (!readable)
      throw std::runtime_error("no such file");
    return servers().nats_url();
  };
  const auto line =
      std::make_shared<lifeline>(options, session_options{.name = "test"}, log.observer());
  proxy.hang(true); // what the old URL leads to
  natsConnection_Close(line->current()->raw());
  CAF_CHECK(eventually([&] { return log.count(link_event::error, "cannot be read anew") > 1; }));
  readable = true;
  CAF_CHECK(eventually([&] { return line->up() && log.count(link_event::rebuilt) == 1; }));
}

CAF_TEST_FIXTURE_SCOPE_END()
