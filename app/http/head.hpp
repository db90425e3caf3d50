// The head of a request: request line and headers, as RFC 9112 has them and not a byte laxer, for
// what stands before this server may read a lax one otherwise.
//
// Pure; any thread. Boost.Beast judges the grammar; what it lets pass (folded lines, several of a
// header that must stand once) is refused here. Only http_head.cpp sees it: its headers take
// seconds to compile.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "app/http/target.hpp"

namespace ledgerd {

// Finds the end of a head byte by byte, so that what can never become one is refused at once.
class http_head_scanner {
public:
  enum class state { more, complete, broken };

  // Reads up to the end of the head. `used` is how many bytes that were.
  state scan(std::string_view bytes, std::size_t& used);

private:
  char last_ = '\n';
  std::size_t line_ = 0;  // bytes of the present line, without its end
  std::size_t lines_ = 0; // that ended and were not empty
  bool blank_ = false;    // an empty line came before the first, which is allowed once
};

struct http_head {
  std::string method;
  std::string target;    // in origin form, or `*`, or what CONNECT names
  std::string authority; // host and port that the request is for; empty: not said
  http_values headers;   // names in lower case, values without blanks around them
  std::size_t content_length = 0;
  bool keep_alive = false;
  bool expects_continue = false; // waits for a word before it sends the body
};

// Why a head is refused. The connection ends with the answer.
struct http_refusal {
  int status = 400;
  std::string_view code;
  std::string detail;
};

struct http_head_limits {
  std::size_t header_count = 64;
  std::size_t body_bytes = 64 * 1024;
};

// Reads a whole head, as the scanner cut it off.
std::variant<http_head, http_refusal> read_http_head(std::string_view text,
                                                     const http_head_limits& limits);

} // namespace ledgerd
