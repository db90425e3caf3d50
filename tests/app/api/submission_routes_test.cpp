#include "app/api/submission_routes.hpp"

#include <memory>
#include <thread>

#define CAF_SUITE account_routes
#include "tests/app/api/fake_submission_api.hpp"
#include "tests/app/http/raw_client.hpp"

#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

struct fixture {
  std::shared_ptr<fake_submission_api> api = std::make_shared<fake_submission_api>();
  http_server server{"127.0.0.1", 0, make_submission_routes(api)};

  std::string ask(const std::string& request) const {
    raw_client client{server.port()};
    client.send(request);
    return client.response();
  }

  std::string get(const std::string& target) const {
    return ask("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }

  // `headers` with their line ends.
  std::string post(const std::string& headers, const std::string& body = "{}") const {
    return ask("POST /v1/transactions HTTP/1.1\r\nHost: x\r\n" + headers
               + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  std::string last() const {
    const auto all = api->asked();
    return all.empty() ? "" : all.back();
  }
};

const std::string json = "Content-Type: application/json\r\n";

std::string problem_of(const std::string& answer) {
  const auto begin = answer.find("\r\n\r\n");
  const auto document =
      nlohmann::json::parse(answer.substr(begin == std::string::npos ? 0 : begin), nullptr, false);
  if (!document.is_object() || !contains(answer, "Content-Type: application/problem+json\r\n"))
    return "no problem: " + answer;
  return std::to_string(document.value("status", 0)) + " " + document.value("code", "");
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(account_routes_tests, fixture)

CAF_TEST(questions reach the account side as they were asked) {
  CAF_CHECK_EQUAL(status_of(post(json + "Idempotency-Key:  a-1 \r\n", "{\"a\":1}")),
                  "HTTP/1.1 202 Accepted");
  CAF_CHECK_EQUAL(last(), "submit[{\"a\":1}][a-1][0ms]");
  CAF_CHECK(contains(post(json), "Location: /v1/transactions/7\r\n"));
  CAF_CHECK_EQUAL(last(), "submit[{}][][0ms]");
  constexpr std::pair<const char*, const char*> table[] = {
      {"/v1/transactions/1", "record[1]"},
      {"/v1/transactions/9223372036854775807", "record[9223372036854775807]"},
      {"/v1/transactions/%31", "record[1]"},
      {"/v1/accounts/alice", "account[alice]"},
      {"/v1/accounts/a%20b%2Fc", "account[a b/c]"},
      {"/v1/accounts/a+b", "account[a+b]"},
      {"/v1/accounts/%EA%B9%80", "account[\xea\xb9\x80]"},
      {"/v1/accounts/transactions", "account[transactions]"},
      {"/v1/accounts/alice/transactions", "history[alice][][][]"},
      {"/v1/accounts/alice/transactions?currency=KRW&limit=5&before=9",
       "history[alice][KRW][5][9]"},
      {"/v1/accounts/alice/transactions?before=%39", "history[alice][][][9]"},
  };
  for (const auto& [target, question] : table) {
    CAF_CHECK_EQUAL(status_of(get(target)), "HTTP/1.1 200 OK");
    CAF_CHECK_EQUAL(last(), question);
  }
}

CAF_TEST(broken questions do not reach the account side) {
  const std::string long_user(129, 'u');
  const std::pair<std::string, std::string> table[] = {
      {"/v1/transactions/0", "400 INVALID_FIELD"},
      {"/v1/transactions/-1", "400 INVALID_FIELD"},
      {"/v1/transactions/+1", "400 INVALID_FIELD"},
      {"/v1/transactions/01", "400 INVALID_FIELD"},
      {"/v1/transactions/1.0", "400 INVALID_FIELD"},
      {"/v1/transactions/1e3", "400 INVALID_FIELD"},
      {"/v1/transactions/0x1", "400 INVALID_FIELD"},
      {"/v1/transactions/9223372036854775808", "400 INVALID_FIELD"},
      {"/v1/transactions/99999999999999999999999", "400 INVALID_FIELD"},
      {"/v1/transactions/1%00", "400 INVALID_FIELD"},
      {"/v1/transactions/%201", "400 INVALID_FIELD"},
      {"/v1/transactions/one", "400 INVALID_FIELD"},
      {"/v1/transactions/%zz", "400 INVALID_FIELD"},
      {"/v1/transactions/", "404 NOT_FOUND"},
      {"/v1/transactions/1/2", "404 NOT_FOUND"},
      {"/v1/transactions", "405 METHOD_NOT_ALLOWED"},
      {"/v1/accounts/" + long_user, "400 INVALID_FIELD"},
      {"/v1/accounts/a%0ab", "400 INVALID_FIELD"},
      {"/v1/accounts/a%00", "400 INVALID_FIELD"},
      {"/v1/accounts/a%7f", "400 INVALID_FIELD"},
      {"/v1/accounts/a%C2%85", "400 INVALID_FIELD"},
      {"/v1/accounts/%ff", "400 INVALID_FIELD"},
      {"/v1/accounts/%ED%A0%80", "400 INVALID_FIELD"},
      {"/v1/accounts/%C0%AF/transactions", "400 INVALID_FIELD"},
      {"/v1/accounts/", "404 NOT_FOUND"},
      {"/v1/accounts", "404 NOT_FOUND"},
      {"/v1/accounts/a/transactions?limit=1&limit=1", "400 INVALID_FIELD"},
      {"/v1/accounts/a/transactions?limit=", "400 INVALID_FIELD"},
      {"/v1/accounts/a/transactions?curency=EUR", "400 INVALID_FIELD"},
      {"/v1/accounts/a/transactions?Limit=5&currency=KRW", "400 INVALID_FIELD"},
      {"/v1/accounts/a?currency=EUR", "400 INVALID_FIELD"},
      {"/v1/transactions/1?wait=5", "400 INVALID_FIELD"},
      {"/v1/accounts/a/transactions?currency=", "400 INVALID_FIELD"},
      {"/v1/accounts/a/transactions?before=", "400 INVALID_FIELD"},
      {"/v1/accounts/a/transactions?currency=KRW&currency=", "400 INVALID_FIELD"},
      {"/v1/accounts/a/transactions?before=%ff", "400 INVALID_FIELD"},
      {"/v1/accounts/a/transactions?before=%00", "400 INVALID_FIELD"},
      {"/v1/accounts/a/transactions?before=%", "400 INVALID_FIELD"},
  };
  for (const auto& [target, problem] : table)
    CAF_CHECK_EQUAL(std::make_pair(target, problem_of(get(target))),
                    std::make_pair(target, problem));
  CAF_CHECK(api->asked().empty());
  // The longest user that there may be.
  CAF_CHECK_EQUAL(status_of(get("/v1/accounts/" + std::string(128, 'u'))), "HTTP/1.1 200 OK");
}

CAF_TEST(only JSON is taken) {
  for (const std::string type :
       {"application/json", "Application/JSON", "application/json; charset=utf-8",
        "application/json;charset=utf-8", "  application/json  "})
    CAF_CHECK_EQUAL(status_of(post("Content-Type: " + type + "\r\n")), "HTTP/1.1 202 Accepted");
  for (const std::string headers :
       {"", "Content-Type:\r\n", "Content-Type: text/plain\r\n",
        "Content-Type: application/jsonp\r\n", "Content-Type: application/problem+json\r\n",
        "Content-Type: text/json\r\n", "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/json,\r\n",
        "Content-Type: application/json\r\nContent-Type: application/json\r\n",
        "Content-Type: \"application/json\"\r\n", "Content-Type: ;application/json\r\n"})
    CAF_CHECK_EQUAL(std::make_pair(headers, problem_of(post(headers))),
                    std::make_pair(headers, std::string{"415 UNSUPPORTED_MEDIA_TYPE"}));
}

CAF_TEST(an idempotency key stands once and is visible ASCII) {
  CAF_CHECK_EQUAL(status_of(post(json + "idempotency-KEY: " + std::string(255, '~') + "\r\n")),
                  "HTTP/1.1 202 Accepted");
  for (const auto& keys :
       {std::string{"Idempotency-Key: a\r\nIdempotency-Key: a\r\n"},
        std::string{"Idempotency-Key: a\r\nidempotency-key: b\r\n"},
        std::string{"Idempotency-Key:\r\n"}, std::string{"Idempotency-Key:   \r\n"},
        "Idempotency-Key: " + std::string(256, 'k') + "\r\n",
        std::string{"Idempotency-Key: a b\r\n"}, std::string{"Idempotency-Key: a\tb\r\n"},
        std::string{"Idempotency-Key: \xc3\xa4\r\n"}, std::string{"Idempotency-Key: \xff\r\n"}})
    CAF_CHECK_EQUAL(std::make_pair(keys, problem_of(post(json + keys))),
                    std::make_pair(keys, std::string{"400 INVALID_FIELD"}));
}

CAF_TEST(the preference for a wait is read as RFC 7240 says) {
  struct row {
    std::vector<std::string> values;
    int seconds; // -1: no preference
  };
  const row table[] = {
      {{}, -1},
      {{""}, -1},
      {{"wait=0"}, 0},
      {{"wait=10"}, 10},
      {{"wait=30"}, 30},
      {{"wait=31"}, 30},
      {{"wait=99999999999999999999999999"}, 30},
      {{"wait=007"}, 7},
      {{"wait=000000000000000000000000005"}, 5},
      {{"wait=\"5\""}, 5},
      {{"Wait = 5"}, 5},
      {{"respond-async, wait=5"}, 5},
      {{"respond-async", "wait=5"}, 5},
      {{"wait=5; foo=\"a,b\", return=minimal"}, 5},
      {{"foo=\"wait=9, wait=8\", wait=5"}, 5},
      {{"foo=\"a\\\",wait=9\", wait=5"}, 5},
      {{"wait=5, wait=9"}, 5},
      {{"wait=5", "wait=9"}, 5},
      {{"foo; wait=5"}, -1},
      {{"wait"}, -1},
      {{"wait="}, -1},
      {{"wait=\"\""}, -1},
      {{"wait=\""}, -1},
      {{"wait=-1"}, -1},
      {{"wait=+1"}, -1},
      {{"wait=1.5"}, -1},
      {{"wait=5s"}, -1},
      {{"wait=5 6"}, -1},
      {{"wait=0x5"}, -1},
      {{"waits=5"}, -1},
      {{"wait:5"}, -1},
      {{"=5"}, -1},
      {{",,;;==\"\\"}, -1},
  };
  for (const auto& [values, seconds] : table) {
    const auto wait = preferred_wait({values.begin(), values.end()});
    const auto text = values.empty() ? std::string{} : values.back();
    CAF_CHECK_EQUAL(std::make_pair(text, wait ? static_cast<int>(wait->count()) : -1),
                    std::make_pair(text, seconds));
  }
}

CAF_TEST(a wait that is honoured is said so) {
  const auto answer = post(json + "Prefer: wait=99\r\n");
  CAF_CHECK_EQUAL(last(), "submit[{}][][30000ms]");
  CAF_CHECK(contains(answer, "Preference-Applied: wait=30\r\n"));
  CAF_CHECK(!contains(post(json), "Preference-Applied"));
  CAF_CHECK(!contains(post(json + "Prefer: wait=soon\r\n"), "Preference-Applied"));
  CAF_CHECK_EQUAL(last(), "submit[{}][][0ms]");
  CAF_CHECK(!contains(post(json + "Prefer: wait=5\r\n", "["), "Preference-Applied"));
}

CAF_TEST(more waiting requests than there are places for do not wait) {
  http_limits few;
  few.connections = 64; // so 48 may be at work, and half of these wait
  const http_server small{"127.0.0.1", 0, make_submission_routes(api), few};
  api->hold(true);
  std::vector<raw_client> waiting;
  for (int i = 0; i < 26; ++i) {
    waiting.emplace_back(small.port());
    waiting.back().send("POST /v1/transactions HTTP/1.1\r\nHost: x\r\n" + json
                        + "Prefer: wait=30\r\nContent-Length: 2\r\n\r\n{}");
    while (api->held() <= static_cast<std::size_t>(i))
      std::this_thread::sleep_for(100us);
  }
  const auto asked = api->asked();
  CAF_CHECK_EQUAL(asked[23], "submit[{}][][30000ms]");
  CAF_CHECK_EQUAL(asked[24], "submit[{}][][0ms]");
  api->hold(false);
  CAF_CHECK(contains(waiting[0].response(), "Preference-Applied: wait=30\r\n"));
  CAF_CHECK(!contains(waiting[25].response(), "Preference-Applied"));
  // The places are free again.
  CAF_CHECK(contains(post(json + "Prefer: wait=1\r\n"), "Preference-Applied: wait=1\r\n"));
}

CAF_TEST(problems of the account side are passed on with their headers) {
  struct row {
    int status;
    const char* code;
    const char* retry_after; // nullptr: none
  };
  constexpr row table[] = {{404, "NOT_FOUND", nullptr},
                           {409, "IDEMPOTENCY_CONFLICT", nullptr},
                           {429, "RATE_LIMITED", "1"},
                           {503, "UNAVAILABLE", "1"}};
  for (const auto& [status, code, retry_after] : table) {
    api->answer_with(fake_submission_api::problem(status, code));
    const auto answer = get("/v1/transactions/5");
    CAF_CHECK_EQUAL(problem_of(answer), std::to_string(status) + " " + code);
    CAF_CHECK_EQUAL(contains(answer, "Retry-After"), retry_after != nullptr);
  }
  auto busy = fake_submission_api::problem(503, "UNAVAILABLE");
  busy.headers.emplace_back("Retry-After", "7");
  api->answer_with(busy);
  const auto answer = get("/v1/accounts/a");
  CAF_CHECK(contains(answer, "Retry-After: 7\r\n"));
  CAF_CHECK(!contains(answer, "Retry-After: 1\r\n"));
}

CAF_TEST(an answer after the server has gone does nothing) {
  api->hold(true);
  raw_client client{server.port()};
  client.send("GET /v1/accounts/a HTTP/1.1\r\nHost: x\r\n\r\n");
  while (api->held() == 0)
    std::this_thread::sleep_for(1ms);
  server.stop();
  api->hold(false);
  CAF_CHECK_EQUAL(client.rest(), "");
}

CAF_TEST_FIXTURE_SCOPE_END()
