// What the tests against a real broker share.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "messaging/broker.hpp"
#include "messaging/names.hpp"
#include "messaging/nats/connection.hpp"
#include "messaging/nats/incoming.hpp"
#include "messaging/nats/js_api.hpp"
#include "tests/support/private_servers.hpp"

namespace ledgerd::test {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

// One nats-server for all tests of a process.
inline private_servers& servers() {
  static private_servers instance(private_servers::which::nats);
  return instance;
}

// Looks every few milliseconds; false when it has not come true in time.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds within = 20s) {
  for (const auto deadline = steady::now() + within; steady::now() < deadline;) {
    if (condition())
      return true;
    std::this_thread::sleep_for(2ms);
  }
  return condition();
}

class event_log {
public:
  link_observer observer() {
    return [this](link_event event, const std::string& detail) {
      std::lock_guard lock(mutex_);
      events_.emplace_back(event, detail);
    };
  }

  std::size_t count(link_event event, std::string_view text = {}) const {
    std::lock_guard lock(mutex_);
    std::size_t result = 0;
    for (const auto& [kind, detail] : events_)
      if (kind == event && detail.find(text) != std::string::npos)
        ++result;
    return result;
  }

private:
  mutable std::mutex mutex_;
  std::vector<std::pair<link_event, std::string>> events_;
};

// What a waker rings.
class bell {
public:
  waker ringer() {
    return [this] {
      std::lock_guard lock(mutex_);
      ++rings_;
      changed_.notify_all();
    };
  }

  // True when it has rung since the last call.
  bool wait(std::chrono::milliseconds at_most) {
    std::unique_lock lock(mutex_);
    const bool rang = changed_.wait_for(lock, at_most, [this] { return rings_ != seen_; });
    seen_ = rings_;
    return rang;
  }

  std::uint64_t rings() const {
    std::lock_guard lock(mutex_);
    return rings_;
  }

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t rings_ = 0;
  std::uint64_t seen_ = 0;
};

// Payloads of the messages that come to a subscription.
class payloads final : public message_sink {
public:
  void receive(nats_message* message) override {
    const std::lock_guard lock(mutex_);
    came_.emplace_back(payload_of(message));
  }

  std::vector<std::string> came() const {
    const std::lock_guard lock(mutex_);
    return came_;
  }

private:
  mutable std::mutex mutex_;
  std::vector<std::string> came_;
};

inline broker_options options_for(const std::string& url) {
  broker_options result;
  result.url = url;
  result.ping_interval = 1000ms;
  return result;
}

// A broker without our streams.
struct broker_fixture {
  event_log events;
  std::unique_ptr<broker> bus;
  std::shared_ptr<session> side; // for what the daemon never does

  broker_fixture() {
    const auto options = options_for(servers().nats_url());
    bus = broker::connect(options, events.observer());
    side = session::open(options, {.name = "test"});
    for (const auto name : {names::request_stream, names::result_stream, names::dead_letter_stream})
      bus->delete_stream(name);
  }

  // Asks JetStream; empty, or the error.
  std::string ask(const std::string& what, const std::string& body = {}) {
    return ask_jetstream(*side, what, body).error;
  }

  // The deposit consumer again, with another acknowledgement wait.
  void remake_consumer(std::chrono::milliseconds ack_wait) {
    const std::string path = "TRANSACTIONS.deposit-consumer";
    const auto nanoseconds = std::chrono::nanoseconds(ack_wait).count();
    auto failure = ask("CONSUMER.DELETE." + path);
    failure += ask("CONSUMER.DURABLE.CREATE." + path,
                   R"({"stream_name":"TRANSACTIONS","config":{"durable_name":"deposit-consumer",)"
                   R"("ack_policy":"explicit","filter_subject":"transaction.deposit","ack_wait":)"
                       + std::to_string(nanoseconds) + "}}");
    if (!failure.empty())
      throw std::runtime_error(failure);
  }

  // `count` requests with the payloads "1", "2", ...
  void publish_requests(std::uint64_t count, std::string_view subject = "transaction.deposit") {
    std::uint64_t sent = 0;
    bus->publish_all(
        [&]() -> std::optional<outgoing> {
          if (sent == count)
            return std::nullopt;
          ++sent;
          outgoing message;
          message.subject = subject;
          message.message_id = std::string(subject) + std::to_string(sent);
          message.payload = std::to_string(sent);
          return message;
        },
        2000, nullptr, 10s);
  }

  std::unique_ptr<delivery_source> deposits(std::size_t request_max = 1000) {
    return bus->make_source(names::request_stream, "deposit-consumer", request_max);
  }

  consumer_state deposit_state() {
    return bus->consumer(names::request_stream, "deposit-consumer");
  }
};

// Takes deliveries like a fetcher: at most `window` in hand, pulls at least every 50 ms.
class fetcher {
public:
  fetcher(std::unique_ptr<delivery_source> source, std::size_t window)
      : source_(std::move(source)), window_(window) {
    source_->open(bell_.ringer());
  }

  // One turn: what arrives within 50 ms. They count as in hand until `done` is called.
  std::vector<delivery> turn() {
    source_->pull({window_ > in_hand_ ? window_ - in_hand_ : 0});
    bell_.wait(50ms);
    auto result = source_->take();
    in_hand_ += result.size();
    in_hand_max_ = std::max(in_hand_max_, in_hand_);
    return result;
  }

  void done(const delivery& one, settlement how = settlement::acknowledge) {
    source_->settle(one.receipt, how);
    if (how != settlement::progress)
      --in_hand_;
  }

  delivery_source& source() { return *source_; }
  std::size_t in_hand_max() const { return in_hand_max_; }

private:
  bell bell_;
  std::unique_ptr<delivery_source> source_;
  std::size_t window_;
  std::size_t in_hand_ = 0;
  std::size_t in_hand_max_ = 0;
};

} // namespace ledgerd::test
