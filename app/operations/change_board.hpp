// What has changed on this node of late: starts, settings, servers, nodes. For people who ask what
// was different just before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace ledgerd {

struct node_change {
  std::int64_t at_us = 0; // by the wall clock, since 1970
  std::string level;      // info, warn, error
  std::string what;       // a stable word: started, draining, reloaded
  std::string text;       // a sentence
};

// The last `kept` of them. Thread-safe; never waits for anything but its lock.
class change_board {
public:
  static constexpr std::size_t kept = 100;

  void note(node_change one);

  // The newest first.
  std::vector<node_change> latest() const;

private:
  mutable std::mutex mutex_;
  std::deque<node_change> changes_; // the newest last
};

} // namespace ledgerd
