// The service manager that started this process (systemd), spoken to in the protocol of
// sd_notify(3): a datagram of lines `NAME=value` to the socket that the environment names. A few
// lines of our own, so that the program needs no library of systemd's; the protocol is a promise of
// that project.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ledgerd {

// Where it listens. Immutable: any thread.
class service_manager {
public:
  // Nobody: nothing is ever sent.
  service_manager() = default;

  // `socket`: a path, or `@` and the name of an abstract socket. `watchdog`: how long it lets this
  // process go without a sign of life; nothing: it does not watch.
  service_manager(std::string socket, std::optional<std::chrono::microseconds> watchdog)
      : socket_{std::move(socket)}, watchdog_{watchdog} {}

  // NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. What cannot be understood, or is meant for
  // another process, is as if it were not there.
  static service_manager of_environment();

  bool is_there() const noexcept { return !socket_.empty(); }
  std::optional<std::chrono::microseconds> watchdog() const noexcept { return watchdog_; }

  // Sends one datagram; never waits. False when it was not taken: nobody listens, or the queue is
  // full. Say it again then if it matters.
  bool say(std::string_view lines) const noexcept;

private:
  std::string socket_;
  std::optional<std::chrono::microseconds> watchdog_;
};

} // namespace ledgerd
