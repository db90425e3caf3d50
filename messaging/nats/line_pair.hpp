// The two connections of a node, and whether both reach the same NATS system: a name that was moved
// in between, or a list of servers that are no cluster, leads them to two.
//
// What is published on one has to come in on the other, to an inbox, which finds its way through
// clusters and leaf nodes. An answer of JetStream does not: it reaches an inbox at another server
// only if the leader of what was asked about is at the server that was asked. While nothing comes
// in, both are made anew, less and less often.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "messaging/nats/connection.hpp"
#include "messaging/nats/reply_inbox.hpp"

namespace ledgerd {

// Private to this room; thread-safe.
class line_pair {
public:
  // `observe` hears of it when they have reached two systems, and when that is over. Without
  // `may_answer` (see broker_options) they are believed to reach one.
  line_pair(std::shared_ptr<lifeline> control, std::shared_ptr<lifeline> data, bool may_answer,
            lifeline::report observe);
  line_pair(const line_pair&) = delete;
  line_pair& operator=(const line_pair&) = delete;
  ~line_pair();

  const std::shared_ptr<lifeline>& control() const noexcept { return control_; }
  const std::shared_ptr<lifeline>& data() const noexcept { return data_; }

  // Both are known to reach the same system, and neither has broken since. While it is not so,
  // nothing that was learned from the one may be said on the other.
  bool joined() const noexcept {
    return may_answer_ ? joined_at_.load(std::memory_order_acquire) == epochs()
                       : control_->up() && data_->up();
  }

  // Waits until they are joined; false: not in time.
  bool wait_joined(std::chrono::milliseconds at_most) const;

  // Why nothing is pulled, published or settled although both are up; empty: it is, or it is too
  // early to tell.
  std::string parting() const;

  // Whether `through` reaches the system of `control`. Waits.
  bool reaches_control(session& through, std::chrono::milliseconds at_most);

  // So long what was published may take before it counts as missing.
  static constexpr std::chrono::milliseconds missing_after{2000};

private:
  class echoes;

  // Both only grow, so that a sum never comes again.
  std::uint64_t epochs() const noexcept { return control_->epoch() + data_->epoch(); }

  void run();
  void note(bool parted);
  void connect_anew();
  bool hears(session& through, std::chrono::milliseconds at_most, const std::atomic<bool>& stop,
             std::uint64_t while_at);

  const std::shared_ptr<lifeline> control_;
  const std::shared_ptr<lifeline> data_;
  const bool may_answer_;
  const lifeline::report report_;
  const std::shared_ptr<echoes> echoes_;
  std::mutex inbox_mutex_;
  reply_inbox inbox_; // on `control_`
  std::uint64_t said_ = 0;
  std::atomic<std::uint64_t> joined_at_ = 0;          // by `epochs`
  std::atomic<bool> parted_ = false;                  // since an echo was missing, until one comes
  std::chrono::steady_clock::time_point next_report_; // the thread's own
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

} // namespace ledgerd
