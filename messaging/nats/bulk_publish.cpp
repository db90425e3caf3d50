#include "messaging/nats/bulk_publish.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr auto look_every = std::chrono::milliseconds(100);
constexpr auto retry_pause = std::chrono::milliseconds(200);

class bell {
public:
  void ring() {
    std::lock_guard lock(mutex_);
    rung_ = true;
    changed_.notify_one();
  }

  void wait(std::chrono::milliseconds at_most) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, at_most, [this] { return rung_; });
    rung_ = false;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
};

} // namespace

void publish_and_wait(std::unique_ptr<publisher> through,
                      const std::function<std::optional<outgoing>()>& next, std::size_t window,
                      const std::function<void(std::uint64_t)>& progress,
                      std::chrono::milliseconds patience) {
  bell wakeup;
  const auto sender = std::move(through); // ends before its bell
  sender->open([&] { wakeup.ring(); });
  std::unordered_map<std::uint64_t, outgoing>
      under_way; // by our own token; the caller's are not used
  std::deque<std::uint64_t> again;
  std::uint64_t last_token = 0;
  std::uint64_t confirmed = 0;
  bool exhausted = false;
  std::string last_error = "no PubAck came";
  auto last_progress = steady::now();
  auto retry_at = last_progress;
  while (!exhausted || !under_way.empty()) {
    bool idle = false;
    while (!exhausted && under_way.size() < std::max<std::size_t>(window, 1)) {
      auto message = next();
      if (!message) {
        exhausted = true;
        break;
      }
      if (message->subject.empty()) {
        idle = true;
        break;
      }
      if (under_way.empty())
        last_progress = steady::now();
      message->token = ++last_token;
      sender->publish(under_way.emplace(last_token, std::move(*message)).first->second);
    }
    if (!again.empty() && steady::now() >= retry_at)
      for (; !again.empty(); again.pop_front())
        sender->publish(under_way.at(again.front()));
    if (idle || !under_way.empty())
      wakeup.wait(look_every);
    const auto before = confirmed;
    for (auto& one : sender->take()) {
      if (one.confirmed()) {
        under_way.erase(one.token);
        ++confirmed;
      } else {
        if (again.empty())
          retry_at = steady::now() + retry_pause;
        again.push_back(one.token);
        last_error = std::move(one.error);
      }
    }
    const auto now = steady::now();
    if (confirmed != before) {
      last_progress = now;
      if (progress)
        progress(confirmed);
    } else if (now - last_progress > patience && !under_way.empty()) {
      throw std::runtime_error("publishing makes no progress: " + last_error);
    }
  }
}

} // namespace ledgerd
