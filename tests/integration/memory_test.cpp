// The daemon under a limit of memory: large messages, valid and not, more than it could ever hold.
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "messaging/broker.hpp"
#include "messaging/names.hpp"
#include "tests/integration/daemon_process.hpp"
#include "tests/support/memory_cgroup.hpp"
#include "tests/support/private_servers.hpp"

#define CAF_SUITE memory
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t megabyte = 1 << 20;
constexpr std::size_t limit = 256 * megabyte;
constexpr int poisons = 2000;
constexpr int requests = 12000;

void publish(broker& nats, int count, std::string_view subject,
             const std::function<std::string(int)>& payload) {
  int sent = 0;
  nats.publish_all(
      [&]() -> std::optional<outgoing> {
        if (sent == count)
          return std::nullopt;
        outgoing message{.subject = std::string(subject)};
        message.payload = payload(++sent);
        return message;
      },
      16, nullptr, 60s);
}

std::string valid_request(int id) {
  return R"({"recordId":)" + std::to_string(id) + R"(,"userId":"user-)" + std::to_string(id % 500)
         + R"(","amount":"10","currency":"KRW","note":")" + std::string(62 * 1024, 'x') + "\"}";
}

} // namespace

CAF_TEST(two thousand poisons of 1 MB and twelve thousand requests of 62 KB fit into 256 MB) {
  private_servers servers;
  const auto nats = broker::connect({.url = servers.nats_url()}, nullptr);
  CAF_REQUIRE(nats->provision({}).empty());
  publish(*nats, poisons, "transaction.withdrawal",
          [](int) { return std::string(megabyte - 1024, 'x'); });
  publish(*nats, requests, "transaction.deposit", valid_request);
  const memory_cgroup group{limit};
  CAF_MESSAGE((group.limits() ? "in a control group with a limit"
                              : "no control group can be made here: the peak is judged"));
  daemon_process daemon{servers, {}, group.limits() ? group.processes_file() : ""};
  const auto all_stored = [&] {
    return nats->stream(names::dead_letter_stream).messages >= poisons
           && nats->stream(names::result_stream).messages >= requests;
  };
  const auto deadline = std::chrono::steady_clock::now() + 600s;
  std::size_t peak = 0;
  while (daemon.alive() && !all_stored() && std::chrono::steady_clock::now() < deadline) {
    peak = std::max(peak, daemon.peak());
    std::this_thread::sleep_for(200ms);
  }
  CAF_MESSAGE("peak of the process: " << peak / megabyte
                                      << " MB, of its group: " << group.peak() / megabyte << " MB");
  CAF_REQUIRE(daemon.alive()); // not killed for memory
  CAF_CHECK(all_stored());
  CAF_CHECK_EQUAL(nats->stream(names::dead_letter_stream).messages,
                  static_cast<std::uint64_t>(poisons));
  CAF_CHECK_LESS(peak, limit);
  CAF_CHECK_EQUAL(daemon.end(), 0);
}
