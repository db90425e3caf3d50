// A small HTTP/1.1 server for health checks, metrics and the API: every resource that a client can
// use up has a limit.
//
// One thread of its own runs everything, so a route's function must answer at once or hand its
// responder on; nothing here ever waits. Requests of one connection are answered one after another;
// what is sent early waits in the kernel.
//
// Health is always answered: fewer requests may be at work than there are connections, and health
// checks are not counted among them. When all connections are taken, one that has no request at a
// route makes room: of the address that has most of them, the one that has waited longest. So
// clients that idle, send slowly or do not read keep nobody out, and one client no other. The
// process's files are reserved in the same way: at most half of those it may open are connections.
//
// An answer that goes on as a stream has no place at work: its connection is one at rest, which
// makes room like any other. How many there are is for the route to bound.
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

#include "app/http/certificate.hpp"
#include "app/http/stream.hpp"
#include "app/http/target.hpp"

namespace ledgerd {

struct http_request {
  std::string method;
  std::string path;       // as sent, without the query
  std::string authority;  // host and port that the request is for; empty: not said
  http_values parameters; // of the route's path, decoded
  http_values query;      // decoded
  http_values headers;    // names in lower case, values without blanks around them
  std::string body;
  std::string caller;   // the name of the token that let a call with the scope `operate` through
  bool crowded = false; // much is at work: a route should not hold on to this for long

  // The value of a header by its lower-case name, the first of several, or an empty text.
  std::string_view header(std::string_view name) const noexcept;

  // All values of a header.
  std::vector<std::string_view> values(std::string_view name) const;

  // How often a header was sent.
  std::size_t header_count(std::string_view name) const noexcept;

  // The value of a parameter of the route's path, or an empty text.
  std::string_view parameter(std::string_view name) const noexcept;

  // The value of a parameter of the query, the first of several, or an empty text.
  std::string_view argument(std::string_view name) const noexcept;

  // How often the query holds a name, with or without a value.
  std::size_t argument_count(std::string_view name) const noexcept;
};

struct http_response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  http_values headers;
  // The body goes on with what this says, until it ends or the client goes; null: that was all.
  std::shared_ptr<http_stream> stream{};
  std::string code{}; // of a problem; empty: it is none
};

// An application/problem+json answer; `code` is the stable word of the contract.
http_response http_problem(int status, std::string_view code, std::string_view detail);

// Answers one request. May be called once, from any thread, also after the request has timed out or
// the server has gone: then it does nothing.
using http_responder = std::function<void(http_response)>;

using http_handler = std::function<void(const http_request&, http_responder)>;

struct http_route {
  std::string method; // GET also answers HEAD
  std::string path;   // exactly, but for parameters: see path_pattern
  http_handler handle;
  bool health = false; // answered however much is at work; must answer at once
};

struct http_limits {
  std::size_t header_bytes = 8 * 1024; // request line, names and values together
  std::size_t header_count = 64;
  std::size_t query_count = 64; // names in the query
  std::size_t body_bytes = 64 * 1024;
  std::size_t connections = 1024; // or half of the files that the process may open, if that is less
  std::size_t secure_connections = 256; // instead, over TLS, where each takes up to 100 kB
  std::chrono::milliseconds handshake_time{5000}; // from the connection to TLS, if it is spoken
  std::chrono::milliseconds header_time{
      5000}; // from the connection or the first byte to the end of the header
  std::chrono::milliseconds body_time{10000};   // from there to the end of the body
  std::chrono::milliseconds handle_time{35000}; // from there to the route's answer; more than the
                                                // longest wait that a client may prefer
  std::chrono::milliseconds write_time{10000};  // for sending the answer
  std::chrono::milliseconds idle_time{75000};   // between two requests; more than the 60 s for
                                                // which balancers keep a connection
};

class http_server {
public:
  // Listens and serves until `stop`, over TLS when there is a certificate. Throws
  // std::runtime_error when the address cannot be had.
  http_server(const std::string& host, std::uint16_t port, std::vector<http_route> routes,
              http_limits limits = {}, std::shared_ptr<http_certificate> certificate = nullptr);

  // Stops when that has not been done.
  ~http_server();

  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  std::uint16_t port() const noexcept;

  // What new connections are shown from now on; present ones go on. Null: they speak no TLS.
  void show(std::shared_ptr<http_certificate> certificate);

  // Closes every connection and ends the thread. Afterwards no route is called any more. Not from a
  // route.
  void stop();

private:
  class core;
  std::unique_ptr<core> core_;
};

} // namespace ledgerd
