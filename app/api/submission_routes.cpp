#include "app/api/submission_routes.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "app/base/text.hpp"
#include "app/http/known_query.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

http_response to_response(api_answer answer) {
  http_response response{answer.status,
                         answer.status < 400 ? "application/json" : "application/problem+json",
                         std::move(answer.body), std::move(answer.headers)};
  response.code = std::move(answer.code);
  const bool come_again = response.status == 429 || response.status == 503;
  const bool says_when =
      std::any_of(response.headers.begin(), response.headers.end(),
                  [](const auto& header) { return header.first == "Retry-After"; });
  if (come_again && !says_when)
    response.headers.emplace_back("Retry-After", "1");
  return response;
}

api_callback pass_on(http_responder respond) {
  return [respond = std::move(respond)](api_answer answer) {
    respond(to_response(std::move(answer)));
  };
}

bool is_json(const http_request& request) {
  const auto type = request.header("content-type");
  return request.header_count("content-type") == 1
         && same_word(trimmed(type.substr(0, type.find(';'))), "application/json");
}

std::vector<std::string_view> arguments(const http_request& request, std::string_view wanted) {
  std::vector<std::string_view> result;
  for (const auto& [name, value] : request.query)
    if (name == wanted)
      result.push_back(value);
  return result;
}

class account_routes {
public:
  explicit account_routes(std::shared_ptr<submission_api> api) : api_{std::move(api)} {}

  void submit(const http_request& request, http_responder respond) {
    if (!is_json(request))
      return respond(http_problem(415, "UNSUPPORTED_MEDIA_TYPE",
                                  "the header Content-Type must be application/json"));
    const auto key = read_idempotency_key(request.values("idempotency-key"));
    if (const auto* why = std::get_if<rejection>(&key))
      return respond(to_response(api_refusal(*why)));
    auto wait = preferred_wait(request.values("prefer"));
    if (request.crowded) // which RFC 7240 allows
      wait.reset();
    api_->submit(
        {.body = request.body,
         .idempotency_key = std::get<std::string>(key),
         .wait = wait.value_or(std::chrono::seconds{0}),
         .trace = read_call_trace(request.values("traceparent"), request.values("tracestate"))},
        [wait, respond = std::move(respond)](api_answer answer) {
          if (wait && answer.status < 400)
            answer.headers.emplace_back("Preference-Applied",
                                        "wait=" + std::to_string(wait->count()));
          respond(to_response(std::move(answer)));
        });
  }

  void record(const http_request& request, http_responder respond) {
    if (auto refusal = refuse_unknown_query(request, {}))
      return respond(*std::move(refusal));
    const auto id = read_record_id(request.parameter("recordId"));
    if (const auto* why = std::get_if<rejection>(&id))
      return respond(to_response(api_refusal(*why)));
    api_->record(std::get<record_id>(id), pass_on(std::move(respond)));
  }

  void account(const http_request& request, http_responder respond) {
    if (auto refusal = refuse_unknown_query(request, {}))
      return respond(*std::move(refusal));
    const auto user_id = request.parameter("userId");
    if (const auto why = check_user_id(user_id))
      return respond(to_response(api_refusal(*why)));
    api_->account(user_id, pass_on(std::move(respond)));
  }

  void history(const http_request& request, http_responder respond) {
    if (auto refusal = refuse_unknown_query(request, {"currency", "limit", "before"}))
      return respond(*std::move(refusal));
    const auto user_id = request.parameter("userId");
    if (const auto why = check_history({user_id, arguments(request, "currency"),
                                        arguments(request, "limit"), arguments(request, "before")}))
      return respond(to_response(api_refusal(*why)));
    api_->history(user_id, request.argument("currency"), request.argument("limit"),
                  request.argument("before"), pass_on(std::move(respond)));
  }

private:
  std::shared_ptr<submission_api> api_;
};

} // namespace

std::vector<http_route> make_submission_routes(std::shared_ptr<submission_api> api) {
  const auto shared = std::make_shared<account_routes>(std::move(api));
  std::vector<http_route> routes;
  const auto on = [&](const char* method, const char* path,
                      void (account_routes::*handle)(const http_request&, http_responder)) {
    routes.push_back({method, path, [shared, handle](const auto& request, auto respond) {
                        (shared.get()->*handle)(request, std::move(respond));
                      }});
  };
  on("POST", "/v1/transactions", &account_routes::submit);
  on("GET", "/v1/transactions/{recordId}", &account_routes::record);
  on("GET", "/v1/accounts/{userId}", &account_routes::account);
  on("GET", "/v1/accounts/{userId}/transactions", &account_routes::history);
  routes.push_back({"GET", "/openapi.json", [](const http_request&, const http_responder& respond) {
                      respond({200, "application/json", openapi_document(), {}});
                    }});
  return routes;
}

} // namespace ledgerd
