#define CAF_SUITE service_manager

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/base/service_manager.hpp"
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

// A datagram socket with a name, as systemd has it; `@` and a name is an abstract one.
class listener {
public:
  explicit listener(const std::string& name) : name_{name} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@')
      address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), length);
  }
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;
  ~listener() {
    close(descriptor_);
    if (name_.front() == '/')
      unlink(name_.c_str());
  }

  // The datagram that has come, or nothing.
  std::string take() const {
    char text[512];
    const auto size = recv(descriptor_, text, sizeof text, MSG_DONTWAIT);
    return size < 0 ? std::string{} : std::string{text, static_cast<std::size_t>(size)};
  }

private:
  std::string name_;
  int descriptor_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

std::string own_name(const char* prefix) {
  return prefix + std::to_string(getpid());
}

// What the environment names; null: not set.
service_manager found(const char* listens, const char* time, const char* process) {
  const auto put = [](const char* name, const char* value) {
    value == nullptr ? unsetenv(name) : setenv(name, value, 1);
  };
  put("NOTIFY_SOCKET", listens);
  put("WATCHDOG_USEC", time);
  put("WATCHDOG_PID", process);
  auto result = service_manager::of_environment();
  for (const auto* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
    unsetenv(name);
  return result;
}

} // namespace

CAF_TEST(datagrams reach a socket with a path and an abstract one) {
  for (const auto& name : {own_name("/tmp/ledgerd-notify-"), own_name("@ledgerd-notify-")}) {
    const listener here{name};
    const service_manager manager{name, std::nullopt};
    CAF_CHECK(manager.say("READY=1\nSTATUS=ready\n"));
    CAF_CHECK_EQUAL(here.take(), "READY=1\nSTATUS=ready\n");
    CAF_CHECK_EQUAL(here.take(), "");
  }
}

CAF_TEST(nobody who listens is no fault and a full queue never holds anybody up) {
  CAF_CHECK(!service_manager{}.is_there());
  CAF_CHECK(!service_manager{}.say("READY=1\n"));
  const auto name = own_name("@ledgerd-full-");
  const service_manager manager{name, std::nullopt};
  CAF_CHECK(!manager.say("READY=1\n"));
  const listener here{name};
  int said = 0;
  while (said < 100000 && manager.say("WATCHDOG=1\n"))
    ++said;
  CAF_CHECK_LESS(said, 100000);
  CAF_CHECK_EQUAL(here.take(), "WATCHDOG=1\n");
}

CAF_TEST(what the environment names is taken as far as it is meant for this process) {
  const auto self = std::to_string(getpid());
  CAF_CHECK(!found(nullptr, "1000000", nullptr).is_there());
  for (const auto* name : {"", "/", "@", "relative", "vsock:2:1"})
    CAF_CHECK(!found(name, "1000000", nullptr).is_there());
  CAF_CHECK(!found(("/" + std::string(200, 'x')).c_str(), nullptr, nullptr).is_there());

  const auto* listens = "/run/systemd/notify";
  CAF_CHECK(found(listens, nullptr, nullptr).is_there());
  CAF_CHECK(!found(listens, nullptr, nullptr).watchdog());
  CAF_CHECK(found(listens, "1000000", nullptr).watchdog() == 1s);
  CAF_CHECK(found(listens, "1000000", self.c_str()).watchdog() == 1s);
  CAF_CHECK(!found(listens, "1000000", "1").watchdog());
  CAF_CHECK(!found(listens, "1000000", "nobody").watchdog());
  for (const auto* time : {"", "0", "-1", "soon", "99999999999999999999"})
    CAF_CHECK(!found(listens, time, nullptr).watchdog());
}
