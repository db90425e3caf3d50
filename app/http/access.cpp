#include "app/http/access.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>

#include "app/base/text.hpp"

namespace ledgerd {

namespace {

constexpr std::string_view scheme = "bearer";

// The token of `Authorization: Bearer TOKEN`, or an empty text.
std::string_view token_of(const http_request& request) noexcept {
  if (request.header_count("authorization") != 1)
    return {};
  auto value = request.header("authorization");
  const auto blank = std::min(value.find(' '), value.size());
  if (!same_word(value.substr(0, blank), scheme))
    return {};
  value.remove_prefix(blank);
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

http_response unauthorized(bool tried) {
  auto problem = http_problem(401, "UNAUTHORIZED",
                              tried ? "this bearer token is not known"
                                    : "this call needs the header `Authorization: Bearer TOKEN`");
  problem.headers.emplace_back("WWW-Authenticate",
                               tried ? "Bearer error=\"invalid_token\"" : "Bearer");
  return problem;
}

http_response forbidden(access_scope needed) {
  const std::string scope{to_text(needed)};
  auto problem =
      http_problem(403, "FORBIDDEN", "this call needs a token with the scope `" + scope + "`");
  problem.headers.emplace_back("WWW-Authenticate",
                               "Bearer error=\"insufficient_scope\", scope=\"" + scope + "\"");
  return problem;
}

http_response rate_limited(std::chrono::milliseconds wait) {
  auto problem = http_problem(429, "RATE_LIMITED", "more requests than this caller may send");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  problem.headers.emplace_back("Retry-After", std::to_string(seconds));
  return problem;
}

// Without tokens nothing protects the API but that it listens on loopback, and a browser on this
// machine reaches it there for every page it shows. Such a page gets here under a name of its own
// that it had resolved to loopback, or says in these headers, which it cannot forge, that it comes
// from elsewhere.
std::optional<http_response> refuse_page(const http_request& request) {
  const auto where = read_host(request.authority);
  // No browser leaves the host out.
  if (request.header_count("host") > 0 && !(where && is_loopback(*where)))
    return http_problem(421, "MISDIRECTED_REQUEST",
                        "without a token file this server answers only to loopback names such as "
                        "localhost and 127.0.0.1");
  const auto foreign = [](std::string_view what) {
    return http_problem(403, "FORBIDDEN",
                        "the header " + std::string{what}
                            + " shows a page of another origin; without a token file such calls "
                              "are refused");
  };
  const bool navigates = (request.method == "GET" || request.method == "HEAD")
                         && request.header("sec-fetch-mode") == "navigate";
  for (const auto site : request.values("sec-fetch-site"))
    if (site != "same-origin" && site != "none" && !navigates)
      return foreign("Sec-Fetch-Site");
  for (const auto origin : request.values("origin"))
    if (origin != "http://" + request.authority && origin != "https://" + request.authority)
      return foreign("Origin");
  return std::nullopt;
}

} // namespace

struct http_guard::guarded_access {
  explicit guarded_access(http_access access)
      : tokens{std::move(access.tokens)}, required{access.required}, anonymous{access.rate_max} {
    for (const auto& token : tokens.all())
      buckets.emplace_back(token.rate.value_or(access.rate_max));
  }

  bearer_tokens tokens;
  bool required;
  std::vector<token_bucket> buckets; // one for each token
  token_bucket anonymous;            // for all callers without one, so that guessing is slow
};

http_guard::http_guard(http_access access)
    : present_{std::make_unique<guarded_access>(std::move(access))} {}

http_guard::~http_guard() = default;

void http_guard::replace(http_access access) {
  auto next = std::make_unique<guarded_access>(std::move(access));
  std::vector<std::shared_ptr<http_stream>> revoked;
  {
    const std::lock_guard lock{mutex_};
    std::swap(present_, next);
    std::erase_if(streams_, [&](const auto& each) {
      if (holds(each.token, each.needed))
        return each.stream.expired();
      if (auto stream = each.stream.lock())
        revoked.push_back(std::move(stream));
      return true;
    });
  }
  for (const auto& each : revoked)
    each->cut();
}

// With the mutex.
bool http_guard::holds(const token_digest& token, access_scope needed) const {
  const auto& all = present_->tokens.all();
  return !present_->required || std::any_of(all.begin(), all.end(), [&](const auto& each) {
    return each.digest == token && (each.scopes & static_cast<std::uint8_t>(needed)) != 0;
  });
}

void http_guard::keep(const std::shared_ptr<http_stream>& stream, const token_digest& token,
                      access_scope needed) {
  {
    const std::lock_guard lock{mutex_};
    std::erase_if(streams_, [](const auto& each) { return each.stream.expired(); });
    if (holds(token, needed)) { // it may have been replaced since the request was let through
      streams_.push_back({stream, token, needed});
      return;
    }
  }
  stream->cut();
}

std::optional<http_response> http_guard::refuse(const http_request& request, access_scope needed,
                                                std::optional<bearer_token>& owner) {
  const std::lock_guard lock{mutex_};
  auto& access = *present_;
  if (!access.required)
    if (auto refusal = refuse_page(request))
      return refusal;
  const auto given = access.required ? token_of(request) : std::string_view{};
  const auto caller = given.empty() ? std::nullopt : access.tokens.find(given);
  auto& bucket = caller ? access.buckets[*caller] : access.anonymous;
  if (const auto wait = bucket.take(token_bucket::clock::now()))
    return rate_limited(*wait);
  if (!access.required)
    return std::nullopt;
  if (!caller)
    return unauthorized(!given.empty());
  if ((access.tokens.all()[*caller].scopes & static_cast<std::uint8_t>(needed)) == 0)
    return forbidden(needed);
  owner = access.tokens.all()[*caller];
  return std::nullopt;
}

token_bucket::token_bucket(unsigned rate) : rate_{static_cast<double>(rate)}, level_{rate_} {}

std::optional<std::chrono::milliseconds> token_bucket::take(clock::time_point now) {
  if (rate_ == 0)
    return std::nullopt;
  const std::chrono::duration<double> passed = now - filled_;
  level_ = std::min(rate_, level_ + std::max(0.0, passed.count()) * rate_);
  filled_ = now;
  if (level_ >= 1) {
    level_ -= 1;
    return std::nullopt;
  }
  return std::chrono::ceil<std::chrono::milliseconds>(
      std::chrono::duration<double>{(1 - level_) / rate_});
}

http_access read_http_access(const http_settings& settings) {
  http_access access;
  access.rate_max = settings.http_rate_max;
  access.required = !settings.http_token_file.empty();
  if (!access.required)
    return access;
  auto file = read_token_file(settings.http_token_file);
  std::string faults;
  for (const auto& fault : file.faults)
    faults += (faults.empty() ? "" : "; ") + fault;
  if (!faults.empty())
    throw std::runtime_error{faults};
  access.tokens = std::move(file.tokens);
  return access;
}

std::optional<access_scope> scope_of(const http_route& route, const http_request& request) {
  const std::string_view path{route.path};
  // Health checks come from what starts and balances the nodes, which has no token.
  if (path == "/livez" || (path == "/readyz" && request.argument_count("verbose") == 0))
    return std::nullopt;
  // The files of the page are those of every node; a browser that opens it has no token yet.
  if (path == "/" || path.starts_with("/page/"))
    return std::nullopt;
  const bool ours = path == "/openapi.json" || path.starts_with("/v1/transactions")
                    || path.starts_with("/v1/accounts");
  if (ours && route.method == "GET")
    return access_scope::read;
  if (ours && route.method == "POST")
    return access_scope::submit;
  return access_scope::operate;
}

std::vector<http_route> guard_routes(std::vector<http_route> routes,
                                     const std::shared_ptr<http_guard>& guard) {
  for (auto& route : routes) {
    const auto open = std::make_shared<const http_route>(route);
    route.handle = [guard, open](const http_request& request, http_responder respond) {
      const auto needed = scope_of(*open, request);
      std::optional<bearer_token> caller;
      if (needed)
        if (auto refusal = guard->refuse(request, *needed, caller))
          return respond(*std::move(refusal));
      // No call for which another scope is enough answers with a stream.
      if (needed != access_scope::operate || !caller)
        return open->handle(request, std::move(respond));
      auto named = request;
      named.caller = caller->name;
      open->handle(named,
                   [guard, token = caller->digest, respond = std::move(respond)](auto answer) {
                     if (answer.stream)
                       guard->keep(answer.stream, token, access_scope::operate);
                     respond(std::move(answer));
                   });
    };
  }
  return routes;
}

std::vector<http_route> guard_routes(std::vector<http_route> routes, http_access access) {
  return guard_routes(std::move(routes), std::make_shared<http_guard>(std::move(access)));
}

} // namespace ledgerd
