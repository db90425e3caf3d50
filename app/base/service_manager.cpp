#include "app/base/service_manager.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/base/text.hpp"

namespace ledgerd {

namespace {

// Nothing in this program changes the environment.
std::string_view variable(const char* name) {
  const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

std::optional<std::int64_t> number(std::string_view text) {
  return parse_integer(text, 1, std::numeric_limits<std::int64_t>::max());
}

bool is_local_socket(std::string_view name) {
  return name.size() > 1 && name.size() < sizeof(sockaddr_un::sun_path)
         && (name.front() == '/' || name.front() == '@');
}

} // namespace

service_manager service_manager::of_environment() {
  const auto listens = variable("NOTIFY_SOCKET");
  if (!is_local_socket(listens))
    return {};
  const auto watched = variable("WATCHDOG_PID");
  const auto time = number(variable("WATCHDOG_USEC"));
  const bool ours = watched.empty() || number(watched) == std::int64_t{getpid()};
  return {std::string{listens},
          time && ours ? std::optional{std::chrono::microseconds{*time}} : std::nullopt};
}

bool service_manager::say(std::string_view lines) const noexcept {
  if (!is_local_socket(socket_))
    return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  // An abstract name begins with a zero byte and has no end but its length.
  if (address.sun_path[0] == '@')
    address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0)
    return false;
  const auto sent = sendto(descriptor, lines.data(), lines.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address), length);
  close(descriptor);
  return sent == static_cast<ssize_t>(lines.size());
}

} // namespace ledgerd
