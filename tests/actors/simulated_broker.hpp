// A broker that misbehaves on purpose, driven by a seed: it delivers twice, loses acknowledgements,
// delays and loses PubAcks, and hands messages to whichever node asks. What it finally holds is
// what the test judges.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/actors/fakes.hpp"

namespace ledgerd::test {

class simulated_broker {
public:
  struct chances {
    int redeliver = 0;    // percent of deliveries that come again though nothing is wrong
    int lose_ack = 0;     // percent of settlements that never arrive
    int lose_puback = 0;  // percent of publications that are stored and never confirmed
    int lose_publish = 0; // percent of publications that are neither stored nor confirmed
  };

  simulated_broker(std::uint32_t seed, chances how) : random(seed), how_(how) {}

  void store_request(std::string subject, std::string payload) {
    const auto seq = requests.size() + 1;
    requests.push_back(make_delivery(std::move(subject), std::move(payload), seq));
    waiting_.push_back(seq);
  }

  // Messages neither settled nor waiting are delivered again, as after the acknowledgement wait.
  void redeliver_unsettled() {
    const std::set<std::uint64_t> queued(waiting_.begin(), waiting_.end());
    for (std::uint64_t seq = 1; seq <= requests.size(); ++seq)
      if (!settled.contains(seq) && !queued.contains(seq))
        waiting_.push_back(seq);
  }

  bool all_settled() const { return settled.size() == requests.size(); }

  std::vector<delivery> hand_out(std::size_t room) {
    std::vector<delivery> result;
    for (; result.size() < room && !waiting_.empty();) {
      const auto seq = waiting_.front();
      waiting_.pop_front();
      auto copy = requests[seq - 1];
      copy.deliveries = ++delivered_[seq];
      result.push_back(std::move(copy));
      if (happens(how_.redeliver))
        waiting_.push_back(seq);
    }
    return result;
  }

  void settle(std::string_view receipt, settlement how) {
    const auto seq = std::stoull(std::string{receipt.substr(receipt.find('.') + 1)});
    if (how == settlement::hand_back || how == settlement::postpone)
      waiting_.push_back(seq);
    if ((how == settlement::acknowledge || how == settlement::terminate) && !happens(how_.lose_ack))
      settled[seq] = how;
  }

  // Whether the PubAck arrives.
  bool publish(const outgoing& message) {
    if (happens(how_.lose_publish))
      return false;
    published[message.message_id].push_back(message);
    return !happens(how_.lose_puback);
  }

  // Nothing is lost any more, nor delivered again for nothing.
  void calm() { how_ = {}; }

  bool happens(int percent) { return static_cast<int>(random() % 100) < percent; }

  std::minstd_rand random;
  std::vector<delivery> requests;
  std::map<std::uint64_t, settlement> settled;            // by sequence number
  std::map<std::string, std::vector<outgoing>> published; // by message id: all copies

private:
  chances how_;
  std::deque<std::uint64_t> waiting_;
  std::map<std::uint64_t, std::uint64_t> delivered_;
};

class simulated_source : public delivery_source {
public:
  explicit simulated_source(std::shared_ptr<simulated_broker> from) : from_(std::move(from)) {}

  void open(waker wake) override { wake_ = std::move(wake); }
  void pull(const capacity& allowed) override {
    if (closed_)
      return;
    const auto room = allowed.messages;
    auto got = from_->hand_out(room > arrived_.size() ? room - arrived_.size() : 0);
    if (got.empty())
      return;
    std::move(got.begin(), got.end(), std::back_inserter(arrived_));
    wake_();
  }
  std::vector<delivery> take() override { return std::exchange(arrived_, {}); }
  void settle(std::string_view receipt, settlement how) override { from_->settle(receipt, how); }
  void close() override { closed_ = true; }

private:
  std::shared_ptr<simulated_broker> from_;
  waker wake_;
  std::vector<delivery> arrived_;
  bool closed_ = false;
};

class simulated_publisher : public publisher {
public:
  explicit simulated_publisher(std::shared_ptr<simulated_broker> to) : to_(std::move(to)) {}

  void open(waker wake) override { wake_ = std::move(wake); }
  void publish(const outgoing& message) override {
    if (!to_->publish(message))
      return leave_unconfirmed(message);
    answers_.push_back({message.token, publish_outcome::confirmed});
    wake_();
  }
  std::vector<confirmation> take() override { return std::exchange(answers_, {}); }
  std::size_t message_bytes_max() const override { return 1 << 20; }

protected:
  void leave_unconfirmed(const outgoing& message) {
    answers_.push_back({message.token, publish_outcome::unconfirmed, "no PubAck in time"});
    wake_();
  }

private:
  std::shared_ptr<simulated_broker> to_;
  waker wake_;
  std::vector<confirmation> answers_;
};

} // namespace ledgerd::test
