// A small HTTP/1.1 server for health checks, metrics and the API: every resource that a client can
// use up has a limit.
//
// One thread of its own runs everything, so a route's function must answer at once or hand its
// responder on; nothing here ever waits. Requests of one connection are answered one after another;
// what is sent early waits in the kernel. When all places are taken, the oldest connection that has
// no request at work makes room, so that idle or slow clients cannot keep a health check out.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ledgerd {

struct http_request {
  std::string method;
  std::string path;                                         // as sent, without the query
  std::string query;                                        // after the question mark
  std::vector<std::pair<std::string, std::string>> headers; // names in lower case
  std::string body;

  // The value of a header by its lower-case name, or an empty text.
  std::string_view header(std::string_view name) const noexcept;

  // Whether the query holds the name, with or without a value.
  bool has_parameter(std::string_view name) const noexcept;
};

struct http_response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// An application/problem+json answer; `code` is the stable word of the contract.
http_response http_problem(int status, std::string_view code, std::string_view detail);

// Answers one request. May be called once, from any thread, also after the request has timed out or
// the server has gone: then it does nothing.
using http_responder = std::function<void(http_response)>;

using http_handler = std::function<void(const http_request&, http_responder)>;

struct http_route {
  std::string method; // GET also answers HEAD
  std::string path;   // exactly
  http_handler handle;
};

struct http_limits {
  std::size_t header_bytes = 8 * 1024; // request line, names and values together
  std::size_t header_count = 64;
  std::size_t body_bytes = 64 * 1024;
  std::size_t connections = 128;
  std::chrono::milliseconds header_time{
      5000}; // from the connection or the first byte to the end of the header
  std::chrono::milliseconds body_time{10000};   // from there to the end of the body
  std::chrono::milliseconds handle_time{10000}; // from there to the route's answer
  std::chrono::milliseconds write_time{10000};  // for sending the answer
  std::chrono::milliseconds idle_time{30000};   // between two requests
};

class http_server {
public:
  // Listens and serves until `stop`. Throws std::runtime_error when the address cannot be had.
  http_server(std::string host, std::uint16_t port, std::vector<http_route> routes,
              http_limits limits = {});

  // Stops when that has not been done.
  ~http_server();

  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  std::uint16_t port() const noexcept;

  // Closes every connection and ends the thread. Afterwards no route is called any more. Not from a
  // route.
  void stop();

private:
  class core;
  std::unique_ptr<core> core_;
};

} // namespace ledgerd
