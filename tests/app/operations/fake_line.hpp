// A line to all nodes whose replies the test decides.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "messaging/cluster_ports.hpp"

namespace ledgerd {

// Replies to each question with what it was given.
class fake_line final : public peer_line {
public:
  void open(waker wake) override { wake_ = std::move(wake); }

  void send(std::uint64_t number, std::string_view) override {
    {
      const std::lock_guard lock{mutex_};
      for (auto reply : replies_) {
        reply.number = number;
        waiting_.push_back(std::move(reply));
      }
    }
    ++asked;
    wake_();
  }

  std::vector<line_reply> take() override { return std::exchange(waiting_, {}); }
  std::size_t message_bytes_max() const override { return 1 << 20; }

  // From any thread.
  void reply_with(std::vector<line_reply> replies) {
    const std::lock_guard lock{mutex_};
    replies_ = std::move(replies);
  }

  std::atomic<int> asked{0};

private:
  waker wake_;
  std::mutex mutex_;
  std::vector<line_reply> replies_;
  std::vector<line_reply> waiting_; // the asker's
};

} // namespace ledgerd
