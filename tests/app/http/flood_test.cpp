#include "app/http/server.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <sys/resource.h>
#include <thread>
#include <vector>

#define CAF_SUITE http_flood
#include "tests/app/http/raw_client.hpp"

#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t wanted = 10000;
constexpr std::size_t reserve = 1024 + 500; // the server's own ends, and what a process has open

// How many connections this process may open, after asking for more.
std::size_t connections_max() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur > reserve ? std::min<std::size_t>(wanted, limit.rlim_cur - reserve) : 0;
}

std::size_t resident_bytes() {
  std::size_t total = 0;
  std::size_t resident = 0;
  std::ifstream{"/proc/self/statm"} >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

struct fixture {
  std::atomic<int> held{0};
  std::unique_ptr<http_server> server;
  std::vector<std::chrono::microseconds> latencies;
  std::vector<http_responder> responders;

  fixture() {
    std::vector<http_route> routes;
    routes.push_back({"GET", "/livez",
                      [](const http_request&, auto respond) {
                        respond({200, "application/json", "{\"alive\":true}\n", {}});
                      },
                      true});
    routes.push_back({"GET", "/held", [this](const http_request&, auto respond) {
                        responders.push_back(respond);
                        ++held;
                      }});
    routes.push_back({"POST", "/held", [](const http_request&, auto) {}});
    routes.push_back({"GET", "/large", [](const http_request&, auto respond) {
                        respond({200, "text/plain", std::string(200000, 'x'), {}});
                      }});
    server = std::make_unique<http_server>("127.0.0.1", 0, std::move(routes));
  }

  // Asks for health on a new connection, as a probe does.
  void probe() {
    const auto began = clock::now();
    raw_client client{server->port()};
    client.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    CAF_CHECK_EQUAL(status_of(client.response()), "HTTP/1.1 200 OK");
    latencies.push_back(
        std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - began));
  }

  // The middle one: a single delay may be the machine's.
  void check_latencies(const char* what) {
    std::sort(latencies.begin(), latencies.end());
    const auto median = latencies[latencies.size() / 2];
    std::printf("%s: /livez took %ld us in the middle of %zu, %ld us at most\n", what,
                static_cast<long>(median.count()), latencies.size(),
                static_cast<long>(latencies.back().count()));
#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__) // which takes its time
    CAF_CHECK(median < 3000ms);
#else
    CAF_CHECK(median < 1000ms); // as long as Kubernetes waits; a quiet machine takes a few
#endif
    latencies.clear();
  }
};

// A socket that is there before it is needed.
class unconnected_client {
public:
  unconnected_client() : socket_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {}
  unconnected_client(const unconnected_client&) = delete;
  unconnected_client& operator=(const unconnected_client&) = delete;
  ~unconnected_client() { close(socket_); }

  // The beginning of the answer, within five seconds.
  std::string ask(std::uint16_t port, std::string_view request) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      return "not connected";
    ::send(socket_, request.data(), request.size(), MSG_NOSIGNAL);
    pollfd wait{socket_, POLLIN, 0};
    char buffer[1024];
    const auto size = poll(&wait, 1, 5000) == 1 ? recv(socket_, buffer, sizeof buffer, 0) : 0;
    return {buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

private:
  int socket_;
};

// What one connection of the flood sends: nothing, half a header, half a body, or questions for
// more than it will ever read.
std::string opening(std::size_t number) {
  switch (number % 16) {
  case 1:
  case 2:
  case 3:
    return "GET /livez HTTP/1.1\r\nHost: x\r\nX: " + std::string(7000, 'a');
  case 4:
  case 5:
  case 6:
    return "POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n"
           + std::string(60000, 'b');
  case 7: {
    std::string requests;
    for (int i = 0; i < 100; ++i)
      requests += "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
    return requests;
  }
  default:
    return {};
  }
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(http_flood_tests, fixture)

CAF_TEST(ten thousand idle and slow connections leave health checks alone and memory bounded) {
  const auto count = connections_max();
  const auto before = resident_bytes();
  std::vector<raw_client> flood;
  flood.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    flood.emplace_back(server->port());
    flood.back().offer(opening(i));
    if (i % 250 == 0)
      probe();
  }
  std::printf("%zu of %zu connections opened\n", flood.size(), wanted);
  CAF_REQUIRE(flood.size() > 1024); // else the limit was not even reached
  check_latencies("while they open");
  for (int round = 0; round < 20; ++round) {
    for (std::size_t i = static_cast<std::size_t>(round); i < flood.size(); i += 20)
      flood[i].offer("c");
    probe();
  }
  check_latencies("while they trickle");
  const auto grown = resident_bytes() - std::min(before, resident_bytes());
  std::printf("memory grew by %zu KiB\n", grown / 1024);
#ifndef __SANITIZE_ADDRESS__ // which keeps freed memory
  // Each of the places may hold a header, a body, and an answer that nobody reads.
  CAF_CHECK(grown < std::size_t{1024} * (8 + 64 + 200 + 32) * 1024);
#endif
}

CAF_TEST(connections that wait at a route for long leave health checks alone) {
  std::vector<raw_client> waiting;
  for (int i = 0; i < 250; ++i) { // even a small process lets a client wait so often
    waiting.emplace_back(server->port());
    waiting.back().send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  while (held < 250)
    std::this_thread::sleep_for(1ms);
  std::vector<raw_client> flood;
  for (std::size_t i = 0; i < std::min<std::size_t>(2000, connections_max()); ++i) {
    flood.emplace_back(server->port());
    flood.back().offer(opening(i));
    if (i % 100 == 0)
      probe();
  }
  check_latencies("beside those who wait");
  // None of those who wait had to make room.
  for (const auto& respond : responders)
    respond({200, "text/plain", "done", {}});
  for (auto& client : waiting)
    CAF_CHECK(client.response().ends_with("done"));
}

CAF_TEST(a health check is answered when the process may open no more files) {
  raw_client resting{server->port()};
  probe(); // so that the other one has been accepted
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  // The probes' ends are opened beforehand; the server's would be the next. The limit stays for all
  // of them: one that sank would forbid numbers that the server holds already.
  std::array<unconnected_client, 3> clients;
  const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(next);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);
  setrlimit(RLIMIT_NOFILE, &none);
  std::vector<std::string> answers;
  for (auto& client : clients)
    answers.push_back(client.ask(server->port(), "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"));
  setrlimit(RLIMIT_NOFILE, &before);
  for (const auto& answer : answers)
    CAF_CHECK_EQUAL(status_of(answer), "HTTP/1.1 200 OK");
  probe();
  resting.rest(200ms);
  CAF_CHECK(resting.closed()); // it made room
}

CAF_TEST_FIXTURE_SCOPE_END()
