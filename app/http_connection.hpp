// One connection of the HTTP server. Everything happens on the server's thread.
//
// Built on asio and http_parser directly. RESTinio 0.6.16 stands on the same two, but closes the
// connection without an answer where the contract wants 413 and 431, keeps a record for each chunk
// of a body, stops accepting for good after one failed accept, and its connections outlive the
// counter that they decrement when a server with open connections stops.
#pragma once

#define ASIO_STANDALONE
#include <array>
#include <asio.hpp>
#include <cstddef>
#include <http_parser.h>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "app/http_server.hpp"

namespace ledgerd {

// The server as its connections see it. Outlives the io_context's run, and everything that a
// connection keeps.
struct http_service {
  struct served_route {
    http_route route;
    path_pattern pattern;
  };

  asio::io_context io{1};
  std::vector<served_route> routes;
  http_limits limits;
};

class http_connection;

// What a connection tells the server of itself.
class http_connection_owner {
public:
  virtual ~http_connection_owner() = default;
  virtual void at_work(http_connection& which) = 0;
  virtual void at_rest(http_connection& which) = 0;
  virtual void closed(http_connection& which) = 0;
};

// Owned by the server's lists and by its own pending operations. Ends by `close`, which makes all
// of them fail; tells the owner so exactly once.
class http_connection : public std::enable_shared_from_this<http_connection> {
public:
  using list = std::list<std::shared_ptr<http_connection>>;

  http_connection(std::shared_ptr<http_service> service, asio::ip::tcp::socket socket,
                  http_connection_owner& owner);

  void start();
  void close();

  // Whether a route has the request and has not answered.
  bool at_work() const noexcept { return at_work_; }

  // The owner's: where it keeps this connection.
  list::iterator place;

private:
  enum class state { idle, header, body, handling, writing, lingering, closed };

  // The parser's callbacks; a value other than 0 makes the parse fail.
  static int on_begin(http_parser* parser);
  static int on_url(http_parser* parser, const char* data, std::size_t size);
  static int on_header_field(http_parser* parser, const char* data, std::size_t size);
  static int on_header_value(http_parser* parser, const char* data, std::size_t size);
  static int on_headers_complete(http_parser* parser);
  static int on_body(http_parser* parser, const char* data, std::size_t size);
  static int on_complete(http_parser* parser);
  static const http_parser_settings& callbacks();
  static http_connection& self(http_parser* parser) {
    return *static_cast<http_connection*>(parser->data);
  }

  int count_header(std::size_t bytes);
  int refuse(int status, std::string_view code, std::string_view detail);

  void enter(state next, std::chrono::milliseconds limit);
  void overdue();
  void read();
  void consume();
  void dispatch();
  void work(bool begun);
  http_handler find_handler(std::string_view path, std::string_view query,
                            http_response& otherwise);
  void answer(std::uint64_t request_number, const http_response& response);
  void write(const http_response& response);
  void written();
  void linger();

  std::shared_ptr<http_service> service_;
  asio::ip::tcp::socket socket_;
  asio::steady_timer deadline_;
  http_connection_owner& owner_;
  state state_ = state::idle;
  bool at_work_ = false;

  std::array<char, 4096> buffer_{};
  std::size_t begin_ = 0; // what lies between begin_ and end_ has been read but not parsed
  std::size_t end_ = 0;

  http_parser parser_{};
  http_request request_;
  std::string target_;
  std::size_t header_bytes_ = 0;
  bool in_value_ = false;
  bool complete_ = false;
  std::optional<http_response> refusal_;

  std::uint64_t request_number_ = 0; // an answer to an earlier request is too late
  bool keep_alive_ = false;
  std::string output_;
  std::size_t discarded_ = 0;
};

} // namespace ledgerd
