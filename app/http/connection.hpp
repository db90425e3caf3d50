// One connection of the HTTP server. Everything happens on the server's thread.
//
// Built on asio, with the grammar in http_head.hpp. A body is as long as its head says, so nothing
// of it has to be parsed.
#pragma once

#include <array>
#include <cstddef>
#include <ctime>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "app/http/head.hpp"
#include "app/http/server.hpp"
#include "app/http/socket.hpp"

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

  // The time for the header Date.
  const std::string& date();

private:
  std::time_t date_second_ = 0;
  std::string date_;
};

class http_connection;

// What a connection tells the server of itself.
class http_connection_owner {
public:
  virtual ~http_connection_owner() = default;
  // False: there is no place for it now. Then it stays at rest.
  virtual bool at_work(http_connection& which, const http_route& route) = 0;
  virtual void at_rest(http_connection& which) = 0;
  virtual void closed(http_connection& which) = 0;
};

// Owned by the server's lists and by its own pending operations. Ends by `close`, which makes all
// of them fail; tells the owner so exactly once.
class http_connection : public std::enable_shared_from_this<http_connection> {
public:
  using list = std::list<std::shared_ptr<http_connection>>;

  // `peer` is the address at the other end; without a certificate no TLS is spoken.
  http_connection(std::shared_ptr<http_service> service, asio::ip::tcp::socket socket,
                  std::shared_ptr<http_certificate> certificate, std::string peer,
                  http_connection_owner& owner);

  void start();
  void close();

  // Whether a route has the request and has not answered.
  bool at_work() const noexcept { return at_work_; }

  const std::string& peer() const noexcept { return peer_; }
  http_request& request() noexcept { return request_; }

  // The owner's: where it keeps this connection, and for whom it is at work.
  list::iterator place;
  std::optional<std::string> client;

private:
  enum class state {
    handshake,
    idle,
    header,
    body,
    handling,
    writing,
    streaming,
    lingering,
    closed
  };

  void enter(state next, std::chrono::milliseconds limit);
  void overdue();
  void shake_hands();
  void read();
  void consume();
  void consume_head();
  bool take_head();
  void say_continue();
  void dispatch();
  void rest();
  void refuse(int status, std::string_view code, std::string_view detail);
  const http_route* find_route(std::string_view path, std::string_view query,
                               http_response& otherwise);
  void answer(std::uint64_t request_number, const http_response& response);
  void write(const http_response& response);
  void written();
  void begin_stream();
  void watch_client();
  void stream_on();
  void linger();
  void discard();

  std::shared_ptr<http_service> service_;
  http_socket socket_;
  asio::steady_timer deadline_;
  const std::string peer_;
  http_connection_owner& owner_;
  state state_ = state::idle;
  bool at_work_ = false;
  bool at_health_ = false; // the answer under way is a health check's

  std::array<char, 4096> buffer_{};
  std::size_t begin_ = 0; // what lies between begin_ and end_ has been read but not parsed
  std::size_t end_ = 0;

  http_head_scanner scanner_;
  std::string head_text_;
  std::size_t body_missing_ = 0;
  http_request request_;
  std::string target_;

  std::uint64_t request_number_ = 0; // an answer to an earlier request is too late
  bool keep_alive_ = false;
  std::string output_;
  std::shared_ptr<http_stream> stream_; // of the answer under way; null: it has none
  http_stream::piece piece_;            // that goes out now; null: none does
  std::size_t discarded_ = 0;
};

} // namespace ledgerd
