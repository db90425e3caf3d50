#include "messaging/recovery_source.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace ledgerd {

namespace {

constexpr std::string_view internal_header_prefix = "Nats-";

// How soon a consumer without a limit is asked again whether it has one: each question costs the
// broker.
constexpr auto unlimited_pause = std::chrono::milliseconds{30000};

class recovery_source final : public delivery_source {
public:
  recovery_source(broker& nats, std::string_view stream, std::string_view durable,
                  std::string_view subject, std::chrono::milliseconds interval)
      : nats_(nats), stream_(stream), durable_(durable), subject_(subject), interval_(interval) {}

  ~recovery_source() override {
    close();
    if (thread_.joinable())
      thread_.join();
  }

  void open(waker wake) override {
    wake_ = std::move(wake);
    thread_ = std::thread{[this] { sweep_for_ever(); }};
  }

  void pull(std::size_t room) override {
    const std::lock_guard lock{mutex_};
    room_ = room;
    changed_.notify_all();
  }

  std::vector<delivery> take() override {
    const std::lock_guard lock{mutex_};
    room_ -= std::min(room_, ready_.size());
    return std::exchange(ready_, {});
  }

  void settle(std::string_view, settlement) override {}

  void close() override {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    changed_.notify_all();
  }

private:
  void sweep_for_ever() {
    auto pause = interval_;
    for (;;) {
      {
        std::unique_lock lock{mutex_};
        if (changed_.wait_for(lock, pause, [this] { return closed_; }))
          return;
      }
      try {
        pause = sweep() ? interval_ : std::max(interval_, unlimited_pause);
      } catch (const std::exception&) {
        // The broker is away; its link reports that, and the next round tries again.
      }
    }
  }

  // Whether the consumer limits deliveries.
  bool sweep() {
    const auto consumer = nats_.consumer(stream_, durable_);
    if (!consumer.exists || consumer.max_deliver == 0)
      return false;
    swept_ = std::max(swept_, consumer.ack_floor);
    if (swept_ >= consumer.delivered)
      return true;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto old_enough =
        std::chrono::duration_cast<std::chrono::nanoseconds>(now - consumer.ack_wait).count();
    nats_.read(stream_, subject_, swept_ + 1, [&](const stored_message& message) {
      if (message.seq > consumer.delivered || message.stored_at_ns > old_enough
          || !hand_out(message))
        return false;
      swept_ = message.seq;
      return true;
    });
    return true;
  }

  // Waits for room; false when the source is closed.
  bool hand_out(const stored_message& message) {
    delivery one;
    one.subject = message.subject;
    one.payload = message.payload;
    for (const auto& each : message.headers)
      if (!each.name.starts_with(internal_header_prefix))
        one.headers.push_back(each);
    one.stream = stream_;
    one.stream_seq = message.seq;
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return closed_ || ready_.size() < room_; });
    if (closed_)
      return false;
    ready_.push_back(std::move(one));
    if (ready_.size() == 1)
      wake_();
    return true;
  }

  broker& nats_;
  const std::string stream_;
  const std::string durable_;
  const std::string subject_;
  const std::chrono::milliseconds interval_;
  std::uint64_t swept_ = 0; // the thread's only
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t room_ = 0;
  bool closed_ = false;
  std::vector<delivery> ready_;
  waker wake_;
  std::thread thread_;
};

} // namespace

std::unique_ptr<delivery_source> make_recovery_source(broker& nats, std::string_view stream,
                                                      std::string_view durable,
                                                      std::string_view subject,
                                                      std::chrono::milliseconds interval) {
  return std::make_unique<recovery_source>(nats, stream, durable, subject, interval);
}

} // namespace ledgerd
