#include "app/api/nats_routes.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <chrono>
#include <thread>

#include "app/api/submission_routes.hpp"
#include "messaging/names.hpp"
#include "tests/support/fake_desk.hpp"

#define CAF_SUITE nats_api
#include "tests/app/api/fake_submission_api.hpp"

#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

struct api_config : caf::actor_system_config {
  api_config() { add_message_types<caf::id_block::ledgerd>(); }
};

// Values, for a check keeps references to what it compares.
std::string status_of(const fake_desk::given_answer& answer) {
  return answer.status;
}

std::string last_of(const fake_submission_api& api) {
  return api.asked().back();
}

struct fixture {
  api_config config;
  caf::actor_system system{config};
  std::shared_ptr<fake_desk> desk = std::make_shared<fake_desk>();
  std::shared_ptr<fake_submission_api> api = std::make_shared<fake_submission_api>();
  responder_actor subject = spawn_nats_api(system, desk, api);

  ~fixture() { caf::anon_send_exit(subject, caf::exit_reason::user_shutdown); }

  fake_desk::given_answer ask(std::string_view about, std::string payload,
                              std::vector<header> headers = {}, bool too_large = false) {
    const auto before = desk->answers().size();
    desk->put({std::string{about}, std::move(payload), std::move(headers), "_INBOX.x",
               std::chrono::steady_clock::now(), too_large});
    for (int i = 0; i < 5000 && desk->answers().size() == before; ++i)
      std::this_thread::sleep_for(1ms);
    CAF_REQUIRE(desk->answers().size() == before + 1);
    return desk->answers().back();
  }

  // The body of the answer that the HTTP door gives.
  std::string ask_http(std::string_view path, http_request request) const {
    const auto routes = make_submission_routes(api);
    const auto route = std::find_if(routes.begin(), routes.end(),
                                    [&](const auto& each) { return each.path == path; });
    CAF_REQUIRE(route != routes.end());
    std::string body;
    route->handle(request, [&](const http_response& answer) { body = answer.body; });
    return body;
  }

  // A submission through both doors: the HTTP one, which gets header names in lower case, first.
  void check_submission(const std::string& body, const std::vector<header>& headers) {
    http_request request{.headers = {{"content-type", "application/json"}}, .body = body};
    for (const auto& [name, value] : headers)
      request.headers.emplace_back(name == "Prefer" ? "prefer" : "idempotency-key", value);
    const auto over_http = ask_http("/v1/transactions", request);
    const auto asked = api->asked();
    CAF_CHECK_EQUAL(ask(names::api_submit, body, headers).payload, over_http);
    CAF_CHECK_EQUAL(api->asked().size(), 2 * asked.size());
    if (!asked.empty())
      CAF_CHECK_EQUAL(last_of(*api), asked.back());
    api->forget();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(nats_api_tests, fixture)

CAF_TEST(a key has the same rules as over HTTP) {
  CAF_CHECK_EQUAL(status_of(ask(names::api_submit, "{}", {{"idempotency-KEY", "k1"}})), "");
  CAF_CHECK_EQUAL(last_of(*api), "submit[{}][k1][0ms]");
  const auto asked = api->asked().size();
  for (const auto& headers :
       std::vector<std::vector<header>>{{{"Idempotency-Key", ""}},
                                        {{"Idempotency-Key", "a b"}},
                                        {{"Idempotency-Key", std::string(256, 'k')}},
                                        {{"Idempotency-Key", "k"}, {"Idempotency-Key", "k"}},
                                        {{"Idempotency-Key", "k"}, {"idempotency-key", "l"}}}) {
    const auto answer = ask(names::api_submit, "{}", headers);
    CAF_CHECK_EQUAL(status_of(answer), "400");
    CAF_CHECK(answer.payload.find("INVALID_FIELD") != std::string::npos);
  }
  CAF_CHECK_EQUAL(api->asked().size(), asked);
}

CAF_TEST(a preference for a wait is read as over HTTP) {
  ask(names::api_submit, "{}", {{"Prefer", "respond-async"}, {"Prefer", "wait=7"}});
  CAF_CHECK_EQUAL(last_of(*api), "submit[{}][][7000ms]");
}

CAF_TEST(the same submission gets the same answer through both doors) {
  for (const auto& headers :
       std::vector<std::vector<header>>{{},
                                        {{"Idempotency-Key", "k1"}},
                                        {{"Idempotency-Key", std::string(255, '~')}},
                                        {{"Idempotency-Key", ""}},
                                        {{"Idempotency-Key", "a b"}},
                                        {{"Idempotency-Key", "\xc3\xa4"}},
                                        {{"Idempotency-Key", std::string(256, 'k')}},
                                        {{"Idempotency-Key", "k"}, {"Idempotency-Key", "k"}},
                                        {{"Idempotency-Key", "k"}, {"Idempotency-Key", "l"}},
                                        {{"Prefer", "wait=7"}},
                                        {{"Prefer", "respond-async, wait=\"9\"; x"}},
                                        {{"Prefer", "respond-async"}, {"Prefer", "wait=99"}},
                                        {{"Prefer", "wait=soon"}}})
    for (const std::string body : {"{}", "["})
      check_submission(body, headers);
}

CAF_TEST(the same record id gets the same answer through both doors) {
  for (const std::string id : {"7", "9223372036854775807", "0", "-1", "+1", "01", "1.0", "1e3",
                               "0x1", "9223372036854775808", "99999999999999999999", " 1", "one"}) {
    const auto over_http =
        ask_http("/v1/transactions/{recordId}", {.parameters = {{"recordId", id}}});
    const auto asked = api->asked();
    CAF_CHECK_EQUAL(ask(names::api_record, "{\"recordId\":\"" + id + "\"}").payload, over_http);
    CAF_CHECK_EQUAL(api->asked().size(), 2 * asked.size());
    CAF_CHECK_EQUAL(asked.empty(), over_http.find("in digits alone") != std::string::npos);
    api->forget();
  }
}

CAF_TEST(what is too large is said so and not looked at) {
  CAF_CHECK_EQUAL(status_of(ask(names::api_submit, "", {}, true)), "413");
  CAF_CHECK_EQUAL(status_of(ask(names::api_record, "", {}, true)), "413");
  CAF_CHECK(api->asked().empty());
}

CAF_TEST(its losses are reported) {
  desk->lose({.foreign_reply = 3, .overflow = 2, .expired = 1});
  ask(names::api_record, R"({"recordId":7})");
  caf::scoped_actor self{system};
  self->request(subject, 5s, report_atom_v)
      .receive(
          [](const actor_report& got) {
            std::string text;
            for (const auto& [what, value] : got.values)
              text += std::string{what->name} + "=" + std::to_string(value) + " ";
            CAF_CHECK_EQUAL(text, "questions_answered_total=1 questions_expired_total=1 "
                                  "questions_overflow_total=2 questions_foreign_total=3 ");
          },
          [](const caf::error&) { CAF_ERROR("no report"); });
}

CAF_TEST_FIXTURE_SCOPE_END()
