#include "messaging/confirming_publisher.hpp"

#include <deque>
#include <mutex>
#include <utility>

#include "messaging/incoming.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr auto answer_deadline = std::chrono::seconds(5);

struct answer {
  std::uint64_t number = 0;
  publish_answer what;
};

// Between the subscription's thread and the actor's.
class answers final : public message_sink {
public:
  void open(waker wake) {
    std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }

  // The waker is not called any more once this has returned.
  void shut() {
    std::lock_guard lock(mutex_);
    wake_ = nullptr;
  }

  void receive(nats_message* raw) override {
    const message_ptr message(raw);
    const auto subject = subject_of(raw);
    answer one{parse_number(subject.substr(subject.rfind('.') + 1)).value_or(0), {}};
    if (is_no_responders(raw))
      one.what = {false, "no stream takes this subject, or JetStream is not available"};
    else
      one.what = parse_publish_answer(payload_of(raw));
    std::lock_guard lock(mutex_);
    ready_.push_back(std::move(one));
    wake_on_edge();
  }

  // For what fails without the broker's help.
  void fail(std::uint64_t number, std::string error) {
    std::lock_guard lock(mutex_);
    ready_.push_back({number, {false, std::move(error)}});
    wake_on_edge();
  }

  // `spare` gives its memory.
  std::vector<answer> take(std::vector<answer> spare) {
    spare.clear();
    std::lock_guard lock(mutex_);
    std::swap(spare, ready_);
    return spare;
  }

private:
  void wake_on_edge() {
    if (ready_.size() == 1 && wake_)
      wake_();
  }

  std::mutex mutex_;
  waker wake_;
  std::vector<answer> ready_;
};

class confirming_publisher final : public publisher {
public:
  explicit confirming_publisher(std::shared_ptr<lifeline> data)
      : data_(std::move(data)), answers_(std::make_shared<answers>()) {}

  ~confirming_publisher() override {
    answers_->shut();
    if (session_ != nullptr)
      session_->unsubscribe(subscription_);
  }

  void open(waker wake) override { answers_->open(std::move(wake)); }

  void publish(const outgoing& message) override {
    const auto number = first_ + under_way_.size();
    under_way_.push_back({message.token, steady::now(), data_->epoch(), false});
    if (!subscribe()) {
      answers_->fail(number, "the connection to the broker is down");
      return;
    }
    reply_.resize(prefix_length_);
    reply_.append(std::to_string(number));
    if (auto error = session_->publish(message, reply_); !error.empty())
      answers_->fail(number, std::move(error));
  }

  std::vector<confirmation> take() override {
    std::vector<confirmation> result;
    spare_ = answers_->take(std::move(spare_));
    result.reserve(spare_.size());
    for (auto& one : spare_)
      if (one.number >= first_ && one.number - first_ < under_way_.size())
        answer_for(under_way_[one.number - first_], one.what.stored, std::move(one.what.error),
                   result);
    give_up(result);
    while (!under_way_.empty() && under_way_.front().answered) {
      under_way_.pop_front();
      ++first_;
    }
    return result;
  }

private:
  struct publication {
    std::uint64_t token;
    steady::time_point sent;
    std::uint64_t epoch;
    bool answered;
  };

  static void answer_for(publication& one, bool stored, std::string error,
                         std::vector<confirmation>& result) {
    if (std::exchange(one.answered, true))
      return;
    result.push_back({one.token, stored, std::move(error)});
  }

  // Both the epochs and the times only grow along the queue.
  void give_up(std::vector<confirmation>& result) {
    const auto epoch = data_->epoch();
    const auto overdue = steady::now() - answer_deadline;
    for (auto& one : under_way_) {
      if (one.epoch == epoch && one.sent > overdue)
        break;
      answer_for(one, false,
                 one.epoch != epoch ? "the connection to the broker broke" : "no PubAck within 5 s",
                 result);
    }
  }

  // A reconnect keeps the subscription, a rebuilt session needs a new one.
  bool subscribe() {
    if (const auto epoch = data_->epoch(); epoch != epoch_) {
      epoch_ = epoch;
      if (auto session = data_->current(); session != session_) {
        session_ = std::move(session);
        subscription_ = nullptr;
      }
    }
    if (!data_->up())
      return false;
    if (subscription_ != nullptr)
      return true;
    reply_ = session_->make_inbox() + ".";
    prefix_length_ = reply_.size();
    subscription_ = session_->subscribe(reply_ + "*", answers_);
    return subscription_ != nullptr;
  }

  const std::shared_ptr<lifeline> data_;
  const std::shared_ptr<answers> answers_;
  std::shared_ptr<session> session_;
  nats_subscription* subscription_ = nullptr; // freed by its session
  std::uint64_t epoch_ = 0;
  std::uint64_t first_ = 1; // the number of the first that is under way
  std::deque<publication> under_way_;
  std::string reply_; // the inbox, and after it the number of the last publication
  std::size_t prefix_length_ = 0;
  std::vector<answer> spare_;
};

} // namespace

std::unique_ptr<publisher> make_confirming_publisher(std::shared_ptr<lifeline> data) {
  return std::make_unique<confirming_publisher>(std::move(data));
}

} // namespace ledgerd
