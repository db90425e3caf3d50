// A proxy before a database that holds each COMMIT for a while, as a far or replicated one does.
//
//   slow_commit PORT MILLISECONDS     forwards to 127.0.0.1:PORT; prints its own port; ends with
//   its
//                                     standard input
//
// Whoever measures how nodes wait shares the processors with it, so it does little: one thread, no
// copies but for what is held. What a client sends with the word in it, and what comes after, goes
// on when its time is over; answers are never held. The measurement compiles it: it needs no build
// of the tests.

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

using steady = std::chrono::steady_clock;

constexpr std::string_view word = "COMMIT";
std::array<char, 256 * 1024> buffer;

struct connection {
  int client;
  int server;
  std::string held;           // of the client
  steady::time_point until{}; // while something is held
  bool over = false;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  result.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return result;
}

// Without delay: or small messages wait for the acknowledgement of the one before.
void send_at_once(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int checked(int result, const char* what) {
  if (result < 0)
    throw std::runtime_error(what);
  return result;
}

int listen_somewhere(std::uint16_t& port) {
  const int listener = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
  auto address = loopback(0);
  socklen_t size = sizeof address;
  checked(bind(listener, reinterpret_cast<sockaddr*>(&address), size), "bind");
  checked(listen(listener, 64), "listen");
  checked(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  port = ntohs(address.sin_port);
  return listener;
}

connection join(int listener, std::uint16_t target) {
  const int client = checked(accept(listener, nullptr, nullptr), "accept");
  const int server = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
  const auto address = loopback(target);
  checked(connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
  send_at_once(client);
  send_at_once(server);
  return {client, server, {}, {}, false};
}

bool send_all(int socket, std::string_view data) {
  while (!data.empty()) {
    const auto sent = send(socket, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent <= 0)
      return false;
    data.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// Empty: the other side has ended.
std::string_view received(int socket) {
  const auto size = recv(socket, buffer.data(), buffer.size(), 0);
  return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

void of_client(connection& each, steady::duration latency) {
  const auto data = received(each.client);
  if (data.find(word) == std::string_view::npos) {
    each.over = data.empty() || !send_all(each.server, data);
    return;
  }
  each.held = data;
  each.until = steady::now() + latency;
}

void of_server(connection& each) {
  const auto data = received(each.server);
  each.over = each.over || data.empty() || !send_all(each.client, data);
}

void let_go(connection& each) {
  each.over = !send_all(each.server, each.held);
  each.held.clear();
}

int run(std::uint16_t target, steady::duration latency) {
  std::uint16_t port = 0;
  const int listener = listen_somewhere(port);
  std::printf("%u\n", port);
  std::fflush(stdout);
  std::list<connection> connections;
  std::vector<pollfd> waiting;
  for (;;) {
    waiting.assign({{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}});
    auto wake = steady::time_point::max();
    for (const auto& each : connections) {
      // Of a client whose word is held nothing is read; a negative descriptor is passed over.
      waiting.push_back({each.held.empty() ? each.client : -1, POLLIN, 0});
      waiting.push_back({each.server, POLLIN, 0});
      if (!each.held.empty())
        wake = std::min(wake, each.until);
    }
    timespec time{};
    const bool timed = wake != steady::time_point::max();
    if (timed) {
      const auto left = std::max(wake - steady::now(), steady::duration::zero());
      time.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(left).count();
      time.tv_nsec = (left % std::chrono::seconds{1}).count();
    }
    if (ppoll(waiting.data(), waiting.size(), timed ? &time : nullptr, nullptr) < 0
        && errno != EINTR)
      throw std::runtime_error("poll");
    if (waiting[0].revents != 0)
      return 0;
    std::size_t at = 2;
    for (auto& each : connections) {
      if (waiting[at++].revents != 0)
        of_client(each, latency);
      if (waiting[at++].revents != 0)
        of_server(each);
      if (!each.held.empty() && each.until <= steady::now())
        let_go(each);
    }
    if (waiting[1].revents != 0)
      connections.push_back(join(listener, target));
    connections.remove_if([](const connection& each) {
      return each.over && close(each.client) == 0 && close(each.server) == 0;
    });
  }
}

} // namespace

int main(int count, char** arguments) try {
  if (count != 3)
    throw std::runtime_error("usage: slow_commit PORT MILLISECONDS");
  return run(static_cast<std::uint16_t>(std::atoi(arguments[1])),
             std::chrono::milliseconds{std::atoi(arguments[2])});
} catch (const std::exception& error) {
  std::fprintf(stderr, "slow_commit: %s\n", error.what());
  return 1;
}
