// Whether this process can do its work now. A thread of its own asks database and broker, the roots
// of the actors leave on a board what stands still; everybody else only reads the last answers.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "actors/common/progress.hpp"
#include "app/operations/routes.hpp"
#include "app/operations/topology_board.hpp"
#include "messaging/broker.hpp"
#include "persistence/ledger_reader.hpp"
#include "persistence/record_store.hpp"

namespace ledgerd {

// The databases that this node's roles need; null: not this one.
struct watched_databases {
  std::unique_ptr<ledger_reader> ledger;
  std::unique_ptr<record_reader> records;
};

// Made before anything else of the daemon, so that a node that is still starting can say what it
// waits for. Looks twice a second, so that `latest` turns within two seconds of a closed
// connection. Thread-safe.
class readiness {
public:
  readiness(std::shared_ptr<const progress_board> board,
            std::shared_ptr<const topology_board> streams);
  ~readiness();
  readiness(const readiness&) = delete;
  readiness& operator=(const readiness&) = delete;

  // What the start waits for, and why.
  void starting(const std::string& step, const std::string& why);

  // The start is complete: from now on database and broker are looked at. `nats` must outlive the
  // next `stop`.
  void started(watched_databases databases, broker& nats);

  // From now on not ready: the process is shutting down. The looks end, without waiting for it.
  void set_draining() {
    draining_ = true;
    stop_ = true;
  }

  // Looks no more.
  void stop();

  // The checks that matter for it.
  std::vector<readiness_check> latest(readiness_for what = readiness_for::work) const;

  // Whether, at the last look, all servers could do their part.
  bool servers_answer() const;

private:
  using clock = std::chrono::steady_clock;

  void watch(const watched_databases& databases, broker& nats);
  void looking_at(const char* what);
  std::vector<readiness_check> servers() const;
  bool has_records() const;
  readiness_check progress(readiness_for what) const;

  const std::shared_ptr<const progress_board> board_;
  const std::shared_ptr<const topology_board> streams_;
  mutable std::mutex mutex_;
  bool started_ = false;
  bool records_ = false; // has the account side
  std::string start_step_ = "start";
  std::string start_why_ = "the node has only just begun";
  std::vector<readiness_check> latest_{{"servers", false, "not looked at yet"}};
  const char* looking_at_ = "servers"; // a look that does not end is an answer, too
  clock::time_point looking_since_ = clock::now();
  std::atomic<bool> draining_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

} // namespace ledgerd
