#include "messaging/recovery_source.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "messaging/incoming.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::string_view internal_header_prefix = "Nats-";

// How soon a consumer without a limit is asked again whether it has one: each question costs the
// broker.
constexpr std::chrono::milliseconds unlimited_pause_alone = std::chrono::seconds{30};
constexpr std::chrono::milliseconds unlimited_pause_announced = std::chrono::hours{1};

// The request that an announcement tells of; nothing when it is malformed.
std::optional<std::uint64_t> announced_sequence(const std::string& announcement) {
  const auto json = nlohmann::json::parse(announcement, nullptr, false);
  if (!json.is_object() || !json.contains("stream_seq") || !json["stream_seq"].is_number_unsigned())
    return std::nullopt;
  return json["stream_seq"].get<std::uint64_t>();
}

class recovery_source final : public delivery_source {
public:
  recovery_source(broker& nats, std::string_view stream, std::string_view durable,
                  std::string_view subject, std::chrono::milliseconds interval)
      : nats_(nats), stream_(stream), durable_(durable), subject_(subject),
        announced_(std::string{names::exhausted_prefix}.append(durable)), interval_(interval) {}

  ~recovery_source() override {
    close();
    if (thread_.joinable())
      thread_.join();
  }

  void open(waker wake) override {
    wake_ = std::move(wake);
    thread_ = std::thread{[this] { recover_for_ever(); }};
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

  // What a sweep has found has no receipt.
  void settle(std::string_view receipt, settlement how) override {
    const auto announcement = parse_number(receipt);
    if (!announcement || (how != settlement::acknowledge && how != settlement::terminate))
      return;
    const std::lock_guard lock{mutex_};
    done_.push_back(*announcement);
  }

  void close() override {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    changed_.notify_all();
  }

private:
  void recover_for_ever() {
    auto next_sweep = steady::now() + interval_;
    for (;;) {
      {
        std::unique_lock lock{mutex_};
        if (changed_.wait_for(lock, interval_, [this] { return closed_; }))
          return;
      }
      try {
        read_announcements();
        if (steady::now() >= next_sweep)
          next_sweep =
              steady::now() + (sweep() ? interval_ : std::max(interval_, unlimited_pause()));
        strike_out_done();
      } catch (const std::exception&) {
        // The broker is away; its link reports that, and the next round tries again.
      }
    }
  }

  // The stream of announcements is a list of what is to be done: what is done is deleted.
  void strike_out_done() {
    std::vector<std::uint64_t> done;
    {
      const std::lock_guard lock{mutex_};
      done = done_;
    }
    for (const auto seq : done) {
      try {
        nats_.delete_message(names::exhausted_stream, seq);
      } catch (const std::runtime_error&) {
        // Another node may have been faster.
        if (nats_.message(names::exhausted_stream, seq))
          throw;
      }
    }
    const std::lock_guard lock{mutex_};
    done_.erase(done_.begin(), std::next(done_.begin(), static_cast<std::ptrdiff_t>(done.size())));
  }

  void read_announcements() {
    const auto list = nats_.stream(names::exhausted_stream);
    announcements_kept_ = list.exists;
    if (list.messages == 0 || list.last_seq <= read_)
      return;
    nats_.read(names::exhausted_stream, announced_, read_ + 1, [&](const stored_message& one) {
      const auto seq = announced_sequence(one.payload);
      const auto request = seq ? nats_.message(stream_, *seq) : std::nullopt;
      const auto receipt = std::to_string(one.seq);
      if (!request || request->subject != subject_)
        settle(receipt, settlement::acknowledge); // gone, or no announcement at all
      else if (!hand_out(*request, receipt))
        return false;
      else
        announced_requests_.insert(*seq);
      read_ = one.seq;
      return true;
    });
  }

  // Where announcements are kept, a limit that is set later needs no sweep to be noticed. To ask is
  // not free: nats-server 2.9 may count what is pending anew for every delivery from then on
  // (docs/decisions/0008-recovery.md).
  std::chrono::milliseconds unlimited_pause() const {
    return announcements_kept_ ? unlimited_pause_announced : unlimited_pause_alone;
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
          || (!announced_requests_.contains(message.seq) && !hand_out(message, {})))
        return false;
      swept_ = message.seq;
      return true;
    });
    announced_requests_.erase(announced_requests_.begin(), announced_requests_.upper_bound(swept_));
    return true;
  }

  // Waits for room; false when the source is closed.
  bool hand_out(const stored_message& message, std::string receipt) {
    delivery one;
    one.receipt = std::move(receipt);
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
  const std::string announced_; // the subject of the announcements
  const std::chrono::milliseconds interval_;
  std::uint64_t swept_ = 0; // the thread's only: the last request handed out by a sweep ...
  std::uint64_t read_ = 0;  // ... and the last announcement
  bool announcements_kept_ = false;
  std::set<std::uint64_t> announced_requests_; // after `swept_`: a sweep need not hand them out
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t room_ = 0;
  bool closed_ = false;
  std::vector<delivery> ready_;
  std::vector<std::uint64_t> done_; // announcements to delete
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
