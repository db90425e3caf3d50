// A TCP proxy on loopback that fails on command: cuts a connection at an exact message, hangs, or
// keeps silent.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace ledgerd::test {

// Runs from construction to destruction on a thread of its own; every function may be called from
// any thread. Throws std::system_error when it cannot listen.
class cut_proxy {
public:
  enum class cut {
    before_forwarding, // the server never sees the message
    after_answer,      // the server has done and answered it, the client never hears of it
  };

  // Forwards to 127.0.0.1:`target_port`.
  explicit cut_proxy(std::uint16_t target_port);
  ~cut_proxy();

  cut_proxy(const cut_proxy&) = delete;
  cut_proxy& operator=(const cut_proxy&) = delete;

  std::uint16_t port() const noexcept { return port_; }

  // Cuts, once, the next connection on which the client sends bytes that contain `trigger`.
  void arm(std::string trigger, cut where);

  // How many connections were cut.
  int cuts() const noexcept { return cuts_; }

  // How often a client has sent something after it had heard from the server.
  int round_trips() const noexcept { return round_trips_; }

  // While true, connections are accepted and stay open, and nothing is forwarded.
  void hang(bool on) noexcept { hangs_ = on; }

  // New connections go to 127.0.0.1:`target_port` from now on; the present ones stay where they
  // are.
  void lead_to(std::uint16_t target_port) noexcept { target_port_ = target_port; }

  // From now on the present connections stay open and are silent for ever, like a path that a
  // firewall has forgotten; new ones are forwarded.
  void blackhole() noexcept { ++blackholes_; }

private:
  struct connection;

  void run();
  bool forward(connection& each);
  bool triggers(connection& each, const char* data, std::size_t size);

  std::atomic<std::uint16_t> target_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> hangs_{false};
  std::atomic<int> cuts_{0};
  std::atomic<int> round_trips_{0};
  std::atomic<int> blackholes_{0};
  std::mutex mutex_; // guards the two below
  std::string trigger_;
  cut where_ = cut::before_forwarding;
  std::thread thread_; // last: starts when all else is ready
};

// `url` (scheme://user@host:port/...) with another port, and its present port.
std::string with_port(const std::string& url, std::uint16_t port);
std::uint16_t port_of(const std::string& url);

} // namespace ledgerd::test
