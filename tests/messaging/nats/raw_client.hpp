// A client that sends what no library would: any block of headers.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace ledgerd::test {

class raw_client {
public:
  // `url` is nats://ADDRESS:PORT.
  explicit raw_client(std::string_view url) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const auto host = url.substr(url.rfind('/') + 1);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(std::string(host.substr(host.find(':') + 1)))));
    ::inet_pton(AF_INET, std::string(host.substr(0, host.find(':'))).c_str(), &to.sin_addr);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error("no connection to " + std::string(url));
    send("CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n");
    flush();
  }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;
  ~raw_client() { ::close(socket_); }

  // Waits until the server has read it.
  void publish(std::string_view subject, std::string_view reply, std::string_view block,
               std::string_view payload) {
    std::string text = "HPUB ";
    text.append(subject).append(" ");
    if (!reply.empty())
      text.append(reply).append(" ");
    text.append(std::to_string(block.size())).append(" ");
    text.append(std::to_string(block.size() + payload.size())).append("\r\n");
    send(text.append(block).append(payload).append("\r\n"));
    flush();
  }

private:
  void send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0)
        throw std::runtime_error("the connection broke");
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  void flush() {
    send("PING\r\n");
    std::string came;
    char piece[4096];
    while (came.find("PONG") == std::string::npos) {
      const auto size = ::recv(socket_, piece, sizeof piece, 0);
      if (size <= 0)
        throw std::runtime_error("the connection broke");
      came.append(piece, static_cast<std::size_t>(size));
      if (came.find("-ERR") != std::string::npos)
        throw std::runtime_error(came);
    }
  }

  const int socket_;
};

} // namespace ledgerd::test
