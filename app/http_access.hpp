// Who may call which route, and how often.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "app/bearer_tokens.hpp"
#include "app/config.hpp"
#include "app/http_server.hpp"

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
http_access read_http_access(const config& settings);

// The scope that a call of a route needs, or nothing when it needs none. What is not known here
// needs `operate`.
std::optional<access_scope> scope_of(const http_route& route, const http_request& request);

// The same routes behind the access: 401 without a token or with an unknown one, 403 without the
// scope, 429 above the rate. The handlers must be called by one thread at a time, as http_server
// does.
std::vector<http_route> guard_routes(std::vector<http_route> routes, http_access access);

} // namespace ledgerd
