// Dead letters that their stream does not take.
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "messaging/broker.hpp"
#include "messaging/names.hpp"
#include "messaging/nats/connection.hpp"
#include "messaging/nats/js_api.hpp"
#include "tests/integration/daemon_process.hpp"
#include "tests/support/private_servers.hpp"

#define CAF_SUITE letters
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

constexpr int oversize = 10;

void publish(broker& nats, const std::string& id, std::string payload) {
  std::optional<outgoing> next =
      outgoing{.subject = "transaction.deposit", .message_id = id, .payload = std::move(payload)};
  nats.publish_all([&] { return std::exchange(next, std::nullopt); }, 1, nullptr, 20s);
}

std::string valid_request(int id) {
  return R"({"recordId":)" + std::to_string(id)
         + R"(,"userId":"ann","amount":"10","currency":"KRW"})";
}

template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds within) {
  for (const auto end = std::chrono::steady_clock::now() + within;
       std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(50ms))
    if (condition())
      return true;
  return condition();
}

// A broker on which the dead letters' stream takes only so many bytes, with ten poisons of 100 KB
// and a valid deposit behind them; and a daemon that has room for two messages of each kind.
struct world {
  private_servers servers;
  std::unique_ptr<broker> nats = broker::connect({.url = servers.nats_url()}, nullptr);

  explicit world(int max_msg_size) {
    CAF_REQUIRE(nats->provision({}).empty());
    nats->delete_stream(names::dead_letter_stream);
    const auto side = session::open({.url = servers.nats_url()}, {.name = "test"});
    CAF_REQUIRE_EQUAL(
        ask_jetstream(*side, "STREAM.CREATE.TRANSACTION_DEAD_LETTERS",
                      R"({"name":"TRANSACTION_DEAD_LETTERS","subjects":["transaction.dead.>"],)"
                      R"("storage":"file","retention":"limits","duplicate_window":600000000000,)"
                      R"("max_msg_size":)"
                          + std::to_string(max_msg_size) + "}")
            .error,
        "");
    for (int i = 0; i < oversize; ++i)
      publish(*nats, "poison-" + std::to_string(i), std::string(100 * 1024, 'x'));
    publish(*nats, "valid", valid_request(1));
  }

  std::uint64_t messages(std::string_view stream) { return nats->stream(stream).messages; }
};

} // namespace

CAF_TEST(dead letters too large for their stream are cut to what it takes) {
  world w{20000};
  daemon_process daemon{w.servers, "--max-in-flight 4"};
  CAF_CHECK(eventually([&] { return w.messages(names::result_stream) == 1; }, 30s));
  CAF_CHECK(eventually([&] { return w.messages(names::dead_letter_stream) == oversize; }, 30s));
  const auto letter = w.nats->message(names::dead_letter_stream, 1);
  CAF_REQUIRE(letter);
  CAF_CHECK_LESS(15000u, letter->payload.size());
  std::string truncated;
  for (const auto& each : letter->headers)
    if (each.name == "Ledgerd-Truncated")
      truncated = each.value;
  CAF_CHECK_EQUAL(truncated, std::to_string(100 * 1024));
  CAF_CHECK_EQUAL(daemon.end(), 0);
}

CAF_TEST(ten letters without a place do not stop the deposit behind them and none vanishes) {
  private_servers servers;
  const auto nats = broker::connect({.url = servers.nats_url()}, nullptr);
  CAF_REQUIRE(nats->provision({}).empty());
  daemon_process daemon{servers, "--provision=false --max-in-flight 20"};
  const auto results = [&] { return nats->stream(names::result_stream).messages; };
  publish(*nats, "first", valid_request(1));
  CAF_REQUIRE(eventually([&] { return results() == 1; }, 30s));
  nats->delete_stream(names::dead_letter_stream);
  for (int i = 0; i < oversize; ++i) // as many as the consumer's fetcher has credit
    publish(*nats, "poison-" + std::to_string(i), std::string(100 * 1024, 'x'));
  publish(*nats, "valid", valid_request(2));
  CAF_CHECK(eventually([&] { return results() == 2; }, 20s));
  // The acknowledgement follows the result.
  CAF_CHECK(eventually(
      [&] {
        const auto state = nats->consumer(names::request_stream, "deposit-consumer");
        return state.ack_pending + state.pending == static_cast<std::uint64_t>(oversize);
      },
      20s));
  CAF_REQUIRE(nats->provision({}).empty());
  CAF_CHECK(eventually([&] { return nats->stream(names::dead_letter_stream).messages == oversize; },
                       50s));
  CAF_CHECK_EQUAL(daemon.end(), 0);
}
