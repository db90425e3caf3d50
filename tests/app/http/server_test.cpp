#include "app/http/server.hpp"

#include <atomic>
#include <ctime>
#include <future>
#include <mutex>
#include <thread>

#include "app/http/refusals.hpp"

#define CAF_SUITE http_server
#include "tests/app/http/raw_client.hpp"

#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

using clock = std::chrono::steady_clock;

constexpr auto get_ok = "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n";

constexpr auto calm = 10s; // longer than a busy machine holds anything up
constexpr auto brief = 300ms;

// A server with routes that answer at once, never, on demand, or throw. Its times are short only
// where a test looks at their end.
struct fixture {
  std::promise<http_responder> held;
  std::atomic<int> calls{0};
  std::atomic<int> unanswered{0};
  std::string last_body;
  std::unique_ptr<http_server> server;

  fixture() { start(timed({})); }

  // The same limits with this time for everything.
  static http_limits timed(http_limits limits, std::chrono::milliseconds time = calm) {
    limits.header_time = time;
    limits.body_time = time;
    limits.handle_time = time;
    limits.idle_time = time;
    return limits;
  }

  void start(http_limits limits) {
    std::vector<http_route> routes;
    const auto on = [&](const char* method, const char* path, http_handler handle) {
      routes.push_back({method, path, std::move(handle)});
    };
    on("GET", "/ok", [this](const http_request& request, http_responder respond) {
      ++calls;
      respond(
          {200, "text/plain", "ok " + (request.query.empty() ? "" : request.query[0].first), {}});
    });
    on("POST", "/ok", [this](const http_request& request, http_responder respond) {
      last_body = request.body;
      const auto size = std::to_string(request.body.size());
      respond({200, "text/plain", size, {{"X-A", "b\r\nX-Forged: c"}}});
    });
    on("GET", "/held",
       [this](const http_request&, http_responder respond) { held.set_value(respond); });
    on("GET", "/never", [this](const http_request&, http_responder) { ++unanswered; });
    on("GET", "/throws",
       [](const http_request&, http_responder) { throw std::runtime_error{"broken"}; });
    on("GET", "/health", [](const http_request&, http_responder respond) {
      respond({200, "text/plain", "ok", {}});
    });
    routes.back().health = true;
    on("GET", "/unwell", [](const http_request&, http_responder respond) {
      respond(http_problem(503, "UNAVAILABLE", "not ready"));
    });
    routes.back().health = true;
    server = std::make_unique<http_server>("127.0.0.1", 0, std::move(routes), limits);
  }

  // So many requests have come to the route that never answers.
  bool reach_never(int count) const {
    for (const auto end = clock::now() + calm; unanswered < count && clock::now() < end;)
      std::this_thread::sleep_for(1ms);
    return unanswered == count;
  }

  raw_client connect() const { return raw_client{server->port()}; }

  std::string ask(std::string_view request) const {
    auto client = connect();
    client.send(request);
    return client.response();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(http_server_tests, fixture)

CAF_TEST(what is refused counts by its code unless it was about health) {
  auto client = connect();
  const auto counted = [&](const std::string& path) {
    const auto before = http_refusals();
    client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    client.response();
    std::string result;
    for (const auto& [code, count] : http_refusals()) {
      const auto known = before.find(code);
      if (count != (known == before.end() ? 0 : known->second))
        result += code + " ";
    }
    return result;
  };
  CAF_CHECK_EQUAL(counted("/ok"), "");
  CAF_CHECK_EQUAL(counted("/missing"), "NOT_FOUND ");
  CAF_CHECK_EQUAL(counted("/unwell"), "");
  CAF_CHECK_EQUAL(counted("/missing"), "NOT_FOUND "); // also after it on the same connection
  CAF_CHECK_EQUAL(counted("/throws"), "INTERNAL ");
}

CAF_TEST(a request is answered and the connection kept) {
  auto client = connect();
  for (int i = 0; i < 3; ++i) {
    client.send("GET /ok?verbose HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto answer = client.response();
    CAF_CHECK_EQUAL(status_of(answer), "HTTP/1.1 200 OK");
    CAF_CHECK(contains(answer, "Connection: keep-alive"));
    CAF_CHECK(answer.ends_with("ok verbose"));
  }
}

CAF_TEST(HTTP 1.0 and Connection close end the connection) {
  for (const char* request :
       {"GET /ok HTTP/1.0\r\n\r\n", "GET /ok HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"}) {
    auto client = connect();
    client.send(request);
    const auto answer = client.rest();
    CAF_CHECK(contains(answer, "Connection: close"));
    CAF_CHECK(client.closed());
  }
}

CAF_TEST(HEAD answers without a body) {
  auto client = connect();
  client.send("HEAD /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto answer = client.rest();
  CAF_CHECK_EQUAL(status_of(answer), "HTTP/1.1 200 OK");
  CAF_CHECK(contains(answer, "Content-Length: 3\r\n"));
  CAF_CHECK(answer.ends_with("\r\n\r\n"));
}

CAF_TEST(wrong paths and methods have codes of their own) {
  const auto missing = ask("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
  CAF_CHECK_EQUAL(status_of(missing), "HTTP/1.1 404 Not Found");
  CAF_CHECK(contains(missing, "Content-Type: application/problem+json"));
  CAF_CHECK(contains(missing, "\"code\":\"NOT_FOUND\""));
  const auto method = ask("DELETE /ok HTTP/1.1\r\nHost: x\r\n\r\n");
  CAF_CHECK_EQUAL(status_of(method), "HTTP/1.1 405 Method Not Allowed");
  CAF_CHECK(contains(method, "Allow: GET, HEAD, POST\r\n"));
  CAF_CHECK(contains(method, "\"code\":\"METHOD_NOT_ALLOWED\""));
}

CAF_TEST(what is not HTTP gets 400 and the end) {
  for (const char* nonsense :
       {"hello\r\n\r\n", "G ET /ok HTTP/1.1\r\nHost: x\r\n\r\n", "GET /ok HTTP/9.9.9\r\n\r\n",
        "GET /ok HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        "POST /ok HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n12345"}) {
    auto client = connect();
    client.send(nonsense);
    const auto answer = client.rest();
    CAF_CHECK_EQUAL(std::make_pair(std::string{nonsense}, status_of(answer)),
                    std::make_pair(std::string{nonsense}, std::string{"HTTP/1.1 400 Bad Request"}));
    CAF_CHECK(client.closed());
  }
}

CAF_TEST(header limits answer 431 by bytes and by count) {
  const auto long_value =
      "GET /ok HTTP/1.1\r\nHost: x\r\nX: " + std::string(9000, 'a') + "\r\n\r\n";
  const auto long_name = "GET /ok HTTP/1.1\r\nHost: x\r\n" + std::string(9000, 'a') + ": 1\r\n\r\n";
  const auto long_url = "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto blanks = "GET /ok HTTP/1.1\r\nHost: x\r\nX:" + std::string(9000, ' ') + "1\r\n\r\n";
  auto many = std::string{"GET /ok HTTP/1.1\r\nHost: x\r\n"};
  for (int i = 0; i < 65; ++i)
    many += "X: 1\r\n";
  for (const auto& request :
       {long_value, long_name, long_url, blanks, many + "\r\n",
        std::string{"GET /ok HTTP/1.1\r\nHost: x\r\nX: "} + std::string(1000000, 'a')}) {
    auto client = connect();
    client.send(request);
    const auto answer = client.rest();
    CAF_CHECK_EQUAL(status_of(answer), "HTTP/1.1 431 Request Header Fields Too Large");
    CAF_CHECK(contains(answer, "\"code\":\"HEADERS_TOO_LARGE\""));
    CAF_CHECK(client.closed());
  }
  CAF_CHECK_EQUAL(calls.load(), 0);
  const auto fits = "GET /ok HTTP/1.1\r\nHost: x\r\nX: " + std::string(8000, 'a') + "\r\n\r\n";
  CAF_CHECK_EQUAL(status_of(ask(fits)), "HTTP/1.1 200 OK");
}

CAF_TEST(a body of 64 KiB is taken and one byte more answers 413) {
  const std::string largest(64 * 1024, 'b');
  const auto head = [](std::size_t size) {
    return "POST /ok HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
  };
  CAF_CHECK(ask(head(largest.size()) + largest).ends_with("65536"));
  CAF_CHECK_EQUAL(last_body.size(), largest.size());
  auto client = connect();
  client.send(head(largest.size() + 1)); // refused by its length alone
  const auto answer = client.rest();
  CAF_CHECK_EQUAL(status_of(answer), "HTTP/1.1 413 Payload Too Large");
  CAF_CHECK(contains(answer, "\"code\":\"TOO_LARGE\""));
}

CAF_TEST(a body of unknown length is refused before it comes) {
  for (const std::string coding :
       {"Transfer-Encoding: chunked", "transfer-encoding:identity",
        "Transfer-Encoding:", "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5"}) {
    auto client = connect();
    client.send("POST /ok HTTP/1.1\r\nHost: x\r\n" + coding + "\r\n\r\n");
    const auto answer = client.rest();
    CAF_CHECK_EQUAL(std::make_pair(coding, status_of(answer)),
                    std::make_pair(coding, std::string{"HTTP/1.1 411 Length Required"}));
    CAF_CHECK(client.closed());
  }
}

CAF_TEST(who waits for a word before the body gets it at once) {
  start(timed({}));
  auto client = connect();
  const std::string head =
      "POST /ok HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: ";
  client.send(head + "3\r\n\r\n");
  // When the time for the body is over it would be another answer.
  CAF_CHECK_EQUAL(client.read_until([](const auto& text) { return text.ends_with("\r\n\r\n"); }),
                  "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  CAF_CHECK(client.response().ends_with("3"));
  // Who sends the body without waiting is not told to; who has too large a one neither.
  client.send(head + "3\r\n\r\ndef");
  CAF_CHECK_EQUAL(status_of(client.response()), "HTTP/1.1 200 OK");
  client.send(head + "70000\r\n\r\n");
  CAF_CHECK_EQUAL(status_of(client.response()), "HTTP/1.1 413 Payload Too Large");
  CAF_CHECK_EQUAL(
      status_of(ask("POST /ok HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 1\r\n\r\na")),
      "HTTP/1.1 417 Expectation Failed");
}

CAF_TEST(an answer says when it was given) {
  const auto answer = ask(get_ok);
  const auto at = answer.find("\r\nDate: ");
  CAF_REQUIRE(at != std::string::npos);
  std::tm said{};
  const auto text = answer.substr(at + 8, 29);
  CAF_REQUIRE(strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &said) != nullptr);
  const auto off = std::time(nullptr) - timegm(&said);
  CAF_CHECK(off >= 0 && off <= 5);
}

CAF_TEST(what goes on too long in other places does not keep health out) {
  http_limits few;
  few.connections = 32;
  start(timed(few, 3s)); // the clients give up after five
  std::vector<raw_client> busy;
  const auto ask_forever = [&] {
    busy.push_back(connect());
    busy.back().send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
  };
  // A client of one name gets three quarters of the places, another one of the rest.
  for (int i = 0; i < 18; ++i)
    ask_forever();
  CAF_REQUIRE(reach_never(18));
  std::string refused = ask("GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
  CAF_CHECK_EQUAL(status_of(refused), "HTTP/1.1 503 Service Unavailable");
  CAF_CHECK(contains(refused, "too many requests are being worked on"));
  CAF_CHECK(contains(refused, "Retry-After: 1\r\n"));
  CAF_CHECK_EQUAL(status_of(ask("GET /ok HTTP/1.1\r\nHost: x\r\nAuthorization: B c\r\n\r\n")),
                  "HTTP/1.1 200 OK");
  for (int i = 0; i < 5; ++i)
    CAF_CHECK_EQUAL(status_of(ask("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")), "HTTP/1.1 200 OK");
  // The places are given back when those who wait are answered, that is, in time.
  for (auto& client : busy)
    CAF_CHECK_EQUAL(status_of(client.response()), "HTTP/1.1 503 Service Unavailable");
  CAF_CHECK_EQUAL(status_of(ask(get_ok)), "HTTP/1.1 200 OK");
}

CAF_TEST(the answer to an oversized body arrives although the client goes on sending) {
  auto client = connect();
  client.send("POST /ok HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n");
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(20ms); // long enough for a reset, if one came
    CAF_CHECK(client.send(std::string(100000, 'd')));
  }
  CAF_CHECK_EQUAL(status_of(client.rest()), "HTTP/1.1 413 Payload Too Large");
}

CAF_TEST(slow clients are closed in time whatever they trickle) {
  start(timed({}, brief));
  for (const std::string part : {"", "GET /ok HTTP/1.1\r\nHost: x\r\nX: ",
                                 "POST /ok HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"}) {
    auto client = connect();
    const auto began = clock::now();
    client.send(part);
    std::string answer;
    while (!client.closed() && clock::now() - began < calm) {
      if (!part.empty())
        client.send("a");
      answer += client.read_until([](const std::string&) { return false; }, 60ms);
    }
    CAF_CHECK(client.closed());
    CAF_CHECK_EQUAL(status_of(answer), "HTTP/1.1 408 Request Timeout");
  }
}

CAF_TEST(an idle connection is closed without a word) {
  auto limits = timed({});
  limits.idle_time = brief;
  start(limits);
  auto client = connect();
  client.send(get_ok);
  CAF_CHECK_EQUAL(status_of(client.response()), "HTTP/1.1 200 OK");
  CAF_CHECK_EQUAL(client.rest(), "");
  CAF_CHECK(client.closed());
}

CAF_TEST(pipelined requests are answered one after another and in order) {
  auto client = connect();
  std::string requests;
  for (int i = 0; i < 50; ++i)
    requests += "GET /ok?" + std::to_string(i) + "_ HTTP/1.1\r\nHost: x\r\n\r\n";
  client.send(requests);
  const auto text = client.read_until([](const std::string& t) { return contains(t, "ok 49_"); });
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = text.find("ok " + std::to_string(i) + "_", at);
    CAF_REQUIRE(at != std::string::npos);
  }
  CAF_CHECK_EQUAL(calls.load(), 50);
}

CAF_TEST(a second request does not start before the first is answered) {
  auto client = connect();
  client.send(std::string{"GET /held HTTP/1.1\r\nHost: x\r\n\r\n"} + get_ok);
  const auto respond = held.get_future().get();
  CAF_CHECK_EQUAL(client.read_until([](const std::string&) { return false; }, 100ms), "");
  CAF_CHECK_EQUAL(calls.load(), 0);
  respond({200, "text/plain", "first", {}});
  const auto text = client.read_until([](const std::string& t) { return contains(t, "ok "); });
  CAF_CHECK(text.find("first") < text.find("ok "));
}

CAF_TEST(a route that never answers gives 503 and a late answer does nothing) {
  auto limits = timed({});
  limits.handle_time = brief;
  start(limits);
  CAF_CHECK_EQUAL(status_of(ask("GET /never HTTP/1.1\r\nHost: x\r\n\r\n")),
                  "HTTP/1.1 503 Service Unavailable");
  auto client = connect();
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto respond = held.get_future().get();
  CAF_CHECK(contains(client.response(), "Retry-After: 1\r\n"));
  client.send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
  CAF_REQUIRE(reach_never(2));
  respond({200, "text/plain", "late", {}});
  const auto next = client.response();
  CAF_CHECK_EQUAL(status_of(next), "HTTP/1.1 503 Service Unavailable");
  CAF_CHECK(!contains(next, "late"));
}

CAF_TEST(a route that throws gives 500 and the server lives) {
  CAF_CHECK_EQUAL(status_of(ask("GET /throws HTTP/1.1\r\nHost: x\r\n\r\n")),
                  "HTTP/1.1 500 Internal Server Error");
  CAF_CHECK_EQUAL(status_of(ask(get_ok)), "HTTP/1.1 200 OK");
}

CAF_TEST(the value of a header cannot forge another header) {
  CAF_CHECK(
      !contains(ask("POST /ok HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), "\r\nX-Forged"));
}

CAF_TEST(an upgrade is answered as the plain request that it is) {
  auto client = connect();
  client.send("GET /ok HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  CAF_CHECK_EQUAL(status_of(client.rest()), "HTTP/1.1 200 OK");
  CAF_CHECK(client.closed());
}

CAF_TEST(two hundred silent connections do not keep a health check out) {
  std::vector<raw_client> silent;
  for (int i = 0; i < 200; ++i)
    silent.push_back(connect());
  CAF_CHECK_EQUAL(status_of(ask(get_ok)), "HTTP/1.1 200 OK");
}

CAF_TEST(at most so many connections are open and the oldest idle one makes room) {
  http_limits few;
  few.connections = 4;
  start(timed(few));
  auto working = connect();
  working.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto respond = held.get_future().get();
  std::vector<raw_client> silent;
  for (int i = 0; i < 4; ++i)
    silent.push_back(connect());
  silent.front().rest();
  CAF_CHECK(silent.front().closed());
  respond({200, "text/plain", "kept", {}});
  CAF_CHECK(working.response().ends_with("kept"));
}

CAF_TEST(stopping with open connections closes them and later answers do nothing) {
  std::vector<raw_client> clients;
  for (int i = 0; i < 20; ++i)
    clients.push_back(connect());
  clients[0].send("GET /ok HTTP/1.1\r\nHost: x\r\nX: ");
  clients[1].send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto respond = held.get_future().get();
  server->stop();
  respond({200, "text/plain", "too late", {}});
  server.reset();
  respond({200, "text/plain", "later still", {}});
  for (auto& client : clients) {
    CAF_CHECK_EQUAL(client.rest(), "");
    CAF_CHECK(client.closed());
  }
}

CAF_TEST(answers from many threads race with the stop without harm) {
  std::vector<http_responder> responders;
  std::mutex mutex;
  std::vector<http_route> routes;
  routes.push_back({"GET", "/collect", [&](const http_request&, http_responder respond) {
                      const std::lock_guard lock{mutex};
                      responders.push_back(std::move(respond));
                    }});
  auto other = std::make_unique<http_server>("127.0.0.1", 0, std::move(routes));
  std::vector<raw_client> clients;
  for (int i = 0; i < 50; ++i) {
    clients.emplace_back(other->port());
    clients.back().send("GET /collect HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  const auto collected = [&] {
    const std::lock_guard lock{mutex};
    return responders.size();
  };
  while (collected() < clients.size())
    std::this_thread::sleep_for(1ms);
  std::thread answering{[&] {
    for (const auto& respond : responders)
      respond({200, "text/plain", "x", {}});
  }};
  other->stop();
  other.reset();
  answering.join();
  CAF_CHECK_EQUAL(responders.size(), 50u);
}

CAF_TEST(an address in use or not an address is a clear error) {
  const auto refused = [](const char* host, std::uint16_t port) {
    try {
      const http_server other{host, port, {}};
      return std::string{};
    } catch (const std::runtime_error& e) {
      return std::string{e.what()};
    }
  };
  CAF_CHECK(contains(refused("127.0.0.1", server->port()), "cannot listen on 127.0.0.1:"));
  CAF_CHECK(contains(refused("localhost", 0), "is not an IP address"));
}

CAF_TEST_FIXTURE_SCOPE_END()
