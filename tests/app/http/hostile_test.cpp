#include "app/api/submission_routes.hpp"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <regex>

#include "app/http/access.hpp"
#include "app/operations/routes.hpp"

#define CAF_SUITE http_hostile
#include "tests/app/api/fake_submission_api.hpp"
#include "tests/app/http/raw_client.hpp"
#include "tests/app/temporary_file.hpp"

#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

const std::string token(32, 't');

// All routes behind a token that may do everything but operate.
struct fixture {
  temporary_file file{"till read,submit " + token + "\n"};
  std::shared_ptr<fake_submission_api> api = std::make_shared<fake_submission_api>();
  http_server server{"127.0.0.1", 0, routes()};

  std::vector<http_route> routes() const {
    http_settings settings;
    settings.http_token_file = file.path();
    http_routes daemon;
    daemon.readiness = [](auto, auto answer) { answer({{"database", true, ""}}); };
    daemon.metrics = [](auto answer) { answer({}); };
    daemon.actors = [](auto answer) { answer({}); };
    auto all = make_routes(std::move(daemon));
    for (auto& route : make_submission_routes(api))
      all.push_back(std::move(route));
    return guard_routes(std::move(all), read_http_access(settings));
  }

  // What a caller without a key gets from a node that has no token file.
  std::string open_answer(const std::string& bytes) {
    auto all = make_submission_routes(api);
    const http_server open{"127.0.0.1", 0, guard_routes(std::move(all), http_access{})};
    raw_client client{open.port()};
    client.send(bytes);
    client.finish();
    return client.rest(2000ms);
  }

  // The statuses of all answers that come before the connection is quiet or closed.
  std::vector<int> statuses(const std::string& bytes) const {
    raw_client client{server.port()};
    client.send(bytes);
    client.finish();
    const auto text = client.rest(2000ms);
    static const std::regex head{"HTTP/1\\.1 (\\d\\d\\d) [^\r\n]*\r\nDate: "};
    std::vector<int> result;
    for (std::sregex_iterator found{text.begin(), text.end(), head}, end; found != end; ++found)
      result.push_back(std::stoi((*found)[1]));
    return result;
  }
};

std::string with_token(const std::string& line, const std::string& headers = "",
                       const std::string& body = "") {
  return line + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n" + headers
         + (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n"
         + body;
}

const std::string json = "Content-Type: application/json\r\n";

} // namespace

CAF_TEST_FIXTURE_SCOPE(http_hostile_tests, fixture)

CAF_TEST(hostile requests get the right refusal) {
  const std::pair<std::string, int> table[] = {
      {with_token("GET /livez"), 200},
      {"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 200},
      {"GET /readyz?verbose HTTP/1.1\r\nHost: x\r\n\r\n", 401},
      {"GET /readyz?%76erbose HTTP/1.1\r\nHost: x\r\n\r\n", 401}, // the decoded name counts
      {with_token("GET /readyz?verbose"), 403},
      {"GET /readyz?for=submit HTTP/1.1\r\nHost: x\r\n\r\n", 200},
      {"GET /readyz?for=all HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {with_token("GET /metrics"), 403},
      {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 401},
      {"GET //metrics HTTP/1.1\r\nHost: x\r\n\r\n", 404},
      {"GET /metrics/ HTTP/1.1\r\nHost: x\r\n\r\n", 404},
      {"GET /./metrics HTTP/1.1\r\nHost: x\r\n\r\n", 404},
      {"GET /v1/accounts/../../metrics HTTP/1.1\r\nHost: x\r\n\r\n", 404},
      {"GET /%6detrics HTTP/1.1\r\nHost: x\r\n\r\n", 404},
      {"GET /v1/accounts/.. HTTP/1.1\r\nHost: x\r\n\r\n", 401},
      {"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 401},
      {"POST /v1/transactions HTTP/1.1\r\nHost: x\r\n" + json + "Content-Length: 2\r\n\r\n{}", 401},
      {with_token("POST /v1/transactions", json, "{}"), 202},
      {with_token("POST /v1/transactions", json, "{"), 400},
      {with_token("POST /v1/transactions", json, "\xff\xfe"), 400},
      {with_token("POST /v1/transactions", json), 400}, // no body at all
      {with_token("POST /v1/transactions", "", "{}"), 415},
      {with_token("POST /v1/transactions", json, std::string(65537, '{')), 413},
      {with_token("POST /v1/transactions", json + "Content-Length: 99999999999999999999\r\n"), 400},
      {with_token("POST /v1/transactions", json + "Content-Length: -1\r\n"), 400},
      {with_token("POST /v1/transactions", json + "Content-Length: 2\r\n", "{}"), 400},
      {with_token("POST /v1/transactions/5", json, "{}"), 405},
      {with_token("PUT /v1/transactions", json, "{}"), 405},
      {with_token("OPTIONS /v1/transactions"), 405},
      {with_token("TRACE /v1/transactions"), 405},
      {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404},
      {"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n", 404},
      {"GET http://127.0.0.1/livez HTTP/1.1\r\nHost: x\r\n\r\n", 200},
      {"GET ftp://127.0.0.1/livez HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"\x16\x03\x01\x02\x01\x01", 400}, // a TLS greeting
      {"GET /livez\r\n\r\n", 400},
      {std::string("GET /liv\0ez HTTP/1.1\r\nHost: x\r\n\r\n", 25), 400},
      {"GET /livez HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n", 400},
      {"GET /livez HTTP/1.1\r\nHost: x\r\n: nameless\r\n\r\n", 400},
      {"GET /livez HTTP/1.1\r\nHost: x\r\nX y: z\r\n\r\n", 400},
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
      {with_token("GET /v1/accounts/a/transactions?limit=" + std::string(7000, '9')), 200},
  };
  for (const auto& [bytes, wanted] : table) {
    const auto given = statuses(bytes);
    const auto shown = bytes.substr(0, 90);
    CAF_CHECK_EQUAL(std::make_pair(shown, given.empty() ? 0 : given.front()),
                    std::make_pair(shown, wanted));
  }
  CAF_CHECK(statuses("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n") == std::vector<int>{200});
}

CAF_TEST(no attack on the framing gets a second request in) {
  const std::string post =
      "POST /v1/transactions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n" + json;
  const std::string hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto get = [](const std::string& lines) { return "GET /livez HTTP/1.1\r\n" + lines; };
  const std::pair<std::string, int> table[] = {
      // Bodies that say their length in two ways, or in a way that some read otherwise.
      {post + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}XY0\r\n\r\n" + hidden, 411},
      {post + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nHost: y\r\n\r\n" + hidden, 411},
      {post + "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n" + hidden, 411},
      {post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden, 411},
      {post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}" + hidden, 411},
      {post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden, 411},
      {post + "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, 400},
      {post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + hidden, 400},
      {post + "Content-Length: 2\r\nContent-Length: 35\r\n\r\n{}" + hidden, 400},
      {post + "Content-Length: 2, 2\r\n\r\n{}" + hidden, 400},
      {post + "Content-Length: +2\r\n\r\n{}" + hidden, 400},
      {post + "Content-Length: 0x2\r\n\r\n{}" + hidden, 400},
      {post + "Content-Length: 2 2\r\n\r\n{}" + hidden, 400},
      {post + "Content-Length:\r\n\r\n" + hidden, 400},
      {post + "Content-Length : 2\r\n\r\n{}" + hidden, 400},
      {post + "Content-Length: 2\r\n : x\r\n\r\n{}" + hidden, 400},
      // Lines that end, fold or begin as they must not.
      {get("Host: x\r\nX: a\rY: b\r\n\r\n"), 400},
      {get("Host: x\r\nX:\rY: b\r\n\r\n"), 400},
      {get("Host: x\r\nX: \r\n Y: b\r\n\r\n"), 400},
      {get("Host: x\r\nX: a\r\n\tb\r\n\r\n"), 400},
      {get(" X: a\r\nHost: x\r\n\r\n"), 400},
      {get("Host: x\nX: b\r\n\r\n"), 400},
      {"GET /livez HTTP/1.1\nHost: x\n\n", 400},
      {get("Host: x\r\n\n"), 400},
      {get("Host: x\r\n\r\r\n"), 400},
      {get("Host: x\r\nX: a\0b\r\n\r\n"s), 400},
      {get("Host: x\r\nX: a\x0b\r\n\r\n"), 400},
      {get("Host: x\r\nX : a\r\n\r\n"), 400},
      {get("Host: x\r\nX\r\n\r\n"), 400},
      {get("Host: x\r\n(X): a\r\n\r\n"), 400},
      {"\r\n\r\n" + get("Host: x\r\n\r\n"), 400},
      // Whom it is for.
      {get("\r\n"), 400},
      {get("Host: x\r\nHost: x\r\n\r\n"), 400},
      {get("Host: x\r\nhost: y\r\n\r\n"), 400},
      {get("Host: x y\r\n\r\n"), 400},
      {get("Host: x, y\r\n\r\n"), 400},
      {get("Host: x@y\r\n\r\n"), 400},
      {get("Host: x/y\r\n\r\n"), 400},
      {get("Host: x:1:2\r\n\r\n"), 400},
      {get("Host: [::1\r\n\r\n"), 400},
      {get("Host: []\r\n\r\n"), 400},
      {"GET http://x/livez HTTP/1.1\r\nHost: x/y\r\n\r\n", 400},
      {"GET http://u@x/livez HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET http:///livez HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      // Versions.
      {"GET /livez\r\n\r\n", 400},
      {"GET /livez HTTP/0.9\r\nHost: x\r\n\r\n", 400},
      {"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n", 400},
      {"GET /livez HTTP/1.2\r\nHost: x\r\n\r\n", 400},
      {"GET /livez http/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET  /livez HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /livez HTTP/1.1 \r\nHost: x\r\n\r\n", 400},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      // And what is right is served.
      {"\r\n" + get("Host: x\r\n\r\n"), 200},
      {get("Host:x:80\r\nX:\r\n\r\n"), 200},
      {get("Host:\r\n\r\n"), 200},
      {get("Host: [::1]:8080\r\n\r\n"), 200},
      {"GET HTTP://localhost:80/livez HTTP/1.1\r\nHost: x\r\n\r\n", 200},
      {"GET /livez HTTP/1.0\r\n\r\n", 200},
  };
  for (const auto& [bytes, wanted] : table) {
    const auto given = statuses(bytes);
    const auto shown = bytes.substr(0, bytes.size() - 2); // ends in the middle of a line end
    CAF_CHECK_EQUAL(std::make_pair(shown, given.empty() ? 0 : given.front()),
                    std::make_pair(shown, wanted));
    CAF_CHECK_EQUAL(std::make_pair(shown, given.size()), std::make_pair(shown, std::size_t{1}));
  }
  CAF_CHECK(api->asked().empty());
}

// What a browser sends for a page of another origin, and for one that had its own name resolved to
// this machine. None of them gets to the account side.
CAF_TEST(a page in a browser on this machine moves no money) {
  const std::string line = "POST /v1/transactions HTTP/1.1\r\n";
  const std::string own = "Host: 127.0.0.1:8080\r\n";
  const std::string end = "Content-Length: 2\r\n\r\n{}";
  const std::pair<std::string, int> table[] = {
      // A form, or a fetch without a question before it.
      {line + own + "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n"
           + "Content-Type: text/plain\r\n" + end,
       403},
      {line + own + "Origin: null\r\nContent-Type: text/plain\r\n" + end, 403},
      {line + own + "Content-Type: text/plain\r\n" + end, 415},
      {line + own + "Content-Type: application/x-www-form-urlencoded\r\n" + end, 415},
      {line + own + "Content-Type: multipart/form-data; boundary=application/json\r\n" + end, 415},
      // As JSON the browser would ask first, and gets no leave.
      {"OPTIONS /v1/transactions HTTP/1.1\r\n" + own
           + "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n"
             "Access-Control-Request-Headers: content-type\r\n\r\n",
       405},
      // Should it send the request all the same.
      {line + own + "Origin: https://evil.example\r\n" + json + end, 403},
      {line + own + "Sec-Fetch-Site: cross-site\r\n" + json + end, 403},
      {line + own + "Sec-Fetch-Site: same-site\r\n" + json + end, 403},
      {line + own + "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n" + json + end, 403},
      {line + own + "Origin: http://127.0.0.1:8081\r\n" + json + end, 403}, // another port
      // A name that was made to mean this machine is the page's own origin.
      {line + "Host: evil.example\r\nOrigin: http://evil.example\r\nSec-Fetch-Site: same-origin\r\n"
           + json + end,
       421},
      {line + "Host: evil.example:8080\r\n" + json + end, 421},
      {line + "Host: 127.0.0.1.evil.example\r\n" + json + end, 421},
      {line + "Host: localhost.evil.example\r\n" + json + end, 421},
      {line + "Host: 0.0.0.0\r\n" + json + end, 421},
      {line + "Host: 2130706433\r\n" + json + end, 421},
      {line + "Host: [::ffff:7f00:1]\r\n" + json + end, 421},
      {line + "Host:\r\n" + json + end, 421},
      {"POST http://evil.example/v1/transactions HTTP/1.1\r\n" + own + json + end, 421},
      {"GET /v1/accounts/a HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
  };
  for (const auto& [bytes, wanted] : table) {
    const auto answer = open_answer(bytes);
    CAF_CHECK_EQUAL(std::make_pair(bytes, answer.substr(0, 12)),
                    std::make_pair(bytes, "HTTP/1.1 " + std::to_string(wanted)));
    CAF_CHECK(!contains(answer, "Access-Control"));
  }
  CAF_CHECK(api->asked().empty());
  for (const std::string name : {"localhost", "LOCALHOST:8080", "localhost.", "api.localhost:1",
                                 "127.0.0.1", "127.8.8.8:99", "[::1]", "[::1]:8080"})
    CAF_CHECK_EQUAL(open_answer(line + "Host: " + name + "\r\n" + json + end).substr(0, 12),
                    "HTTP/1.1 202");
  for (const auto& headers :
       {own + "Origin: http://127.0.0.1:8080\r\nSec-Fetch-Site: same-origin\r\n",
        own + "Sec-Fetch-Site: none\r\n", own})
    CAF_CHECK_EQUAL(open_answer(line + headers + json + end).substr(0, 12), "HTTP/1.1 202");
  // Behind tokens, whoever has one is no such page.
  CAF_CHECK(
      statuses(with_token("POST /v1/transactions", "Origin: https://bank.example\r\n" + json, "{}"))
      == std::vector<int>{202});
}

CAF_TEST(random requests never get an answer of 500 or more) {
  const char* given_seed = std::getenv("LEDGERD_SEED");
  const auto seed =
      given_seed != nullptr ? std::strtoul(given_seed, nullptr, 10) : std::random_device{}();
  std::printf("LEDGERD_SEED=%lu\n", seed);
  std::mt19937_64 random{seed};
  const auto below = [&](std::size_t end) { return static_cast<std::size_t>(random() % end); };
  const auto one_of = [&](const auto& list) { return list[below(std::size(list))]; };
  const auto noise = [&](std::size_t size_max) {
    std::string text(below(size_max + 1), '\0');
    for (auto& c : text)
      c = static_cast<char>(below(4) == 0 ? below(256) : 32 + below(95));
    return text;
  };
  constexpr const char* methods[] = {"GET", "POST", "HEAD", "PUT", "DELETE", "M-SEARCH", "get", ""};
  constexpr const char* beginnings[] = {
      "POST /v1/transactions", "POST /v1/transactions?",           "GET /v1/transactions/",
      "GET /v1/accounts/",     "GET /v1/accounts/a/transactions?", "GET /metrics",
      "GET /readyz?verbose"};
  constexpr const char* pieces[] = {"/v1/transactions",
                                    "/v1/accounts",
                                    "/transactions",
                                    "/alice",
                                    "/1",
                                    "/%2e%2e",
                                    "/%",
                                    "/%00",
                                    "/%ff",
                                    "/",
                                    "?",
                                    "&",
                                    "=",
                                    "limit=1",
                                    "before=%41",
                                    "currency=KRW",
                                    "/openapi.json",
                                    "/livez",
                                    "/readyz",
                                    "#",
                                    "..",
                                    "\t"};
  constexpr const char* headers[] = {"Content-Type: application/json",
                                     "Content-Type: text/plain",
                                     "Idempotency-Key: k",
                                     "Prefer: wait=1",
                                     "Prefer: wait=\"",
                                     "Transfer-Encoding: chunked",
                                     "Content-Length: 0",
                                     "Connection: close",
                                     "Connection: upgrade",
                                     "Upgrade: h2c",
                                     "Expect: 100-continue",
                                     "Host: y",
                                     "Authorization: Bearer"};
  constexpr const char* bodies[] = {"{}",
                                    "{\"a\":1}",
                                    "[]",
                                    "{\"userId\":\"a\"}",
                                    "{\"amount\":1e999}",
                                    "nul",
                                    "{\"a\":{\"a\":",
                                    "\xef\xbb\xbf{}",
                                    "0\r\n\r\n",
                                    "\"\\ud800\""};
  std::map<int, int> seen;
  for (int round = 0; round < 3000; ++round) {
    auto bytes = std::string{one_of(methods)} + " ";
    if (below(2) == 0)
      bytes = one_of(beginnings); // else hardly anything would get as far as a route
    for (std::size_t i = below(bytes.size() < 10 ? 6 : 2); i > 0; --i)
      bytes += below(8) == 0 ? noise(20) : one_of(pieces);
    bytes += below(20) == 0 ? noise(10) : std::string{" HTTP/1.1"};
    bytes += "\r\n";
    if (below(12) != 0)
      bytes += "Host: x\r\n";
    if (below(4) != 0)
      bytes += "Authorization: Bearer " + token + "\r\n";
    if (below(2) == 0)
      bytes += json;
    for (std::size_t i = below(4); i > 0; --i)
      bytes += (below(8) == 0 ? noise(60) : one_of(headers)) + std::string{"\r\n"};
    const auto body = below(3) == 0 ? noise(200) : std::string{one_of(bodies)};
    if (below(3) != 0)
      bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    bytes += "\r\n" + body;
    for (std::size_t i = below(3); i > 0 && below(4) == 0; --i) // some bytes go wrong on the way
      bytes[below(bytes.size())] = static_cast<char>(below(256));
    for (const int status : statuses(bytes)) {
      ++seen[status];
      if (status < 200 || status >= 500) {
        CAF_ERROR("round " << round << " gave " << status << " for " << bytes);
      }
    }
  }
  CAF_CHECK(statuses("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n") == std::vector<int>{200});
  // The requests are neither all broken nor all the same.
  for (const int status : {200, 202, 400, 401, 403, 404, 405, 415})
    CAF_CHECK_EQUAL(std::make_pair(status, seen[status] > 0), std::make_pair(status, true));
}

CAF_TEST_FIXTURE_SCOPE_END()
