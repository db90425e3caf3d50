// A nats-server with a configuration of the test's own, beside the private ones.
//
// Lives in a temporary directory on a free loopback port and ends with its object, or with the test
// process however that ends. Every function waits until its work is done and throws
// std::runtime_error when it cannot be done. One object belongs to one thread.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace ledgerd::test {

// A port on loopback that nobody listens on, below the range that the kernel hands out by itself.
std::uint16_t free_port();

class nats_process {
public:
  // In the configuration $directory stands for the directory; host and port are added.
  explicit nats_process(const std::string& configuration);
  ~nats_process();

  nats_process(const nats_process&) = delete;
  nats_process& operator=(const nats_process&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }
  const std::string& directory() const noexcept { return directory_; }

  // SIGKILL; and the same server again, on the same port, with what was on disk.
  void kill();
  void start();

  // Has the running server read another configuration, some time soon.
  void reload(const std::string& configuration);

private:
  void write(std::string configuration) const;

  std::string directory_;
  std::uint16_t port_ = 0;
  pid_t process_ = 0;
};

} // namespace ledgerd::test
