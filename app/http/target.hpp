// The target of a request: the path, matched against a route's, and the query.
//
// Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ledgerd {

using http_values = std::vector<std::pair<std::string, std::string>>;

// Every %XX as the byte it stands for, and in a query every + as a blank. Nothing when a percent
// sign is not followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank = false);

// The names and values of a query, decoded, in their order. Nothing when an escape is broken or
// there are more than `count_max`.
std::optional<http_values> read_query(std::string_view query, std::size_t count_max);

// The host and the port of an authority such as `localhost:8080` or `[::1]`; the host in lower case
// and without brackets, the port empty when there is none. Nothing when it is no such thing, or
// names a user.
struct http_host {
  std::string host;
  std::string port;
};
std::optional<http_host> read_host(std::string_view authority);

// Whether a host means this machine and nothing else whoever resolves it: `localhost` and names
// under it, 127.0.0.0/8, ::1.
bool is_loopback(const http_host& where) noexcept;

// A route's path, such as /v1/transactions/{recordId}: a segment in braces stands for one segment
// of any text but none, every other one for itself as it is sent.
class path_pattern {
public:
  explicit path_pattern(std::string_view path);

  bool matches(std::string_view path) const noexcept;

  // The parameters of a path that matches, decoded. Nothing when an escape is broken.
  std::optional<http_values> parameters(std::string_view path) const;

private:
  struct segment {
    std::string text; // of a parameter its name
    bool parameter = false;
  };

  std::vector<segment> segments_;
};

} // namespace ledgerd
