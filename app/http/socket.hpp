// The bytes of one connection, as they are or within TLS. Private to this wing; on the server's
// thread.
#pragma once

#define ASIO_STANDALONE
#include <asio.hpp>
#include <asio/ssl.hpp>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace ledgerd {

class http_certificate {
public:
  asio::ssl::context context{asio::ssl::context::tls_server};
};

// One read and one write may be under way at once. Nothing is read or written before the handshake
// has succeeded, if there is one.
class http_socket {
public:
  // Without a certificate the bytes are as they are.
  http_socket(asio::ip::tcp::socket socket, std::shared_ptr<http_certificate> certificate)
      : socket_{std::move(socket)}, certificate_{std::move(certificate)} {
    asio::error_code ignored;
    socket_.non_blocking(true, ignored);
    if (certificate_)
      tls_.emplace(socket_, certificate_->context);
  }

  http_socket(const http_socket&) = delete;
  http_socket& operator=(const http_socket&) = delete;

  bool is_secure() const noexcept { return tls_.has_value(); }

  // Precondition: is_secure().
  template <class Handler>
  void async_handshake(Handler handler) {
    tls_->async_handshake(asio::ssl::stream_base::server, std::move(handler));
  }

  template <class Handler>
  void async_read_some(const asio::mutable_buffer& to, Handler handler) {
    if (tls_)
      tls_->async_read_some(to, std::move(handler));
    else
      socket_.async_read_some(to, std::move(handler));
  }

  // All of it.
  template <class Handler>
  void async_write(const asio::const_buffer& what, Handler handler) {
    if (tls_)
      asio::async_write(*tls_, what, std::move(handler));
    else
      asio::async_write(socket_, what, std::move(handler));
  }

  // A few bytes for which the kernel has room; what it does not take is left out. No write may be
  // under way.
  void write_now(std::string_view text) {
    asio::error_code ignored;
    if (tls_)
      tls_->write_some(asio::buffer(text), ignored);
    else
      socket_.write_some(asio::buffer(text), ignored);
  }

  // Breaks off what is under way and says that nothing more comes; afterwards only `discard` may be
  // called.
  template <class Handler>
  void async_end(Handler handler) {
    asio::error_code ignored;
    socket_.cancel(ignored);
    if (tls_)
      return tls_->async_shutdown(
          [this, handler = std::move(handler)](const asio::error_code&) mutable {
            asio::error_code none;
            socket_.shutdown(asio::ip::tcp::socket::shutdown_send, none);
            handler();
          });
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    handler();
  }

  // Reads what the peer still sends, as it came over the network.
  template <class Handler>
  void async_discard(const asio::mutable_buffer& to, Handler handler) {
    socket_.async_read_some(to, std::move(handler));
  }

  // Whatever is under way fails.
  void close() {
    asio::error_code ignored;
    socket_.close(ignored);
  }

private:
  asio::ip::tcp::socket socket_;
  std::shared_ptr<http_certificate> certificate_; // outlives the stream that was made of it
  std::optional<asio::ssl::stream<asio::ip::tcp::socket&>> tls_;
};

} // namespace ledgerd
