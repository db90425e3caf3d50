#include "app/http/access.hpp"

#include <map>

#define CAF_SUITE http_access
#include "tests/app/temporary_file.hpp"

#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

const std::map<std::string, std::string> tokens{{"reader", std::string(32, 'r')},
                                                {"submitter", std::string(32, 's')},
                                                {"operator", std::string(32, 'o')},
                                                {"all", std::string(32, 'a')},
                                                {"slow", std::string(32, 'w')}};

std::string token_lines() {
  return "reader read " + tokens.at("reader") + "\nsubmitter submit " + tokens.at("submitter")
         + "\noperator operate " + tokens.at("operator") + "\nall read,submit,operate "
         + tokens.at("all") + "\nslow read " + tokens.at("slow") + " 2\n";
}

struct fixture {
  temporary_file file{token_lines()};
  std::vector<http_route> routes;

  fixture() { guard_with(file.path(), 0); }

  void guard_with(const std::string& path, unsigned rate) {
    http_settings settings;
    settings.http_token_file = path;
    settings.http_rate_max = rate;
    std::vector<http_route> open;
    for (const auto* path_of : {"/livez", "/readyz", "/metrics", "/v1/actors", "/v1/cluster",
                                "/v1/transactions/{recordId}", "/v1/accounts/{userId}",
                                "/v1/accounts/{userId}/transactions", "/openapi.json", "/",
                                "/page/page.js", "/pages", "/v1/overview", "/v1/events"})
      open.push_back({"GET", path_of, answer_ok});
    open.push_back({"POST", "/v1/transactions", answer_ok});
    open.push_back({"DELETE", "/v1/transactions", answer_ok});
    routes = guard_routes(std::move(open), read_http_access(settings));
  }

  static void answer_ok(const http_request&, const http_responder& respond) {
    respond({200, "text/plain", "ok", {}});
  }

  http_response ask(const std::string& method, const std::string& path, const http_values& headers,
                    const char* argument = nullptr) const {
    http_request request;
    request.method = method;
    request.path = path;
    request.headers = headers;
    if (argument != nullptr)
      request.query.emplace_back(argument, "");
    http_response answer;
    answer.status = 0;
    for (const auto& route : routes)
      if (route.path == path && route.method == method)
        route.handle(request, [&](http_response given) { answer = std::move(given); });
    return answer;
  }

  http_response ask_as(const std::string& name, const std::string& method, const std::string& path,
                       const char* argument = nullptr) const {
    return name.empty()
               ? ask(method, path, {}, argument)
               : ask(method, path, {{"authorization", "Bearer " + tokens.at(name)}}, argument);
  }
};

std::string header_of(const http_response& response, std::string_view wanted) {
  for (const auto& [name, value] : response.headers)
    if (name == wanted)
      return value;
  return {};
}

bool has_code(const http_response& response, const std::string& code) {
  return response.body.find("\"code\":\"" + code + "\"") != std::string::npos;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(http_access_tests, fixture)

CAF_TEST(each call needs its scope) {
  struct row {
    const char* method;
    const char* path;
    const char* argument;
    const char* scope; // nullptr: none
  };
  constexpr row table[] = {
      {"GET", "/livez", nullptr, nullptr},
      {"GET", "/livez", "verbose", nullptr},
      {"GET", "/readyz", nullptr, nullptr},
      {"GET", "/readyz", "verbose", "operator"},
      {"GET", "/metrics", nullptr, "operator"},
      {"GET", "/v1/actors", nullptr, "operator"},
      {"GET", "/v1/cluster", nullptr, "operator"},
      {"GET", "/", nullptr, nullptr},
      {"GET", "/page/page.js", nullptr, nullptr},
      {"GET", "/pages", nullptr, "operator"},
      {"GET", "/v1/overview", nullptr, "operator"},
      {"GET", "/v1/events", nullptr, "operator"},
      {"GET", "/v1/transactions/{recordId}", nullptr, "reader"},
      {"GET", "/v1/accounts/{userId}", nullptr, "reader"},
      {"GET", "/v1/accounts/{userId}/transactions", nullptr, "reader"},
      {"GET", "/openapi.json", nullptr, "reader"},
      {"POST", "/v1/transactions", nullptr, "submitter"},
      {"DELETE", "/v1/transactions", nullptr, "operator"},
  };
  for (const auto& [method, path, argument, scope] : table) {
    const auto what = std::string{method} + " " + path;
    // Clang 14 captures no structured binding by itself.
    const auto check = [&, method = method, path = path,
                        argument = argument](const std::string& caller, int wanted) {
      const auto answer = ask_as(caller, method, path, argument);
      CAF_CHECK_EQUAL(std::make_pair(what + " " + caller, answer.status),
                      std::make_pair(what + " " + caller, wanted));
      if (wanted == 403)
        CAF_CHECK(has_code(answer, "FORBIDDEN"));
    };
    check("", scope == nullptr ? 200 : 401);
    check("all", 200);
    for (const auto* caller : {"reader", "submitter", "operator"})
      check(caller, scope == nullptr || std::string{scope} == caller ? 200 : 403);
  }
}

CAF_TEST(what is no known token gets 401 with a challenge) {
  const auto known = tokens.at("reader");
  const std::vector<http_values> table{
      {},
      {{"authorization", ""}},
      {{"authorization", "Bearer"}},
      {{"authorization", "Bearer "}},
      {{"authorization", known}},
      {{"authorization", "Basic " + known}},
      {{"authorization", "Bearer" + known}},
      {{"authorization", "Bearer " + known + "r"}},
      {{"authorization", "Bearer " + known + " r"}},
      {{"authorization", "Bearer " + known.substr(1)}},
      {{"authorization", "Bearer " + known + "," + known}},
      {{"authorization", "Bearer " + known}, {"authorization", "Bearer " + known}},
      {{"x-authorization", "Bearer " + known}},
      {{"authorization", "Bearer " + std::string(7000, 'r')}},
  };
  for (const auto& headers : table) {
    const auto answer = ask("GET", "/openapi.json", headers);
    CAF_CHECK_EQUAL(answer.status, 401);
    CAF_CHECK(has_code(answer, "UNAUTHORIZED"));
    CAF_CHECK(header_of(answer, "WWW-Authenticate").starts_with("Bearer"));
    CAF_CHECK(answer.body.find(known) == std::string::npos);
  }
  for (const auto* scheme : {"Bearer ", "bearer ", "BEARER  "})
    CAF_CHECK_EQUAL(ask("GET", "/openapi.json", {{"authorization", scheme + known}}).status, 200);
}

CAF_TEST(without a token file nobody is asked) {
  guard_with("", 0);
  CAF_CHECK_EQUAL(ask_as("", "POST", "/v1/transactions").status, 200);
  CAF_CHECK_EQUAL(ask_as("", "GET", "/metrics").status, 200);
  CAF_CHECK_EQUAL(ask("GET", "/metrics", {{"authorization", "Bearer x"}}).status, 200);
}

CAF_TEST(each token has its rate and all callers without one share another) {
  guard_with(file.path(), 3);
  const auto count_ok = [&](const std::string& caller, int calls) {
    int passed = 0;
    for (int i = 0; i < calls; ++i) {
      const auto answer = ask_as(caller, "GET", "/openapi.json");
      passed += answer.status != 429;
      if (answer.status == 429) {
        CAF_CHECK(has_code(answer, "RATE_LIMITED"));
        CAF_CHECK_EQUAL(header_of(answer, "Retry-After"), "1");
      }
    }
    return passed;
  };
  CAF_CHECK_EQUAL(count_ok("slow", 10), 2);   // its own
  CAF_CHECK_EQUAL(count_ok("reader", 10), 3); // the default
  CAF_CHECK_EQUAL(count_ok("all", 10), 3);    // not shared with the reader
  CAF_CHECK_EQUAL(count_ok("", 2), 2);        // refused with 401
  CAF_CHECK_EQUAL(ask("GET", "/metrics", {{"authorization", "Bearer guess"}}).status, 401);
  CAF_CHECK_EQUAL(ask("GET", "/metrics", {{"authorization", "Bearer other"}}).status, 429);
  for (int i = 0; i < 20; ++i)
    CAF_CHECK_EQUAL(ask_as("", "GET", "/livez").status, 200);
  CAF_CHECK_EQUAL(ask_as("", "GET", "/readyz").status, 200);
}

CAF_TEST(a stream ends when the token that opened it is revoked) {
  const auto access_of = [](const std::string& lines) {
    const temporary_file present{lines};
    http_settings settings;
    settings.http_token_file = present.path();
    return read_http_access(settings);
  };
  const auto guard = std::make_shared<http_guard>(access_of(token_lines()));
  std::shared_ptr<http_stream> held; // as the server does
  http_responder late;
  const auto open = guard_routes(
      {{"GET", "/v1/events",
        [&](const http_request&, http_responder respond) { late = std::move(respond); }}},
      guard);
  const auto listen = [&](const std::string& name, const std::function<void()>& meanwhile) {
    http_request request;
    request.method = "GET";
    request.headers = {{"authorization", "Bearer " + tokens.at(name)}};
    open.front().handle(request, [&](http_response answer) { held = std::move(answer.stream); });
    meanwhile();
    late({200, "text/event-stream", "", {}, std::make_shared<http_stream>()});
  };
  const auto over = [&] {
    bool over = false;
    const auto next = held->take(over);
    CAF_CHECK(!over || next == nullptr);
    return over;
  };
  const auto piece = std::make_shared<const std::string>("secret");
  const auto nothing = [] {};
  const auto others = "again operate " + tokens.at("all") + "\n";
  const auto less = "operator read " + tokens.at("operator") + "\n";
  listen("operator", nothing);
  guard->replace(access_of(token_lines()));
  CAF_CHECK(!over());
  held->say(piece);
  guard->replace(access_of(others)); // gone
  CAF_CHECK(over());
  guard->replace(access_of(token_lines()));
  listen("operator", nothing);
  guard->replace(access_of(less)); // without the scope
  CAF_CHECK(over());
  guard->replace(access_of(token_lines()));
  listen("all", nothing);
  guard->replace(access_of(others)); // under another name
  CAF_CHECK(!over());
  guard->replace(access_of(token_lines()));
  listen("operator", [&] { guard->replace(access_of(others)); }); // before it was answered
  CAF_CHECK(over());
}

CAF_TEST(a bucket fills with time and never above its rate) {
  const token_bucket::clock::time_point start{1h};
  token_bucket bucket{2};
  CAF_CHECK(!bucket.take(start));
  CAF_CHECK(!bucket.take(start));
  CAF_CHECK(bucket.take(start) == 500ms);
  CAF_CHECK(bucket.take(start + 400ms) == 100ms);
  CAF_CHECK(!bucket.take(start + 500ms));
  CAF_CHECK(bucket.take(start + 500ms) == 500ms);
  for (int i = 0; i < 2; ++i)
    CAF_CHECK(!bucket.take(start + 1h));
  CAF_CHECK(bucket.take(start + 1h));
  token_bucket endless{0};
  for (int i = 0; i < 1000; ++i)
    CAF_CHECK(!endless.take(start));
}

CAF_TEST(a broken token file is an error that names it) {
  const temporary_file broken{"till read short\n"};
  http_settings settings;
  settings.http_token_file = broken.path();
  try {
    read_http_access(settings);
    CAF_FAIL("no error");
  } catch (const std::runtime_error& e) {
    CAF_CHECK(std::string{e.what()}.find(broken.path() + ":1: ") != std::string::npos);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
