#include "messaging/nats/word_line.hpp"

#include <atomic>
#include <chrono>
#include <utility>

#include "messaging/names.hpp"
#include "messaging/nats/incoming.hpp"
#include "messaging/nats/mailbox.hpp"
#include "messaging/nats/refused_subjects.hpp"

namespace ledgerd {

namespace {

// A word takes a few hundred bytes, and there are at most a few hundred a second.
constexpr std::size_t word_bytes_max = 4096;
constexpr std::size_t words_max = 2048;
constexpr pending_limits pending{.messages = 8192, .bytes = 16 << 20};

class words final : public message_sink {
public:
  void receive(nats_message* raw) override {
    const auto payload = payload_of(raw);
    if (payload.size() <= word_bytes_max && box.waiting() < words_max)
      box.put(std::string(payload));
    else
      dropped.fetch_add(1, std::memory_order_relaxed);
  }

  mailbox<std::string> box;
  std::atomic<std::uint64_t> dropped = 0;
};

class nats_word_line final : public word_line {
public:
  nats_word_line(std::shared_ptr<lifeline> control, retry_pauses retries)
      : control_(std::move(control)), words_(std::make_shared<words>()),
        subject_({std::string(names::cluster_word)}, retries) {}

  ~nats_word_line() override {
    words_->box.shut();
    control_->unsubscribe(session_, subscription_);
  }

  void open(waker wake) override {
    words_->box.open(std::move(wake));
    subscribe();
  }

  void say(std::string_view word) override {
    // Without a connection the library would keep it, and say it when it is not true any more.
    if (control_->up())
      control_->current()->publish(std::string(names::cluster_word), {}, word);
  }

  std::vector<std::string> take() override {
    subscribe();
    return words_->box.take({});
  }

  std::uint64_t dropped() const override { return words_->dropped.load(std::memory_order_relaxed); }

private:
  // A reconnect keeps the subscription; a rebuilt session needs a new one.
  void subscribe() {
    if (const auto epoch = control_->epoch(); epoch != epoch_) {
      epoch_ = epoch;
      if (auto session = control_->current(); session != session_) {
        session_ = std::move(session);
        subscription_ = nullptr;
        subject_.begin(*control_);
      }
    }
    if (!control_->up() || (subscription_ != nullptr && subject_.due(*control_).empty()))
      return;
    // A word heard twice says nothing new.
    auto* before = subscription_;
    subscription_ = session_->subscribe(subject_.all().front(), words_, {}, pending);
    session_->unsubscribe(before);
  }

  const std::shared_ptr<lifeline> control_;
  const std::shared_ptr<words> words_;
  refused_subjects subject_;
  std::uint64_t epoch_ = 0;
  std::shared_ptr<session> session_;
  nats_subscription* subscription_ = nullptr; // freed by its session
};

} // namespace

std::unique_ptr<word_line> make_nats_word_line(std::shared_ptr<lifeline> control,
                                               retry_pauses retries) {
  return std::make_unique<nats_word_line>(std::move(control), retries);
}

} // namespace ledgerd
