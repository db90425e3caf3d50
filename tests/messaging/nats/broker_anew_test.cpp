// Streams and consumers that are deleted and made anew under a source.
#include <mutex>
#include <set>

#include "messaging/codec.hpp"
#include "messaging/recovery_source.hpp"
#include "tests/messaging/nats/broker_fixture.hpp"

#define CAF_SUITE broker_anew
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct fixture : broker_fixture {
  fixture() { make_streams(); }

  void make_streams() {
    bus->delete_stream(names::exhausted_stream);
    CAF_REQUIRE(bus->provision({}).empty());
  }

  // As an operator does it: gone, and there again, without a message.
  void make_requests_anew() {
    bus->delete_stream(names::request_stream);
    CAF_REQUIRE(bus->provision({}).empty());
  }

  // The consumer gives a message up after two deliveries.
  void limit_deliveries() {
    const std::string path = "TRANSACTIONS.deposit-consumer";
    CAF_REQUIRE_EQUAL(ask("CONSUMER.DELETE." + path), "");
    CAF_REQUIRE_EQUAL(
        ask("CONSUMER.DURABLE.CREATE." + path,
            R"({"stream_name":"TRANSACTIONS","config":{"durable_name":"deposit-consumer",)"
            R"("ack_policy":"explicit","filter_subject":"transaction.deposit","ack_wait":300000000,)"
            R"("max_deliver":2}})"),
        "");
  }

  std::vector<delivery> take(fetcher& from, std::size_t count) {
    std::vector<delivery> result;
    CAF_REQUIRE(eventually([&] {
      for (auto& one : from.turn())
        result.push_back(std::move(one));
      return result.size() >= count;
    }));
    return result;
  }

  // Parks a delivery as the fetcher does.
  outgoing bury(fetcher& from, delivery& one) {
    CAF_REQUIRE(eventually([&] {
      from.turn();
      return from.source().identify(one);
    }));
    return make_dead_letter(0, delivery{one}, {dead_reason::malformed_json, "x"}, "n", 1 << 20);
  }

  void publish_one(const outgoing& message) {
    auto left = 1;
    bus->publish_all(
        [&]() -> std::optional<outgoing> {
          return left-- > 0 ? std::optional(message) : std::nullopt;
        },
        1, nullptr, 10s);
  }

  std::set<std::string> letters() {
    std::set<std::string> result;
    if (bus->stream(names::dead_letter_stream).messages > 0)
      bus->read(names::dead_letter_stream, "", 1,
                [&](const stored_message& one) { return result.insert(one.payload), true; });
    return result;
  }

  // Gives all requests up: two deliveries, never settled.
  void give_up(std::uint64_t count) {
    fetcher fetch(deposits(), 1000);
    std::size_t seen = 0;
    CAF_REQUIRE(eventually([&] {
      for (const auto& one : fetch.turn()) {
        fetch.done(one, settlement::hand_back);
        ++seen;
      }
      return seen == 2 * count;
    }));
    CAF_REQUIRE(eventually([&] { return bus->stream(names::exhausted_stream).messages >= count; }));
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(anew_tests, fixture)

CAF_TEST(poison at the same sequence of a stream made anew gets a letter of its own) {
  fetcher fetch(deposits(), 100);
  std::set<std::string> expected;
  for (const std::string life : {"first", "second", "third"}) {
    for (int i = 1; i <= 5; ++i) {
      publish_one({.subject = "transaction.deposit", .payload = life + std::to_string(i)});
      expected.insert(life + std::to_string(i));
    }
    for (auto& one : take(fetch, 5)) {
      publish_one(bury(fetch, one));
      fetch.done(one, settlement::terminate);
    }
    make_requests_anew();
  }
  CAF_CHECK(letters() == expected);
}

CAF_TEST(the incarnation is the creation time of the stream the message came from) {
  fetcher fetch(deposits(), 100);
  publish_requests(2);
  auto got = take(fetch, 2);
  CAF_CHECK_EQUAL(got[0].incarnation, 0);
  bury(fetch, got[0]);
  CAF_CHECK_EQUAL(got[0].incarnation, bus->stream(names::request_stream).created_at_ns);
  // The second is known to come from a stream that is gone.
  make_requests_anew();
  bury(fetch, got[1]);
  CAF_CHECK_EQUAL(got[1].incarnation, 0);
  bus->delete_stream(names::request_stream);
  CAF_CHECK(got[1].stored_at_ns > 0);
}

CAF_TEST(a letter of a stream that is missing is made all the same) {
  fetcher fetch(deposits(), 100);
  publish_requests(1);
  auto got = take(fetch, 1);
  bus->delete_stream(names::request_stream);
  bury(fetch, got[0]);
  CAF_CHECK_EQUAL(got[0].incarnation, 0);
}

CAF_TEST(a source that is closed still learns the incarnation) {
  fetcher fetch(deposits(), 100);
  publish_requests(1);
  auto got = take(fetch, 1);
  fetch.source().close();
  bury(fetch, got[0]);
  CAF_CHECK_EQUAL(got[0].incarnation, bus->stream(names::request_stream).created_at_ns);
}

// On another inbox the answer would be heard while thousands of messages of a life that has ended
// still wait for their thread, as when a process that was stopped goes on.
CAF_TEST(the answer about the stream comes to the inbox that deliveries come to) {
  struct eavesdropper final : message_sink {
    std::mutex mutex;
    std::set<std::string> inboxes;
    void receive(nats_message* message) override {
      const std::lock_guard lock(mutex);
      const std::string reply(reply_of(message));
      inboxes.insert(reply.substr(0, reply.rfind('.')));
    }
    std::size_t count() {
      const std::lock_guard lock(mutex);
      return inboxes.size();
    }
  };
  const auto questions = std::make_shared<eavesdropper>();
  const auto pulls = std::make_shared<eavesdropper>();
  fetcher fetch(deposits(), 100);
  publish_requests(1);
  auto got = take(fetch, 1);
  side->subscribe("$JS.API.STREAM.INFO.TRANSACTIONS", questions);
  side->subscribe("$JS.API.CONSUMER.MSG.NEXT.>", pulls);
  CAF_REQUIRE(eventually([&] {
    fetch.turn();
    bury(fetch, got[0]);
    return pulls->count() > 0;
  }));
  got[0].incarnation = got[0].inquiry = 0;
  bury(fetch, got[0]);
  CAF_REQUIRE(eventually([&] { return questions->count() > 0; }));
  CAF_CHECK(questions->inboxes == pulls->inboxes);
}

CAF_TEST(an acknowledgement for a stream that is gone settles no stranger) {
  fetcher fetch(deposits(), 100);
  publish_requests(3);
  const auto old = take(fetch, 3);
  make_requests_anew();
  publish_requests(3);
  const auto fresh = take(fetch, 3);
  for (const auto& one : old)
    fetch.done(one, settlement::terminate);
  for (int i = 0; i < 10; ++i)
    fetch.turn();
  CAF_CHECK_EQUAL(deposit_state().ack_pending, 3u);
  for (const auto& one : fresh)
    fetch.done(one);
  CAF_CHECK(eventually([&] {
    fetch.turn();
    return deposit_state().ack_pending == 0;
  }));
}

CAF_TEST(who rested while a stream was made anew settles no stranger either) {
  fetcher full(deposits(), 3); // asks for nothing more, so it hears nothing
  publish_requests(3);
  const auto old = take(full, 3);
  make_requests_anew();
  publish_requests(3);
  fetcher other(deposits(), 100);
  const auto fresh = take(other, 3);
  std::this_thread::sleep_for(1600ms); // without a sign of life for so long nothing is known
  for (const auto& one : old)
    full.source().settle(one.receipt, settlement::acknowledge);
  for (int i = 0; i < 10; ++i)
    full.turn();
  CAF_CHECK_EQUAL(deposit_state().ack_pending, 3u);
  for (const auto& one : fresh)
    other.done(one);
  CAF_CHECK(eventually([&] {
    other.turn();
    return deposit_state().ack_pending == 0;
  }));
}

CAF_TEST(a consumer made anew on the same stream is settled by old acknowledgements) {
  fetcher fetch(deposits(), 100);
  publish_requests(3);
  const auto old = take(fetch, 3);
  remake_consumer(30s);
  take(fetch, 3);
  for (const auto& one : old)
    fetch.done(one);
  CAF_CHECK(eventually([&] {
    fetch.turn();
    return deposit_state().ack_pending == 0;
  }));
}

CAF_TEST(what is given up in streams made anew is recovered) {
  fetcher recovery(make_recovery_source(*bus, names::request_stream, "deposit-consumer",
                                        "transaction.deposit", 100ms),
                   100);
  const auto recovered = [&](std::size_t count) {
    std::multiset<std::string> result;
    CAF_CHECK(eventually([&] {
      for (const auto& one : recovery.turn()) {
        CAF_CHECK_EQUAL(one.incarnation, bus->stream(names::request_stream).created_at_ns);
        result.insert(one.payload);
        recovery.done(one);
      }
      return result.size() >= count;
    }));
    return std::set<std::string>(result.begin(), result.end()).size();
  };
  for (const auto count : {20u, 12u, 15u}) {
    bus->delete_stream(names::exhausted_stream);
    make_requests_anew();
    limit_deliveries();
    publish_requests(count);
    give_up(count);
    CAF_CHECK_EQUAL(recovered(count), count);
    CAF_CHECK(eventually([&] {
      recovery.turn();
      return bus->stream(names::exhausted_stream).messages == 0;
    }));
  }
}

CAF_TEST(an announcement settled too late strikes out none of another life) {
  limit_deliveries();
  publish_requests(5);
  give_up(5);
  fetcher recovery(make_recovery_source(*bus, names::request_stream, "deposit-consumer",
                                        "transaction.deposit", 100ms),
                   5);
  const auto old = take(recovery, 5);
  bus->delete_stream(names::exhausted_stream);
  make_requests_anew();
  limit_deliveries();
  publish_requests(5);
  give_up(5);
  for (const auto& one : old)
    recovery.done(one);
  std::set<std::string> got;
  CAF_CHECK(eventually([&] {
    for (const auto& one : recovery.turn())
      got.insert(one.payload);
    return got.size() == 5;
  }));
  std::this_thread::sleep_for(500ms); // several rounds
  CAF_CHECK_EQUAL(bus->stream(names::exhausted_stream).messages, 5u);
}

CAF_TEST(what is given up while nobody keeps announcements is swept up) {
  limit_deliveries();
  fetcher recovery(make_recovery_source(*bus, names::request_stream, "deposit-consumer",
                                        "transaction.deposit", 100ms),
                   100);
  publish_requests(5);
  give_up(5);
  CAF_CHECK_EQUAL(take(recovery, 5).size(), 5u);
  bus->delete_stream(names::exhausted_stream);
  std::uint64_t sent = 0;
  publish_one({.subject = "transaction.deposit", .payload = "late"});
  {
    fetcher fetch(deposits(), 100);
    CAF_CHECK(eventually([&] {
      for (const auto& one : fetch.turn())
        fetch.done(one, settlement::hand_back), ++sent;
      return sent == 2;
    }));
  }
  CAF_REQUIRE(bus->provision({.shutdown_deadline = 0ms}).empty());
  bool found = false;
  CAF_CHECK(eventually([&] {
    for (const auto& one : recovery.turn())
      found = found || one.payload == "late";
    return found;
  }));
}

CAF_TEST_FIXTURE_SCOPE_END()
