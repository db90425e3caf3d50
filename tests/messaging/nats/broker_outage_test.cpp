#include <map>
#include <set>

#include "tests/messaging/nats/broker_fixture.hpp"

#define CAF_SUITE broker_outage
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct fixture : broker_fixture {
  fixture() { CAF_REQUIRE(bus->provision({}).empty()); }

  ~fixture() { servers().start_again(); }
};

std::string connect_error(broker_options options) {
  try {
    broker::connect(options, nullptr);
  } catch (const std::runtime_error& why) {
    return why.what();
  }
  return {};
}

} // namespace

CAF_TEST(a broker that is not there is named without the password) {
  auto options = options_for("nats://alice:s3cret@127.0.0.1:1");
  const auto begin = steady::now();
  const auto error = connect_error(options);
  CAF_MESSAGE(error);
  CAF_CHECK(error.find("127.0.0.1:1") != std::string::npos);
  CAF_CHECK(error.find("s3cret") == std::string::npos);
  CAF_CHECK(error.find("alice") == std::string::npos);
  CAF_CHECK_LESS(steady::now() - begin, 4s);
}

CAF_TEST(bad urls and bad credentials are errors and not crashes) {
  CAF_CHECK(!connect_error(options_for("")).empty());
  CAF_CHECK(!connect_error(options_for(" , ")).empty());
  CAF_CHECK(!connect_error(options_for("nats://alice:s3cret@host:port:port")).empty());
  CAF_CHECK_EQUAL(connect_error(options_for("nats://alice:s3cret@host:port:port")).find("s3cret"),
                  std::string::npos);
  auto options = options_for(servers().nats_url());
  options.credentials_file = "/nonexistent/file.creds";
  const auto error = connect_error(options);
  CAF_MESSAGE(error);
  CAF_CHECK(!error.empty());
}

CAF_TEST(one of several urls is enough) {
  auto options = options_for("nats://127.0.0.1:1, " + servers().nats_url());
  CAF_CHECK_EQUAL(connect_error(options), "");
}

CAF_TEST_FIXTURE_SCOPE(outage_tests, fixture)

CAF_TEST(a restart is one story and everything works again) {
  CAF_CHECK(bus->connected());
  CAF_CHECK_EQUAL(events.count(link_event::connected), 1u);
  const auto begin = steady::now();
  servers().kill_nats();
  CAF_CHECK(eventually([&] { return !bus->connected(); }, 10s));
  CAF_MESSAGE(
      "noticed after "
      << std::chrono::duration_cast<std::chrono::milliseconds>(steady::now() - begin).count()
      << " ms");
  servers().start_again();
  CAF_CHECK(
      eventually([&] { return bus->connected() && events.count(link_event::reconnected) == 1; }));
  CAF_CHECK_EQUAL(events.count(link_event::disconnected), 1u);
  CAF_CHECK(eventually([&] {
    try {
      return bus->stream(names::request_stream).exists;
    } catch (const std::runtime_error&) {
      return false; // JetStream may still be starting
    }
  }));
}

CAF_TEST(pulls resume after each kill and nothing is lost) {
  remake_consumer(2000ms); // what was on its way to us at the kill comes again soon
  publish_requests(20000);
  fetcher fetch(deposits(), 500);
  std::set<std::string> seen;
  int kills = 0;
  for (const auto deadline = steady::now() + 60s;
       seen.size() < 20000 && steady::now() < deadline;) {
    for (const auto& one : fetch.turn()) {
      seen.insert(one.payload);
      fetch.done(one);
    }
    if (seen.size() > 4000u * static_cast<unsigned>(kills + 1) && kills < 3) {
      servers().kill_nats();
      servers().start_again();
      ++kills;
    }
  }
  CAF_CHECK_EQUAL(kills, 3);
  CAF_CHECK_EQUAL(seen.size(), 20000u);
}

CAF_TEST(every publication is answered and the confirmed ones are stored) {
  auto pub = bus->make_publisher();
  bell confirmed;
  pub->open(confirmed.ringer());
  std::map<std::uint64_t, bool> answers;
  std::set<std::uint64_t> open;
  std::uint64_t last = 0;
  std::size_t refused = 0;
  bool killed = false;
  auto publish = [&](std::uint64_t token) {
    open.insert(token);
    pub->publish({.token = token,
                  .subject = "transaction.result.deposit",
                  .message_id = "result-" + std::to_string(token),
                  .payload = std::to_string(token)});
  };
  const auto deadline = steady::now() + 60s;
  while ((last < 20000 || !open.empty()) && steady::now() < deadline) {
    while (last < 20000 && open.size() < 1000)
      publish(++last);
    if (last >= 8000 && !std::exchange(killed, true))
      servers().kill_nats();
    confirmed.wait(50ms);
    std::vector<std::uint64_t> again;
    for (const auto& one : pub->take()) {
      CAF_REQUIRE_EQUAL(open.erase(one.token), 1u);
      if (one.confirmed())
        answers[one.token] = true;
      else
        again.push_back(one.token);
    }
    refused += again.size();
    if (!again.empty()) {
      servers().start_again();
      for (const auto token : again)
        publish(token);
    }
  }
  CAF_CHECK_LESS(0u, refused);
  CAF_CHECK_EQUAL(answers.size(), 20000u);
  std::set<std::string> stored;
  bus->read(names::result_stream, {}, 1, [&](const stored_message& one) {
    CAF_CHECK(stored.insert(one.payload).second);
    return true;
  });
  CAF_CHECK_EQUAL(stored.size(), 20000u);
}

CAF_TEST(what is under way when the connection breaks is answered then) {
  // Somebody listens who never answers.
  class deaf final : public message_sink {
  public:
    void receive(nats_message*) override {}
  };
  side->subscribe("deaf.subject", std::make_shared<deaf>());
  CAF_REQUIRE_EQUAL(ask("INFO"), ""); // the subscription is known by now
  auto pub = bus->make_publisher();
  bell confirmed;
  pub->open(confirmed.ringer());
  pub->publish({.token = 3, .subject = "deaf.subject", .message_id = "3", .payload = "x"});
  CAF_REQUIRE(pub->take().empty());
  servers().kill_nats();
  std::vector<confirmation> answers;
  CAF_CHECK(
      eventually([&] { return !(answers = pub->take()).empty(); }, 3s)); // the deadline is 5 s
  CAF_REQUIRE_EQUAL(answers.size(), 1u);
  CAF_CHECK(!answers[0].confirmed());
  CAF_CHECK_EQUAL(answers[0].token, 3u);
}

CAF_TEST(publishing while the broker is away is answered at once) {
  auto pub = bus->make_publisher();
  bell confirmed;
  pub->open(confirmed.ringer());
  servers().kill_nats();
  CAF_REQUIRE(eventually([&] { return !bus->connected(); }, 10s));
  const auto publish = [&](std::uint64_t token) {
    pub->publish({.token = token,
                  .subject = "transaction.result.deposit",
                  .message_id = "result-" + std::to_string(token),
                  .payload = "x"});
  };
  // Of the two links only one may be known to be down so far; the first publication tells when the
  // publisher's is.
  publish(6);
  CAF_REQUIRE(eventually([&] { return pub->take().size() == 1; }, 4s));
  confirmed.wait(0ms);
  publish(7);
  CAF_CHECK(confirmed.wait(4s)); // the deadline is 5 s
  const auto answers = pub->take();
  CAF_REQUIRE_EQUAL(answers.size(), 1u);
  CAF_CHECK_EQUAL(answers[0].token, 7u);
  CAF_CHECK(!answers[0].confirmed());
  CAF_CHECK(pub->take().empty());
}

CAF_TEST(ports outlive an outage and may end during one) {
  auto source = deposits();
  bell rung;
  source->open(rung.ringer());
  source->pull({100});
  auto pub = bus->make_publisher();
  pub->open(rung.ringer());
  pub->publish({.token = 1,
                .subject = "transaction.result.deposit",
                .message_id = "result-1",
                .payload = "x"});
  servers().kill_nats();
  source->pull({100});
  source->settle("$JS.ACK.TRANSACTIONS.deposit-consumer.1.1.1.1.0", settlement::acknowledge);
  source.reset();
  pub.reset();
  bus.reset(); // ends although the broker is away
}

CAF_TEST_FIXTURE_SCOPE_END()
