// The HTTP server over TLS.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "app/http/certificate.hpp"
#include "app/http/server.hpp"
#include "app/http/socket.hpp"
#include "tests/support/certificates.hpp"

#define CAF_SUITE http_tls
#include "tests/app/http/raw_client.hpp"

#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

const certificates& papers() {
  static const certificates instance;
  return instance;
}

std::shared_ptr<http_certificate> certificate(const std::string& name) {
  http_settings settings;
  settings.http_tls_cert_file = papers().certificate(name);
  settings.http_tls_key_file = papers().key(name);
  return read_http_certificate(settings);
}

std::string complaint_of(const std::string& file, const std::string& key) {
  http_settings settings;
  settings.http_tls_cert_file = file;
  settings.http_tls_key_file = key;
  try {
    read_http_certificate(settings);
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return {};
}

// Believes in the authority of the test and wants to see a certificate for `host`.
class tls_client {
public:
  tls_client(std::uint16_t port, const std::string& host) {
    context_.load_verify_file(papers().authority());
    context_.set_verify_mode(asio::ssl::verify_peer);
    stream_.emplace(io_, context_);
    stream_->set_verify_callback(asio::ssl::host_name_verification(host));
    stream_->lowest_layer().connect({asio::ip::address_v4::loopback(), port});
    stream_->handshake(asio::ssl::stream_base::client, error_);
  }

  bool is_in() const { return !error_; }

  void send(std::string_view text) { asio::write(*stream_, asio::buffer(text), error_); }

  // Up to an empty line.
  std::string head() {
    const auto size =
        asio::read_until(*stream_, asio::dynamic_buffer(received_), "\r\n\r\n", error_);
    auto result = received_.substr(0, size);
    received_.erase(0, size);
    return result;
  }

  // One whole response.
  std::string response() {
    const auto head =
        asio::read_until(*stream_, asio::dynamic_buffer(received_), "\r\n\r\n", error_);
    const auto at = received_.find("Content-Length: ");
    if (error_ || at == std::string::npos)
      return "no answer: " + error_.message();
    const auto size = head + std::stoul(received_.substr(at + 16));
    if (received_.size() < size)
      asio::read(*stream_, asio::dynamic_buffer(received_),
                 asio::transfer_exactly(size - received_.size()), error_);
    auto result = received_.substr(0, size);
    received_.erase(0, size);
    return result;
  }

  std::string ask(std::string_view request) {
    send(request);
    return response();
  }

  // How the peer has ended the connection.
  asio::error_code end() {
    asio::read(*stream_, asio::dynamic_buffer(received_), error_);
    return error_;
  }

private:
  asio::io_context io_;
  asio::ssl::context context_{asio::ssl::context::tls_client};
  std::optional<asio::ssl::stream<asio::ip::tcp::socket>> stream_;
  asio::error_code error_;
  std::string received_;
};

constexpr auto get = "GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct fixture {
  std::unique_ptr<http_server> server;

  fixture() {
    papers().make("first", "DNS:first.example");
    papers().make("second", "DNS:second.example");
    start(10s); // longer than a busy machine holds anything up
  }

  void start(std::chrono::milliseconds time) {
    http_limits limits;
    limits.handshake_time = time;
    limits.header_time = time;
    limits.idle_time = time;
    std::vector<http_route> routes;
    routes.push_back({"GET", "/ok", [](const http_request&, http_responder respond) {
                        respond({200, "text/plain", "ok", {}});
                      }});
    routes.push_back({"GET", "/large", [](const http_request&, http_responder respond) {
                        respond({200, "text/plain", std::string(3 << 20, 'x'), {}});
                      }});
    routes.push_back({"POST", "/ok", [](const http_request& request, http_responder respond) {
                        respond({200, "text/plain", std::to_string(request.body.size()), {}});
                      }});
    server = std::make_unique<http_server>("127.0.0.1", 0, std::move(routes), limits,
                                           certificate("first"));
  }

  tls_client connect(const std::string& host = "first.example") const {
    return {server->port(), host};
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(http_tls_tests, fixture)

CAF_TEST(requests are answered within TLS and the connection is kept) {
  auto client = connect();
  CAF_REQUIRE(client.is_in());
  for (int i = 0; i < 3; ++i)
    CAF_CHECK(client.ask(get).ends_with("ok"));
  const std::string body(65536, 'b');
  CAF_CHECK(
      client.ask("POST /ok HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65536\r\n\r\n" + body)
          .ends_with("65536"));
  client.send("POST /ok HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: "
              "100-continue\r\n\r\n");
  CAF_CHECK_EQUAL(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
  CAF_CHECK(client.ask("ab").ends_with("\r\n\r\n2"));
  CAF_CHECK_EQUAL(client.ask("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").substr(0, 15),
                  "HTTP/1.1 200 OK");
}

CAF_TEST(a connection that ends says so) {
  auto client = connect();
  CAF_CHECK(client.ask("GET /ok HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                .ends_with("ok"));
  CAF_CHECK_EQUAL(client.end().message(), asio::error_code(asio::error::eof).message());
}

CAF_TEST(who speaks no TLS or keeps silent is let go in time) {
  start(300ms);
  const auto ends = [](raw_client& client) {
    client.rest();
    return client.closed();
  };
  raw_client silent{server->port()};
  CAF_CHECK(ends(silent));
  raw_client plain{server->port()};
  plain.send(get);
  CAF_CHECK(ends(plain));
  raw_client half{server->port()};
  half.send(std::string_view{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11});
  CAF_CHECK(ends(half));
  // Within TLS the times are those that hold without.
  start(2s);
  auto slow = connect();
  slow.send("GET /ok HT");
  CAF_CHECK(contains(slow.response(), "408"));
  CAF_CHECK(connect().ask(get).ends_with("ok"));
}

CAF_TEST(new connections are shown the new certificate) {
  auto before = connect();
  CAF_CHECK(before.ask(get).ends_with("ok"));
  server->show(certificate("second"));
  CAF_CHECK(connect("second.example").ask(get).ends_with("ok"));
  CAF_CHECK(!connect("first.example").is_in());
  CAF_CHECK(before.ask(get).ends_with("ok"));
}

CAF_TEST(what is wrong with the files is named) {
  CAF_CHECK(contains(complaint_of(papers().directory() + "/none", papers().key("first")), "/none"));
  CAF_CHECK(contains(complaint_of(papers().certificate("first"), papers().authority()),
                     "http-tls-key-file"));
  CAF_CHECK(contains(complaint_of(papers().certificate("first"), papers().key("second")),
                     "http-tls-key-file"));
}

CAF_TEST(a key that others may read is refused whenever it is read) {
  const auto key = papers().directory() + "/open.key";
  std::filesystem::copy_file(papers().key("first"), key);
  using std::filesystem::perms;
  std::filesystem::permissions(key, perms{0644});
  CAF_CHECK(contains(complaint_of(papers().certificate("first"), key),
                     "http-tls-key-file " + key + " holds secrets but others than its owner"));
  std::filesystem::permissions(key, perms{0600});
  CAF_CHECK_EQUAL(complaint_of(papers().certificate("first"), key), "");
  std::filesystem::remove(key);
}

CAF_TEST(a key is known by its pin) {
  const auto pin = public_key_pin(papers().certificate("first"));
  CAF_CHECK(pin.starts_with("sha256//") && pin.size() == 8 + 44);
  CAF_CHECK(pin != public_key_pin(papers().certificate("second")));
}

CAF_TEST_FIXTURE_SCOPE_END()
