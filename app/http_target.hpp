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
