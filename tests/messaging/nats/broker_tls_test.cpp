// NATS over TLS: who is let in, who is believed, and what becomes of a link.
#include <array>
#include <fstream>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/messaging/nats/broker_access_fixture.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/nats_process.hpp"

#define CAF_SUITE broker_tls
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

const certificates& papers() {
  static const certificates instance;
  return instance;
}

std::string server_configuration(const std::string& name, bool asks_clients) {
  return "jetstream { store_dir: \"$directory/js\" }\ntls { cert_file: \""
         + papers().certificate(name) + "\", key_file: \"" + papers().key(name) + "\", ca_file: \""
         + papers().authority() + "\", timeout: 20, verify: " + (asks_clients ? "true" : "false")
         + " }";
}

broker_options secure(const nats_process& server, const std::string& host = "localhost") {
  auto options = options_for("tls://" + host + ":" + std::to_string(server.port()));
  options.ca_file = papers().authority();
  return options;
}

struct refusal {
  bool refused = false; // trying again does not help
  std::string why;      // empty: let in
};

refusal attempt(const broker_options& options) {
  event_log ignored;
  try {
    broker::connect(options, ignored.observer());
    return {};
  } catch (const broker_refused& e) {
    return {true, e.what()};
  } catch (const std::runtime_error& e) {
    return {false, e.what()};
  }
}

bool says(const refusal& got, std::string_view part) {
  CAF_MESSAGE(got.why);
  return got.refused && got.why.find(part) != std::string::npos;
}

// Greets like a server that wants TLS, and keeps silent then.
class silent_server {
public:
  silent_server() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (listener_ < 0 || bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0
        || listen(listener_, 16) != 0
        || getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("cannot listen");
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { greet(); });
  }

  ~silent_server() {
    stop_ = true;
    thread_.join();
    close(listener_);
  }

  std::uint16_t port = 0;

private:
  void greet() {
    std::vector<int> clients;
    while (!stop_) {
      pollfd waiting{listener_, POLLIN, 0};
      if (poll(&waiting, 1, 50) <= 0)
        continue;
      clients.push_back(accept(listener_, nullptr, nullptr));
      constexpr std::string_view greeting =
          R"(INFO {"server_id":"x","version":"2.9.10","max_payload":1048576,"tls_required":true})"
          "\r\n";
      send(clients.back(), greeting.data(), greeting.size(), MSG_NOSIGNAL);
    }
    for (const int each : clients)
      close(each);
  }

  int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

struct fixture {
  fixture() {
    papers().make("server", "DNS:localhost,IP:127.0.0.1");
    papers().make("stranger", "DNS:elsewhere.example");
    papers().make("client", "DNS:ledgerd");
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(tls_tests, fixture)

CAF_TEST(a server is believed whose certificate is for the name in the url) {
  const nats_process server(server_configuration("server", false));
  for (const auto* host : {"localhost", "127.0.0.1"}) {
    event_log events;
    const auto bus = broker::connect(secure(server, host), events.observer());
    CAF_CHECK_EQUAL(exercise(*bus), "");
    CAF_CHECK_EQUAL(events.count(link_event::error), 0u);
  }
}

CAF_TEST(a server is refused that is another one or unknown or has no TLS) {
  const nats_process stranger(server_configuration("stranger", false));
  CAF_CHECK(says(attempt(secure(stranger)), "ostname mismatch"));
  CAF_CHECK(says(attempt(secure(stranger, "127.0.0.1")), "mismatch"));
  const nats_process server(server_configuration("server", false));
  auto unknown = secure(server);
  unknown.ca_file.clear();
  CAF_CHECK(says(attempt(unknown), "issuer"));
  const nats_process plain("");
  CAF_CHECK(says(attempt(secure(plain)), ""));
  auto no_file = secure(server);
  no_file.ca_file = papers().directory() + "/none";
  CAF_CHECK(attempt(no_file).why.find(no_file.ca_file) != std::string::npos);
}

CAF_TEST(a client is let in that shows its certificate) {
  const nats_process server(server_configuration("server", true));
  auto options = secure(server);
  CAF_CHECK(!attempt(options).why.empty());
  options.certificate_file = papers().certificate("client");
  options.key_file = papers().key("client");
  event_log events;
  CAF_CHECK_EQUAL(exercise(*broker::connect(options, events.observer())), "");
}

// Over TLS every new connection is a new session, with the files as they are then.
CAF_TEST(a link comes back and reads its files again) {
  nats_process server(server_configuration("server", true));
  auto options = secure(server);
  options.certificate_file = papers().certificate("client");
  options.key_file = papers().key("client");
  event_log events;
  const auto bus = broker::connect(options, events.observer());
  CAF_CHECK_EQUAL(exercise(*bus), "");
  server.kill();
  CAF_CHECK(eventually([&] { return !bus->connected(); }));
  std::ofstream{papers().certificate("client")} << "no certificate\n";
  papers().make("server", "DNS:localhost,IP:127.0.0.1");
  server.start();
  CAF_CHECK(eventually(
      [&] { return events.count(link_event::error, papers().certificate("client")) > 0; }));
  CAF_CHECK(!bus->connected());
  papers().make("client", "DNS:ledgerd");
  CAF_CHECK(eventually([&] { return bus->connected(); }));
  CAF_CHECK_EQUAL(exercise(*bus), "");
  CAF_CHECK(events.count(link_event::rebuilt) >= 1);
}

CAF_TEST(a handshake that does not end is given up) {
  const silent_server server;
  auto options = options_for("tls://localhost:" + std::to_string(server.port));
  options.connect_timeout = 1000ms;
  const auto begun = steady::now();
  const auto got = attempt(options);
  const auto took = steady::now() - begun;
  CAF_MESSAGE(got.why);
  CAF_CHECK(!got.refused && got.why.find("no TLS handshake within 1000 ms") != std::string::npos);
  CAF_CHECK(took >= 900ms && took < 8s);
}

CAF_TEST_FIXTURE_SCOPE_END()
