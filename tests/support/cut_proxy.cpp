#include "tests/support/cut_proxy.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <list>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ledgerd::test {

namespace {

// How soon a change of the switches is noticed.
constexpr int poll_milliseconds = 10;

class descriptor {
public:
  explicit descriptor(int value) noexcept : value_(value) {}
  descriptor(descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  descriptor& operator=(descriptor&&) = delete;
  ~descriptor() {
    if (value_ >= 0)
      close(value_);
  }

  int get() const noexcept { return value_; }

private:
  int value_;
};

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  result.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return result;
}

bool send_all(int socket, const char* data, std::size_t size) {
  while (size > 0) {
    const auto sent = send(socket, data, size, MSG_NOSIGNAL);
    if (sent <= 0)
      return false;
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

bool readable(int socket) {
  pollfd waiting{socket, POLLIN, 0};
  return poll(&waiting, 1, 0) > 0;
}

} // namespace

struct cut_proxy::connection {
  descriptor client;
  descriptor server;
  std::string tail; // the last bytes of the client, where a trigger may begin
  bool cut_on_answer = false;
  bool heard = false; // the client, since it last sent something
  int born = 0;       // the number of black holes before it
};

cut_proxy::cut_proxy(std::uint16_t target_port) : target_port_(target_port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener_ < 0)
    fail("socket");
  auto address = loopback(0);
  socklen_t size = sizeof address;
  const auto generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 64) != 0
      || getsockname(listener_, generic, &size) != 0)
    fail("bind");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

cut_proxy::~cut_proxy() {
  stopping_ = true;
  thread_.join();
  close(listener_);
}

void cut_proxy::arm(std::string trigger, cut where) {
  const std::lock_guard lock(mutex_);
  trigger_ = std::move(trigger);
  where_ = where;
}

void cut_proxy::run() {
  std::list<connection> connections;
  while (!stopping_) {
    std::vector<pollfd> waiting{{listener_, POLLIN, 0}};
    if (!hangs_)
      for (const auto& each : connections) {
        if (each.born < blackholes_)
          continue;
        waiting.push_back({each.client.get(), POLLIN, 0});
        waiting.push_back({each.server.get(), POLLIN, 0});
      }
    if (poll(waiting.data(), waiting.size(), poll_milliseconds) <= 0)
      continue;
    if ((waiting.front().revents & POLLIN) != 0) {
      connection fresh{descriptor(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)),
                       descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
                       {},
                       false,
                       false,
                       blackholes_};
      const auto address = loopback(target_port_);
      if (connect(fresh.server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address)
          == 0)
        connections.push_back(std::move(fresh));
    }
    if (!hangs_)
      connections.remove_if([this](connection& each) { return !forward(each); });
  }
}

// False: the connection has ended.
bool cut_proxy::forward(connection& each) {
  if (each.born < blackholes_)
    return true;
  char data[65536];
  if (readable(each.client.get())) {
    const auto size = recv(each.client.get(), data, sizeof data, 0);
    if (size <= 0)
      return false;
    round_trips_ += std::exchange(each.heard, false) ? 1 : 0;
    if (triggers(each, data, static_cast<std::size_t>(size))) {
      ++cuts_;
      if (!each.cut_on_answer)
        return false;
    }
    if (!send_all(each.server.get(), data, static_cast<std::size_t>(size)))
      return false;
  }
  if (readable(each.server.get())) {
    const auto size = recv(each.server.get(), data, sizeof data, 0);
    if (size <= 0 || each.cut_on_answer)
      return false;
    each.heard = true;
    return send_all(each.client.get(), data, static_cast<std::size_t>(size));
  }
  return true;
}

bool cut_proxy::triggers(connection& each, const char* data, std::size_t size) {
  const std::lock_guard lock(mutex_);
  if (trigger_.empty())
    return false;
  each.tail.append(data, size);
  const bool found = each.tail.find(trigger_) != std::string::npos;
  if (found) {
    trigger_.clear();
    each.cut_on_answer = where_ == cut::after_answer;
  } else if (each.tail.size() > trigger_.size()) {
    each.tail.erase(0, each.tail.size() - trigger_.size());
  }
  return found;
}

namespace {

// Where the port's digits stand in a URL.
std::pair<std::size_t, std::size_t> port_digits(const std::string& url) {
  const auto authority = url.find("://") + 3;
  const auto end = url.find_first_of("/?", authority);
  return {url.rfind(':', end) + 1, end == std::string::npos ? url.size() : end};
}

} // namespace

std::string with_port(const std::string& url, std::uint16_t port) {
  const auto [begin, end] = port_digits(url);
  return url.substr(0, begin) + std::to_string(port) + url.substr(end);
}

std::uint16_t port_of(const std::string& url) {
  const auto [begin, end] = port_digits(url);
  return static_cast<std::uint16_t>(std::stoi(url.substr(begin, end - begin)));
}

} // namespace ledgerd::test
