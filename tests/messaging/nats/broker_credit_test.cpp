// Credit in bytes, limits that change, and letters too large for their stream.
#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>

#include "tests/messaging/nats/broker_fixture.hpp"

#define CAF_SUITE broker_credit
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr std::size_t megabyte = 1 << 20;

struct fixture : broker_fixture {
  std::size_t published = 0;

  fixture() { CAF_REQUIRE(bus->provision({}).empty()); }

  void publish_sizes(const std::vector<std::size_t>& sizes) {
    std::size_t sent = 0;
    bus->publish_all(
        [&]() -> std::optional<outgoing> {
          if (sent == sizes.size())
            return std::nullopt;
          outgoing message{.subject = "transaction.deposit"};
          message.message_id = std::to_string(published++);
          message.payload.assign(sizes[sent++], 'x');
          return message;
        },
        20, nullptr, 20s);
  }

  // Takes all and settles each after some turns; the most bytes that were in hand at once.
  std::size_t take_all(std::size_t count, capacity window) {
    bell rung;
    auto source = deposits();
    source->open(rung.ringer());
    std::vector<delivery> held;
    std::size_t bytes = 0;
    std::size_t most = 0;
    std::size_t taken = 0;
    const auto deadline = steady::now() + 40s;
    while ((taken < count || !held.empty()) && steady::now() < deadline) {
      source->pull({window.messages - std::min(window.messages, held.size()),
                    window.bytes - std::min(window.bytes, bytes)});
      rung.wait(20ms);
      for (auto& one : source->take()) {
        bytes += bytes_of(one);
        held.push_back(std::move(one));
        ++taken;
      }
      most = std::max(most, bytes);
      for (std::size_t i = 0; i < 3 && !held.empty(); ++i) {
        bytes -= bytes_of(held.front());
        source->settle(held.front().receipt, settlement::acknowledge);
        held.erase(held.begin());
      }
    }
    CAF_CHECK_EQUAL(taken, count);
    return most;
  }

  std::vector<confirmation> answers(publisher& from, bell& rung) {
    std::vector<confirmation> result;
    eventually(
        [&] {
          rung.wait(20ms);
          result = from.take();
          return !result.empty();
        },
        10s);
    return result;
  }

  void reload_server(const std::string& setting) {
    std::ofstream(servers().directory() + "/nats.conf", std::ios::app) << setting << '\n';
    pid_t pid = 0;
    std::ifstream(servers().directory() + "/nats.pid") >> pid;
    CAF_REQUIRE(pid > 1);
    kill(pid, SIGHUP);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(credit_tests, fixture)

CAF_TEST(no more bytes are in hand than there is credit for) {
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 60; ++i)
    for (const auto size : {900 * 1024, 60 * 1024, 100})
      sizes.push_back(static_cast<std::size_t>(size));
  publish_sizes(sizes);
  CAF_CHECK_LESS_OR_EQUAL(take_all(sizes.size(), {1000, 4 * megabyte}), 4 * megabyte);
}

CAF_TEST(messages larger than all the credit come one by one) {
  publish_sizes({100, 900 * 1024, 100, 900 * 1024, 500 * 1024, 100});
  CAF_CHECK_LESS_OR_EQUAL(take_all(6, {1000, megabyte / 2}), megabyte);
}

// As when somebody has locked the row of its account: max_payload is more than the credit.
CAF_TEST(what stays held keeps nothing else from coming) {
  for (const std::size_t stays : {std::size_t{100}, std::size_t{400} * 1024, megabyte - 1000}) {
    bell rung;
    auto source = deposits();
    source->open(rung.ringer());
    publish_sizes({stays, 100, 900 * 1024, 100, 100});
    constexpr std::size_t credit = megabyte / 2;
    std::size_t held = 0;
    std::size_t count = 0;
    std::string kept;
    CAF_CHECK(eventually(
        [&] {
          source->pull({held > 0 ? 999U : 1000U, credit - std::min(credit, held)});
          rung.wait(20ms);
          for (auto& one : source->take()) {
            ++count;
            if (held > 0 || bytes_of(one) < stays) {
              source->settle(one.receipt, settlement::acknowledge);
              continue;
            }
            held = bytes_of(one);
            kept = std::move(one.receipt);
          }
          return count == 5;
        },
        60s)); // what was on its way to the source before comes again, at once or after 30 s
    source->settle(kept, settlement::acknowledge);
    CAF_CHECK_GREATER_OR_EQUAL(held, stays);
  }
}

// Newer servers say that a request has got all it asked for, and that bytes are left.
CAF_TEST(a request follows the one before it without a pause) {
  publish_sizes(std::vector<std::size_t>(600, 100));
  const auto began = steady::now();
  take_all(600, {4, megabyte}); // two hundred turns
  CAF_CHECK_LESS(steady::now() - began, 12s);
}

CAF_TEST(a refusal for size says what the stream takes) {
  CAF_REQUIRE_EQUAL(ask("STREAM.DELETE.TRANSACTION_DEAD_LETTERS"), "");
  CAF_REQUIRE_EQUAL(ask("STREAM.CREATE.TRANSACTION_DEAD_LETTERS",
                        R"({"name":"TRANSACTION_DEAD_LETTERS","subjects":["transaction.dead.>"],)"
                        R"("storage":"file","retention":"limits","max_msg_size":5000})"),
                    "");
  auto pub = bus->make_publisher();
  bell rung;
  pub->open(rung.ringer());
  pub->publish({.token = 1,
                .subject = "transaction.dead.deposit",
                .message_id = "a",
                .payload = std::string(6000, 'x')});
  const auto got = answers(*pub, rung);
  CAF_REQUIRE_EQUAL(got.size(), 1u);
  CAF_CHECK(got[0].outcome == publish_outcome::too_large);
  CAF_CHECK_EQUAL(got[0].bytes_max, 5000u);
}

CAF_TEST(a full stream is the world and not the message) {
  CAF_REQUIRE_EQUAL(ask("STREAM.DELETE.TRANSACTION_DEAD_LETTERS"), "");
  CAF_REQUIRE_EQUAL(ask("STREAM.CREATE.TRANSACTION_DEAD_LETTERS",
                        R"({"name":"TRANSACTION_DEAD_LETTERS","subjects":["transaction.dead.>"],)"
                        R"("storage":"file","retention":"limits","discard":"new","max_msgs":1})"),
                    "");
  auto pub = bus->make_publisher();
  bell rung;
  pub->open(rung.ringer());
  for (const bool expected : {true, false}) {
    pub->publish({.token = 1, .subject = "transaction.dead.deposit", .payload = "x"});
    const auto got = answers(*pub, rung);
    CAF_REQUIRE_EQUAL(got.size(), 1u);
    CAF_CHECK(got[0].outcome
              == (expected ? publish_outcome::confirmed : publish_outcome::declined));
  }
}

CAF_TEST(a limit of the server lowered while running is known after the first refusal) {
  auto pub = bus->make_publisher();
  bell rung;
  pub->open(rung.ringer());
  CAF_CHECK_EQUAL(pub->message_bytes_max(), megabyte);
  reload_server("max_payload: 100000");
  auto outcome = publish_outcome::unconfirmed;
  std::size_t limit = 0;
  // The server closes the connection on the first; what it says on the new one counts.
  CAF_CHECK(eventually([&] {
    pub->publish({.token = 1,
                  .subject = "transaction.dead.deposit",
                  .message_id = "b",
                  .payload = std::string(200000, 'x')});
    for (const auto& one : answers(*pub, rung)) {
      outcome = one.outcome;
      limit = one.bytes_max;
    }
    return outcome == publish_outcome::too_large;
  }));
  CAF_CHECK_EQUAL(limit, 100000u);
  CAF_CHECK_EQUAL(pub->message_bytes_max(), 100000u);
  const auto warned =
      broker::connect(options_for(servers().nats_url()), [](auto...) {})->provision({}).warned;
  CAF_CHECK(std::any_of(warned.begin(), warned.end(), [](const auto& each) {
    return each.starts_with("max_payload of nats-server is 100000 bytes");
  }));
  reload_server("max_payload: 1048576");
}

CAF_TEST_FIXTURE_SCOPE_END()
