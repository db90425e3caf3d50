#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "tests/messaging/nats/broker_fixture.hpp"

#define CAF_SUITE broker_deliver
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct fixture : broker_fixture {
  fixture() { CAF_REQUIRE(bus->provision({}).empty()); }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(deliver_tests, fixture)

CAF_TEST(ten thousand messages come once each and never more than the window) {
  publish_requests(10000);
  publish_requests(100, "transaction.withdrawal");
  fetcher fetch(deposits(), 700);
  std::set<std::string> seen;
  std::uint64_t last_seq = 0;
  for (const auto deadline = steady::now() + 30s; seen.size() < 10000 && steady::now() < deadline;)
    for (const auto& one : fetch.turn()) {
      CAF_CHECK_EQUAL(one.subject, "transaction.deposit");
      CAF_CHECK_EQUAL(one.stream, names::request_stream);
      CAF_CHECK_EQUAL(one.deliveries, 1u);
      CAF_CHECK_LESS(last_seq, one.stream_seq);
      last_seq = one.stream_seq;
      seen.insert(one.payload);
      fetch.done(one);
    }
  CAF_CHECK_EQUAL(seen.size(), 10000u);
  CAF_CHECK_EQUAL(last_seq, 10000u);
  CAF_CHECK_LESS_OR_EQUAL(fetch.in_hand_max(), 700u);
  CAF_CHECK(eventually([&] { return deposit_state().ack_pending == 0; }));
  const auto state = deposit_state();
  CAF_CHECK_EQUAL(state.pending, 0u);
  CAF_CHECK_LESS_OR_EQUAL(10000u,
                          state.ack_floor); // the withdrawals after the last deposit do not matter
  CAF_CHECK_EQUAL(state.redelivered, 0u);
  CAF_CHECK_EQUAL(fetch.turn().size(), 0u);
}

CAF_TEST(what waits at the consumer is known from what it sends) {
  fetcher fetch(deposits(), 300);
  CAF_CHECK(!fetch.source().backlog().has_value());
  publish_requests(500);
  // nats-server counts for its consumers a moment after it has stored.
  CAF_REQUIRE(eventually([&] { return deposit_state().pending == 500; }));
  for (const auto deadline = steady::now() + 10s;
       fetch.in_hand_max() < 300 && steady::now() < deadline;)
    fetch.turn();
  CAF_CHECK_EQUAL(fetch.source().backlog().value_or(0), 200u);
}

CAF_TEST(a consumer that hands nothing out is not taken for an empty one) {
  const std::string path = "TRANSACTIONS.deposit-consumer";
  CAF_REQUIRE_EQUAL(ask("CONSUMER.DELETE." + path), "");
  CAF_REQUIRE_EQUAL(
      ask("CONSUMER.DURABLE.CREATE." + path,
          R"({"stream_name":"TRANSACTIONS","config":{"durable_name":"deposit-consumer",)"
          R"("ack_policy":"explicit","filter_subject":"transaction.deposit",)"
          R"("ack_wait":30000000000,"max_ack_pending":5}})"),
      "");
  publish_requests(20);
  CAF_REQUIRE(eventually([&] { return deposit_state().pending == 20; }));
  fetcher fetch(deposits(), 100);
  std::vector<delivery> held;
  const auto take_for = [&](std::chrono::milliseconds time) {
    std::set<std::optional<std::uint64_t>> said;
    for (const auto until = steady::now() + time; steady::now() < until;) {
      for (auto& one : fetch.turn())
        held.push_back(std::move(one));
      said.insert(fetch.source().backlog());
    }
    return said;
  };
  // 15 wait for an acknowledgement, for longer than the pause between two signs of life.
  CAF_CHECK(!take_for(2500ms).contains(0));
  CAF_CHECK_EQUAL(held.size(), 5u);
  CAF_CHECK(!fetch.source().backlog().has_value());
  CAF_CHECK(eventually([&] {
    for (const auto& one : std::exchange(held, {}))
      fetch.done(one);
    take_for(50ms);
    return fetch.source().backlog() == std::optional<std::uint64_t>{0};
  }));
  take_for(1500ms); // it stays so while nothing comes
  CAF_CHECK(fetch.source().backlog() == std::optional<std::uint64_t>{0});
}

CAF_TEST(no room means no message) {
  publish_requests(5000);
  fetcher fetch(deposits(), 300);
  std::vector<delivery> held;
  for (const auto deadline = steady::now() + 10s; held.size() < 300 && steady::now() < deadline;)
    for (auto& one : fetch.turn())
      held.push_back(std::move(one));
  CAF_CHECK_EQUAL(held.size(), 300u);
  for (int i = 0; i < 10; ++i)
    CAF_CHECK_EQUAL(fetch.turn().size(), 0u);
  CAF_CHECK_EQUAL(deposit_state().ack_pending, 300u);
  for (const auto& one : held)
    fetch.done(one);
  CAF_CHECK(eventually([&] { return !fetch.turn().empty(); }));
}

CAF_TEST(a message that comes late is here at once) {
  fetcher fetch(deposits(), 100);
  fetch.turn(); // a request is open
  auto pub = bus->make_publisher();
  bell confirmed;
  pub->open(confirmed.ringer());
  std::vector<std::chrono::microseconds> took;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    outgoing message;
    message.token = i;
    message.subject = "transaction.deposit";
    message.message_id = "late-" + std::to_string(i);
    message.payload = std::to_string(i);
    const auto begin = steady::now();
    pub->publish(message);
    std::size_t came = 0;
    CAF_REQUIRE(eventually([&] {
      for (const auto& one : fetch.turn()) {
        ++came;
        fetch.done(one);
      }
      return came == 1;
    }));
    took.push_back(std::chrono::duration_cast<std::chrono::microseconds>(steady::now() - begin));
    pub->take();
  }
  std::sort(took.begin(), took.end());
  CAF_MESSAGE("publish to delivery: median " << took[50].count() << " us, worst "
                                             << took.back().count() << " us");
  CAF_CHECK_LESS(took[50].count(),
                 100'000); // some milliseconds; a pull that waited would take a second
}

CAF_TEST(the waker rings on the edge only) {
  auto source = deposits();
  bell edge;
  source->open(edge.ringer());
  source->pull({100});
  publish_requests(50);
  CAF_REQUIRE(eventually([&] { return deposit_state().ack_pending == 50; }));
  CAF_CHECK(edge.wait(5s));
  // One for the fifty, and one for what is known of the stream's life.
  CAF_CHECK_LESS_OR_EQUAL(edge.rings(), 2u);
  std::size_t came = 0;
  CAF_CHECK(eventually([&] { return (came += source->take().size()) == 50; }));
  const auto before = edge.rings();
  source->pull({100});
  publish_requests(60); // fifty of them are duplicates
  CAF_CHECK(eventually([&] { return edge.rings() > before; }));
}

CAF_TEST(headers are copied except those of the broker) {
  bool sent = false;
  bus->publish_all(
      [&]() -> std::optional<outgoing> {
        if (std::exchange(sent, true))
          return std::nullopt;
        return outgoing{
            .subject = "transaction.deposit",
            .message_id = "id",
            .payload = std::string("a\0b", 3),
            .headers = {
                {"traceparent", "00-1-2-01"}, {"Status", "409"}, {"twice", "a"}, {"twice", "b"}}};
      },
      10, nullptr, 5s);
  fetcher fetch(deposits(), 10);
  std::vector<delivery> came;
  CAF_REQUIRE(eventually([&] { return !(came = fetch.turn()).empty(); }));
  CAF_REQUIRE_EQUAL(came.size(), 1u);
  CAF_CHECK_EQUAL(came[0].payload, std::string("a\0b", 3));
  auto headers = came[0].headers;
  std::sort(headers.begin(), headers.end(),
            [](auto& a, auto& b) { return a.name + a.value < b.name + b.value; });
  const std::vector<header> expected{
      {"Status", "409"}, {"traceparent", "00-1-2-01"}, {"twice", "a"}, {"twice", "b"}};
  CAF_CHECK(headers == expected);
}

CAF_TEST(a message handed back comes again at once and a terminated one never) {
  publish_requests(2);
  fetcher fetch(deposits(), 10);
  std::map<std::string, std::uint64_t> count;
  CAF_CHECK(eventually([&] {
    for (const auto& one : fetch.turn()) {
      count[one.payload] = one.deliveries;
      if (one.payload == "2")
        fetch.done(one, settlement::terminate);
      else
        fetch.done(one, one.deliveries < 4 ? settlement::hand_back : settlement::acknowledge);
    }
    return count["1"] == 4 && count["2"] == 1 && deposit_state().ack_pending == 0;
  }));
  CAF_CHECK_EQUAL(deposit_state().ack_floor, 2u);
}

CAF_TEST(
    what is not settled comes again after the acknowledgement wait unless progress is reported) {
  remake_consumer(3000ms);
  publish_requests(2);
  fetcher fetch(deposits(), 100);
  std::map<std::string, delivery> last;
  const auto take_again = [&] {
    std::set<std::string> came;
    for (auto& one : fetch.turn()) {
      came.insert(one.payload);
      last[one.payload] = one;
    }
    return came;
  };
  CAF_REQUIRE(eventually([&] { return take_again(), last.size() == 2; }));
  // A stall of the machine may be as long as the wait: then nothing was reported in time, and the
  // next eight seconds are looked at.
  std::set<std::string> again;
  for (int tries = 0; tries < 8; ++tries) {
    again.clear();
    steady::duration longest{0};
    for (const auto end = steady::now() + 8s; steady::now() < end;) {
      const auto reported = steady::now();
      fetch.done(last["1"], settlement::progress);
      again.merge(take_again());
      longest = std::max(longest, steady::now() - reported);
    }
    if (longest < 1s || again == std::set<std::string>{"2"})
      break;
  }
  CAF_CHECK(again == (std::set<std::string>{"2"}));
  CAF_CHECK_GREATER(last["2"].deliveries, 1u);
  CAF_CHECK_EQUAL(deposit_state().ack_pending, 2u); // progress settles nothing
  fetch.done(last["1"]);
  fetch.done(last["2"]);
  CAF_CHECK(eventually([&] {
    fetch.turn(); // after a stall nothing is settled without a sign of the stream's life
    return deposit_state().ack_floor == 2;
  }));
}

CAF_TEST(closing stops the requests) {
  publish_requests(10);
  fetcher fetch(deposits(), 100);
  std::size_t came = 0;
  CAF_REQUIRE(eventually([&] { return (came += fetch.turn().size()) == 10; }));
  auto waiting = [&] {
    const auto info = ask_jetstream(*side, "CONSUMER.INFO.TRANSACTIONS.deposit-consumer", "").json;
    return info.find("\"num_waiting\":0") == std::string::npos;
  };
  CAF_CHECK(waiting());
  fetch.source().close();
  CAF_CHECK(eventually([&] { return !waiting(); }, 1800ms)); // before it would have run out
  publish_requests(20);                                      // the first ten are duplicates
  for (int i = 0; i < 10; ++i)
    CAF_CHECK_EQUAL(fetch.turn().size(), 0u);
  CAF_CHECK_EQUAL(deposit_state().pending, 10u);
}

CAF_TEST(a forged delivery is not taken for one) {
  fetcher fetch(deposits(), 10);
  fetch.turn();
  // Whoever sees a request knows the inbox.
  class spy final : public message_sink {
  public:
    void receive(nats_message* raw) override {
      std::lock_guard lock(mutex);
      reply = reply_of(raw);
    }
    std::string seen() {
      std::lock_guard lock(mutex);
      return reply;
    }
    std::mutex mutex;
    std::string reply;
  };
  auto watcher = std::make_shared<spy>();
  side->subscribe("$JS.API.CONSUMER.MSG.NEXT.>", watcher);
  CAF_REQUIRE(eventually([&] {
    fetch.turn();
    return !watcher->seen().empty();
  }));
  // The broker itself lets no client publish with a receipt as reply, so any other reply has to do.
  CAF_CHECK_EQUAL(side->publish(watcher->seen(), "x", "{}"), "");
  publish_requests(1);
  std::vector<delivery> came;
  CAF_CHECK(eventually([&] {
    for (auto& one : fetch.turn())
      came.push_back(one);
    return !came.empty();
  }));
  CAF_CHECK_EQUAL(came.size(), 1u);
  CAF_CHECK_EQUAL(came[0].payload, "1");
}

CAF_TEST(a consumer that allows only small requests gets them) {
  CAF_REQUIRE_EQUAL(ask("CONSUMER.DELETE.TRANSACTIONS.deposit-consumer"), "");
  CAF_REQUIRE_EQUAL(
      ask("CONSUMER.DURABLE.CREATE.TRANSACTIONS.deposit-consumer",
          R"({"stream_name":"TRANSACTIONS","config":{"durable_name":"deposit-consumer",)"
          R"("ack_policy":"explicit","filter_subject":"transaction.deposit","max_batch":7}})"),
      "");
  publish_requests(100);
  fetcher fetch(deposits(), 50);
  std::size_t came = 0;
  CAF_CHECK(eventually([&] {
    for (const auto& one : fetch.turn()) {
      ++came;
      fetch.done(one);
    }
    return came == 100;
  }));
}

CAF_TEST(a consumer that is deleted is reported and used again when it is back) {
  fetcher fetch(deposits(), 10);
  fetch.turn();
  CAF_REQUIRE_EQUAL(ask("CONSUMER.DELETE.TRANSACTIONS.deposit-consumer"), "");
  CAF_CHECK(eventually([&] {
    fetch.turn();
    return events.count(link_event::error, "TRANSACTIONS/deposit-consumer") > 0;
  }));
  publish_requests(5);
  CAF_REQUIRE(bus->provision({}).empty());
  std::size_t came = 0;
  CAF_CHECK(eventually([&] { return (came += fetch.turn().size()) == 5; }));
  CAF_CHECK_LESS(events.count(link_event::error), 4u);
}

// What it hands out meanwhile may come to nobody.
CAF_TEST(a silent consumer is asked for one message at a time while its stream answers) {
  CAF_REQUIRE_EQUAL(ask("CONSUMER.DELETE.TRANSACTIONS.deposit-consumer"), "");
  const auto pulls = std::make_shared<payloads>(); // takes them in its place and says nothing
  side->subscribe("$JS.API.CONSUMER.MSG.NEXT.TRANSACTIONS.deposit-consumer", pulls);
  CAF_REQUIRE_EQUAL(ask("STREAM.INFO.TRANSACTIONS"), ""); // it has heard of the subscription
  fetcher fetch(deposits(), 4000);
  const auto batch_is_one = [](const std::string& pull) {
    return pull.find(R"("batch":1,)") != std::string::npos;
  };
  CAF_REQUIRE(eventually([&] {
    fetch.turn();
    return fetch.source().unanswered().since >= 4s;
  }));
  const auto before = pulls->came();
  CAF_REQUIRE(!before.empty());
  CAF_CHECK(!batch_is_one(before.front()));
  CAF_CHECK(fetch.source().unanswered().alone);
  CAF_REQUIRE(eventually([&] {
    fetch.turn();
    return pulls->came().size() >= before.size() + 2;
  }));
  CAF_CHECK(batch_is_one(pulls->came().back()));
  CAF_CHECK(fetch.source().unanswered().alone);
}

CAF_TEST(a server under load leaves no pull and no acknowledgement unanswered for long) {
  fetcher fetch(deposits(), 4000);
  const auto& source = fetch.source();
  std::atomic<bool> over = false;
  std::thread load([&] {
    while (!over) {
      for (int i = 0; i < 200; ++i)
        side->publish("transaction.deposit", "", "1");
      std::this_thread::sleep_for(10ms);
    }
  });
  std::chrono::milliseconds longest{0};
  std::size_t came = 0;
  const auto look = [&] {
    for (const auto& one : fetch.turn()) {
      fetch.done(one);
      ++came;
    }
    longest = std::max({longest, source.unanswered().since, source.unacknowledged().since});
  };
  for (const auto begun = steady::now();
       steady::now() < begun + 6s || (came <= 10000 && steady::now() < begun + 60s);)
    look();
  over = true;
  load.join();
  CAF_CHECK_LESS(10000u, came);
  // Nor one that makes the consumer anew.
  CAF_REQUIRE_EQUAL(ask("CONSUMER.DELETE.TRANSACTIONS.deposit-consumer"), "");
  for (const auto end = steady::now() + 2s; steady::now() < end;)
    look();
  CAF_REQUIRE(bus->provision({}).empty());
  for (const auto end = steady::now() + 4s; steady::now() < end;)
    look();
  CAF_CHECK_LESS(longest.count(), 4000); // from then on a node says that it is not answered
}

CAF_TEST_FIXTURE_SCOPE_END()
