#include "app/api/submission_routes.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "app/base/text.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

http_response invalid_field(std::string_view detail) {
  return http_problem(400, "INVALID_FIELD", detail);
}

http_response to_response(api_answer answer) {
  http_response response{answer.status,
                         answer.status < 400 ? "application/json" : "application/problem+json",
                         std::move(answer.body), std::move(answer.headers)};
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

std::string_view trimmed(std::string_view text) noexcept {
  constexpr auto blanks = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

// Cuts off and returns what stands before the next `separator` outside quotation marks.
std::string_view next_part(std::string_view& rest, char separator) noexcept {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < rest.size() && (quoted || rest[end] != separator); ++end) {
    if (quoted && rest[end] == '\\' && end + 1 < rest.size())
      ++end;
    else if (rest[end] == '"')
      quoted = !quoted;
  }
  const auto part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return trimmed(part);
}

// Seconds; a number of any length is read, and cut.
std::optional<std::chrono::seconds> read_wait(std::string_view text) noexcept {
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"'))
    text = text.substr(1, text.size() - 2);
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  text.remove_prefix(std::min(text.find_first_not_of('0'), text.size() - 1));
  const auto longest = prefer_wait_max.count();
  return std::chrono::seconds{text.size() > 2 ? longest
                                              : parse_integer(text, 0, longest).value_or(longest)};
}

bool is_json(const http_request& request) {
  const auto type = request.header("content-type");
  return request.header_count("content-type") == 1
         && same_word(trimmed(type.substr(0, type.find(';'))), "application/json");
}

std::optional<record_id> read_record_id(std::string_view text) {
  const auto number = parse_integer(text, 1, INT64_MAX);
  if (!number || text.starts_with('0'))
    return std::nullopt;
  return record_id{*number};
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
      return respond(invalid_field(why->detail));
    auto wait = preferred_wait(request.values("prefer"));
    if (request.crowded) // which RFC 7240 allows
      wait.reset();
    api_->submit({.body = request.body,
                  .idempotency_key = std::get<std::string>(key),
                  .wait = wait.value_or(std::chrono::seconds{0})},
                 [wait, respond = std::move(respond)](api_answer answer) {
                   if (wait && answer.status < 400)
                     answer.headers.emplace_back("Preference-Applied",
                                                 "wait=" + std::to_string(wait->count()));
                   respond(to_response(std::move(answer)));
                 });
  }

  void record(const http_request& request, http_responder respond) {
    const auto id = read_record_id(request.parameter("recordId"));
    if (!id)
      return respond(invalid_field("recordId must be an integer from 1 to 9223372036854775807"));
    api_->record(*id, pass_on(std::move(respond)));
  }

  void account(const http_request& request, http_responder respond) {
    const auto user_id = request.parameter("userId");
    if (const auto why = check_user_id(user_id))
      return respond(invalid_field(why->detail));
    api_->account(user_id, pass_on(std::move(respond)));
  }

  void history(const http_request& request, http_responder respond) {
    const auto user_id = request.parameter("userId");
    if (const auto why = check_user_id(user_id))
      return respond(invalid_field(why->detail));
    for (const auto* name : {"currency", "limit", "before"}) {
      const auto value = request.argument(name);
      if (request.argument_count(name) > 1)
        return respond(invalid_field(std::string{name} + " is given twice"));
      if (!is_clean_text(value))
        return respond(invalid_field(std::string{name}
                                     + " must not hold control characters, and "
                                       "must be UTF-8"));
    }
    api_->history(user_id, request.argument("currency"), request.argument("limit"),
                  request.argument("before"), pass_on(std::move(respond)));
  }

private:
  std::shared_ptr<submission_api> api_;
};

} // namespace

std::optional<std::chrono::seconds> preferred_wait(const std::vector<std::string_view>& values) {
  for (auto rest : values)
    while (!rest.empty()) {
      auto preference = next_part(rest, ',');
      auto setting = next_part(preference, ';'); // without parameters, of which `wait` has none
      const auto equals = std::min(setting.find('='), setting.size());
      if (!same_word(trimmed(setting.substr(0, equals)), "wait"))
        continue;
      // Of several the first counts, even if it cannot be read.
      return read_wait(trimmed(setting.substr(std::min(equals + 1, setting.size()))));
    }
  return std::nullopt;
}

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
