#include <nats/nats.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "messaging/recovery_source.hpp"
#include "tests/messaging/nats/broker_fixture.hpp"

#define CAF_SUITE broker_recovery
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr std::uint64_t messages = 20;

struct fixture : broker_fixture {
  fixture() { CAF_REQUIRE(bus->provision({}).empty()); }

  // The deposit consumer as somebody else would set it up: `max_deliver` deliveries, then never
  // again.
  void remake_limited_consumer(int max_deliver, std::chrono::nanoseconds ack_wait = 300ms) {
    CAF_REQUIRE_EQUAL(ask("CONSUMER.DELETE.TRANSACTIONS.deposit-consumer"), "");
    limit_consumer(max_deliver, ack_wait);
  }

  // Makes it, or gives it another acknowledgement wait.
  void limit_consumer(int max_deliver, std::chrono::nanoseconds ack_wait) {
    CAF_REQUIRE_EQUAL(
        ask("CONSUMER.DURABLE.CREATE.TRANSACTIONS.deposit-consumer",
            R"({"stream_name":"TRANSACTIONS","config":{"durable_name":"deposit-consumer",)"
            R"("ack_policy":"explicit","filter_subject":"transaction.deposit","ack_wait":)"
                + std::to_string(ack_wait.count()) + R"(,"max_deliver":)"
                + std::to_string(max_deliver) + "}}"),
        "");
  }

  // Settles what comes until nothing has come for a while.
  std::size_t settle_all(settlement how) {
    fetcher fetch(deposits(), 100);
    std::size_t count = 0;
    for (int silent = 0; silent < 30;) {
      const auto got = fetch.turn();
      silent = got.empty() ? silent + 1 : 0;
      for (const auto& one : got) {
        fetch.done(one, how);
        ++count;
      }
    }
    return count;
  }

  std::unique_ptr<delivery_source> recovery() {
    return make_recovery_source(*bus, names::request_stream, "deposit-consumer",
                                "transaction.deposit", 100ms);
  }

  // The payloads that a recovery source hands out until nothing has come for a while.
  std::multiset<std::string> recovered(std::size_t window) {
    fetcher fetch(recovery(), window);
    std::multiset<std::string> result;
    for (int silent = 0; silent < 20;) {
      const auto got = fetch.turn();
      silent = got.empty() ? silent + 1 : 0;
      for (const auto& one : got) {
        CAF_CHECK_EQUAL(one.subject, "transaction.deposit");
        CAF_CHECK_EQUAL(one.stream, names::request_stream);
        result.insert(one.payload);
        fetch.done(one);
      }
    }
    CAF_CHECK_LESS_OR_EQUAL(fetch.in_hand_max(), window);
    return result;
  }
};

std::multiset<std::string> all_payloads() {
  std::multiset<std::string> result;
  for (std::uint64_t i = 1; i <= messages; ++i)
    result.insert(std::to_string(i));
  return result;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(recovery_tests, fixture)

CAF_TEST(what a limited consumer gave up is handed out once) {
  remake_limited_consumer(3);
  publish_requests(messages);
  publish_requests(5, "transaction.withdrawal");
  CAF_CHECK_EQUAL(settle_all(settlement::hand_back), 3 * messages);
  CAF_CHECK_EQUAL(settle_all(settlement::hand_back), 0u);
  CAF_CHECK(recovered(7) == all_payloads());
}

CAF_TEST(an announcement is kept until its message is settled) {
  remake_limited_consumer(1);
  publish_requests(messages);
  CAF_CHECK_EQUAL(settle_all(settlement::hand_back), messages);
  const auto announced = [this] { return bus->stream(names::exhausted_stream).messages; };
  CAF_CHECK(eventually([&] { return announced() == messages; }));
  // No limit any more: nothing but the announcements tells of what was given up.
  remake_consumer(30s);
  CAF_CHECK_EQUAL(settle_all(settlement::acknowledge), messages);
  {
    fetcher fetch(recovery(), 100);
    std::size_t count = 0;
    CAF_CHECK(eventually([&] {
      for (const auto& one : fetch.turn()) {
        fetch.done(one, settlement::hand_back);
        ++count;
      }
      return count == messages;
    }));
    CAF_CHECK_EQUAL(announced(), messages);
  }
  CAF_CHECK(recovered(7) == all_payloads());
  CAF_CHECK_EQUAL(announced(), 0u);
  CAF_CHECK(recovered(7).empty());
}

CAF_TEST(what cannot be decided yet is handed out again until it is settled) {
  remake_limited_consumer(1);
  publish_requests(messages);
  CAF_CHECK_EQUAL(settle_all(settlement::hand_back), messages);
  const auto announced = [this] { return bus->stream(names::exhausted_stream).messages; };
  CAF_CHECK(eventually([&] { return announced() == messages; }));
  std::map<std::string, int> times; // handed out
  fetcher fetch(recovery(), 7);
  const auto has_come_three_times = [&](const std::string& payload) { return times[payload] == 3; };
  CAF_CHECK(eventually([&] {
    for (const auto& one : fetch.turn()) {
      constexpr std::array ends{settlement::let_go, settlement::postpone, settlement::acknowledge};
      const auto time = times[one.payload]++;
      CAF_REQUIRE_LESS(time, 3);
      fetch.done(one, ends.at(static_cast<std::size_t>(time)));
    }
    const auto all = all_payloads();
    return std::all_of(all.begin(), all.end(), has_come_three_times);
  }));
  CAF_CHECK(eventually([&] { return announced() == 0; }));
}

// The credit is less than a message, and less than two.
CAF_TEST(what stays held does not keep the others from being handed out) {
  remake_limited_consumer(1);
  publish_requests(messages);
  CAF_CHECK_EQUAL(settle_all(settlement::hand_back), messages);
  for (const std::size_t credit : {std::size_t{20}, std::size_t{70}}) {
    bell rung;
    const auto source = recovery();
    source->open(rung.ringer());
    std::size_t held = 0;
    std::size_t held_bytes = 0;
    std::size_t handed_back = 0;
    CAF_CHECK(eventually(
        [&] {
          source->pull({100 - held, credit - std::min(credit, held_bytes)});
          rung.wait(20ms);
          for (const auto& one : source->take()) {
            handed_back += held;
            held_bytes += held == 0 ? bytes_of(one) : 0;
            held = 1;
          }
          return handed_back + held == messages;
        },
        10s));
    CAF_CHECK_LESS(credit, 2 * held_bytes);
  }
  CAF_CHECK(recovered(7) == all_payloads()); // nothing was settled
}

CAF_TEST(announcements that tell of nothing are struck out) {
  publish_requests(1);
  const auto subject = std::string{names::exhausted_prefix} + "deposit-consumer";
  for (const auto* body :
       {"", "{", "[1]", R"({"stream_seq":"1"})", R"({"stream_seq":-1})", R"({"stream_seq":77})"})
    CAF_CHECK_EQUAL(side->publish(subject, "", body), "");
  CAF_CHECK(eventually([&] { return bus->stream(names::exhausted_stream).messages == 6; }));
  CAF_CHECK(recovered(7).empty());
  CAF_CHECK_EQUAL(bus->stream(names::exhausted_stream).messages, 0u);
}

CAF_TEST(what is acknowledged is not handed out again) {
  remake_limited_consumer(3, 30s); // no acknowledgement is late
  publish_requests(messages);
  CAF_CHECK_EQUAL(settle_all(settlement::acknowledge), messages);
  CAF_CHECK(eventually([&] { return deposit_state().ack_floor == messages; }));
  // All are old enough to be handed out again now, were they not acknowledged.
  limit_consumer(3, 300ms);
  CAF_CHECK(deposit_state().ack_wait == 300ms);
  std::this_thread::sleep_for(400ms);
  CAF_CHECK(recovered(100).empty());
}

CAF_TEST(a sweep whose last request is of the other subject comes to its end) {
  remake_limited_consumer(3, 2s);
  publish_requests(messages);
  publish_requests(5, "transaction.withdrawal");
  fetcher fetch(deposits(), 100);
  std::size_t count = 0;
  CAF_REQUIRE(eventually([&] {
    for (const auto& one : fetch.turn())
      if (++count < messages) // the last one stays held
        fetch.done(one);
    return count == messages;
  }));
  std::this_thread::sleep_for(2s); // by then it may be swept
  const auto readings = std::make_shared<payloads>();
  side->subscribe("$JS.API.CONSUMER.CREATE.>", readings);
  natsConnection_FlushTimeout(side->raw(), 2000);
  CAF_CHECK_LESS_OR_EQUAL(recovered(7).size(), 1u);
  CAF_CHECK_LESS(readings->came().size(), 3u);
}

CAF_TEST(a consumer without a limit gives nothing up) {
  remake_consumer(300ms);
  publish_requests(messages);
  fetcher fetch(deposits(), 100);
  std::set<std::string> held; // some may come twice
  for (const auto deadline = steady::now() + 10s;
       held.size() < messages && steady::now() < deadline;)
    for (const auto& one : fetch.turn())
      held.insert(one.payload);
  CAF_CHECK_EQUAL(held.size(), messages);
  CAF_CHECK(recovered(100).empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
