// A plain socket for tests of the HTTP server: says what no proper client would.
#pragma once

#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace ledgerd {

class raw_client {
public:
  explicit raw_client(std::uint16_t port)
      : socket_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error{"cannot connect"};
  }
  raw_client(raw_client&& other) noexcept
      : socket_{std::exchange(other.socket_, -1)}, closed_{other.closed_} {}
  ~raw_client() {
    if (socket_ >= 0)
      close(socket_);
  }

  // False when the peer does not take it.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0)
        return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Reads until `enough` says so, the peer closes, or the time is over.
  template <class Predicate>
  std::string read_until(Predicate enough,
                         std::chrono::milliseconds limit = std::chrono::milliseconds{20000}) {
    std::string text;
    for (const auto end = std::chrono::steady_clock::now() + limit;
         !enough(text) && std::chrono::steady_clock::now() < end;) {
      pollfd wait{socket_, POLLIN, 0};
      if (poll(&wait, 1, 50) <= 0)
        continue;
      char buffer[4096];
      const auto size = recv(socket_, buffer, sizeof buffer, 0);
      if (size <= 0) {
        closed_ = true;
        break;
      }
      text.append(buffer, static_cast<std::size_t>(size));
    }
    return text;
  }

  // One whole response.
  std::string response() {
    return read_until([](const std::string& text) {
      const auto head = text.find("\r\n\r\n");
      const auto length = text.find("Content-Length: ");
      return head != std::string::npos && length < head
             && text.size() >= head + 4 + std::stoul(text.substr(length + 16));
    });
  }

  // Everything up to the end of the connection.
  std::string rest(std::chrono::milliseconds limit = std::chrono::milliseconds{5000}) {
    return read_until([](const std::string&) { return false; }, limit);
  }

  bool closed() const { return closed_; }

  // Says that nothing more will be sent.
  void finish() { shutdown(socket_, SHUT_WR); }

  // Takes what fits at once. False when the peer has gone.
  bool offer(std::string_view text) {
    const auto sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent >= 0 || errno == EAGAIN;
  }

private:
  int socket_;
  bool closed_ = false;
};

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

inline std::string status_of(const std::string& response) {
  return response.substr(0, response.find("\r\n"));
}

} // namespace ledgerd
