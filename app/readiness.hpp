// Whether this process can do its work now. A thread of its own asks database and broker; everybody
// else only reads the last answer.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/config.hpp"
#include "app/http_routes.hpp"
#include "messaging/broker.hpp"
#include "persistence/postgres.hpp"

namespace ledgerd {

// Looks twice a second, so that `latest` turns within two seconds of a closed connection.
// Thread-safe.
class readiness {
public:
  readiness(const config& settings, broker& nats);
  ~readiness();
  readiness(const readiness&) = delete;
  readiness& operator=(const readiness&) = delete;

  std::vector<readiness_check> latest() const;

  // From now on not ready: the process is shutting down.
  void set_draining() { draining_ = true; }

private:
  void watch();
  readiness_check look_at_streams();

  config settings_;
  broker& nats_;
  mutable std::mutex mutex_;
  std::vector<readiness_check> latest_{{"start", false, "not looked at yet"}};
  std::atomic<bool> draining_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_; // last: it uses all of the above
};

} // namespace ledgerd
