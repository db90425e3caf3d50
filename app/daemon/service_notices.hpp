// Tells the service manager how this node stands: that it is ready, what it waits for, that it goes
// down, and that it lives, but only as long as it makes progress.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "actors/common/progress.hpp"
#include "app/base/service_manager.hpp"
#include "app/operations/readiness.hpp"

namespace ledgerd {

// What a node looks like at one moment.
struct service_look {
  std::vector<std::string> failing; // names of what does not hold; none: ready
  bool moves = true;                // makes progress, or waits for a server that is away
};

// What to say, and when; a plain class, so that a table can test it.
//
// A start may wait for a server for as long as that is away, so it asks for more time again and
// again; what does not get better by waiting ends the start by itself. Once ready, `WATCHDOG=1` is
// said four times in the manager's interval, and not while something stands still although all
// servers answer: the manager then ends the process, and its work goes to another node.
class service_words {
public:
  // How much time a start asks for at once, and how often; less than the unit's TimeoutStartSec.
  static constexpr std::chrono::seconds start_extension{60};
  static constexpr std::chrono::seconds extension_pause{10};

  explicit service_words(std::optional<std::chrono::microseconds> watchdog) : watchdog_(watchdog) {}

  // The lines to send now; empty: nothing is to be said. They count as said from `taken` on, and
  // come again until then. Called regularly.
  std::string look(const service_look& seen, progress_time now);
  void taken() { told_ = next_; }

  // The beginning of a reload and its end; empty before the node was ready, since the end would say
  // that it is.
  std::string reload_begins(progress_time now) const;
  std::string reload_ends() const;

  // The last words: afterwards `look` has none.
  std::string stops(std::chrono::milliseconds at_most);

private:
  struct said {
    bool ready = false;
    std::string status;
    std::optional<progress_time> extended;
    std::optional<progress_time> alive;
  };

  const std::optional<std::chrono::microseconds> watchdog_;
  said told_;
  said next_;
  bool stopping_ = false;
};

// Looks and speaks twice a second, or more often for an impatient watchdog, on a thread of its own;
// does nothing at all when nobody listens. Thread-safe.
class service_notifier {
public:
  // `health` must outlive it.
  service_notifier(service_manager manager, std::shared_ptr<const progress_board> board,
                   const readiness& health);
  ~service_notifier();
  service_notifier(const service_notifier&) = delete;
  service_notifier& operator=(const service_notifier&) = delete;

  // Says that the process reads its configuration again, does so and says that it is done. `work`
  // must not throw.
  void reload(const std::function<void()>& work);

  // The process goes down and needs so long at most.
  void stopping(std::chrono::milliseconds at_most);

private:
  void watch();

  const service_manager manager_;
  const std::shared_ptr<const progress_board> board_;
  const readiness& health_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  service_words words_;
  std::thread thread_;
};

} // namespace ledgerd
