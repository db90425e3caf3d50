// Who may call which route, and how often.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config/bearer_tokens.hpp"
#include "app/config/http_settings.hpp"
#include "app/http/server.hpp"

namespace ledgerd {

// So many requests a second, and as many at once after a pause. One thread at a time.
class token_bucket {
public:
  using clock = std::chrono::steady_clock;

  // 0: no limit.
  explicit token_bucket(unsigned rate);

  // Takes one. Nothing when that is allowed, else the time until it will be.
  std::optional<std::chrono::milliseconds> take(clock::time_point now);

private:
  double rate_;
  double level_;
  clock::time_point filled_{};
};

// What the routes are guarded with.
struct http_access {
  std::vector<bearer_token> tokens;
  bool required = false; // without a token file nobody is asked for a token
  unsigned rate_max = 0; // of callers without a token, and of tokens without a rate; 0: no limit
};

// The access that the configuration asks for. Throws std::runtime_error with the faults of the
// token file.
http_access read_http_access(const http_settings& settings);

// The scope that a call of a route needs, or nothing when it needs none. What is not known here
// needs `operate`.
std::optional<access_scope> scope_of(const http_route& route, const http_request& request);

// The access of guarded routes, which may change while they are served. Any thread.
class http_guard {
public:
  explicit http_guard(http_access access);
  ~http_guard();

  // From now on, and for the streams that are open: those whose token holds no more are cut.
  void replace(http_access access);

  // The answer that keeps a request from its route, or nothing; then `caller` is the token that it
  // came with, nothing without tokens.
  std::optional<http_response> refuse(const http_request& request, access_scope needed,
                                      std::optional<bearer_token>& caller);

  // A stream that this token has opened lives as long as the token has the scope.
  void keep(const std::shared_ptr<http_stream>& stream, const token_digest& token,
            access_scope needed);

private:
  struct guarded_access;
  struct open_stream {
    std::weak_ptr<http_stream> stream;
    token_digest token;
    access_scope needed;
  };
  bool holds(const token_digest& token, access_scope needed) const;

  std::mutex mutex_;
  std::unique_ptr<guarded_access> present_;
  std::vector<open_stream> streams_;
};

// The same routes behind the access: 401 without a token or with an unknown one, 403 without the
// scope, 429 above the rate. Routes that need `operate` learn whose token it was.
std::vector<http_route> guard_routes(std::vector<http_route> routes,
                                     const std::shared_ptr<http_guard>& guard);
std::vector<http_route> guard_routes(std::vector<http_route> routes, http_access access);

} // namespace ledgerd
