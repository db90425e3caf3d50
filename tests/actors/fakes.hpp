// Fakes of the two broker ports, and a fixture that stops tickers before the test clock runs dry.
#pragma once

#include <caf/all.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/ledger/protocol.hpp"
#include "domain/assert.hpp"
#include "domain/currency_lookup.hpp"
#include "messaging/ports.hpp"

namespace ledgerd::test {

// A source under the test's hand: records what is asked and settled.
class fake_source : public delivery_source {
public:
  std::deque<delivery> arriving; // handed out by `take`, up to `room`
  std::size_t room = 0;
  std::size_t room_bytes = 0;
  bool pulled = false; // there was room at some time
  bool closed = false;
  bool knows_incarnation = true;
  std::optional<std::uint64_t> waiting; // at the consumer, as far as the broker says
  silence unanswered_for;               // its pulls
  silence untaken_for;                  // its acknowledgements
  std::vector<std::pair<std::string, settlement>> settled; // receipt and how, in order

  void open(waker wake) override { wake_ = std::move(wake); }
  void pull(const capacity& room_now) override {
    room = room_now.messages;
    room_bytes = room_now.bytes;
    pulled = pulled || room > 0;
  }
  std::vector<delivery> take() override {
    std::vector<delivery> result;
    for (; room > 0 && !arriving.empty(); --room) {
      result.push_back(std::move(arriving.front()));
      arriving.pop_front();
    }
    return result;
  }
  std::optional<std::uint64_t> backlog() const override { return waiting; }
  silence unanswered() const override { return unanswered_for; }
  silence unacknowledged() const override { return untaken_for; }
  bool identify(delivery& one) override {
    one.incarnation = knows_incarnation ? 1 : 0;
    return knows_incarnation;
  }
  void settle(std::string_view receipt, settlement how) override {
    settled.emplace_back(std::string{receipt}, how);
  }
  void close() override { closed = true; }

  void wake() { wake_(); }

  std::size_t count(std::string_view receipt, settlement how) const {
    return static_cast<std::size_t>(
        std::count(settled.begin(), settled.end(), std::pair{std::string{receipt}, how}));
  }

private:
  waker wake_;
};

// A publisher whose PubAcks the test gives.
class fake_publisher : public publisher {
public:
  std::vector<outgoing> published; // all of them, in order
  std::vector<confirmation> answers;
  bool confirm_at_once = true;
  std::size_t bytes_max = 1 << 20;
  std::string refusal;

  void open(waker wake) override { wake_ = std::move(wake); }
  void publish(const outgoing& message) override {
    published.push_back(message);
    if (confirm_at_once)
      answers.push_back({message.token, publish_outcome::confirmed});
  }
  std::size_t message_bytes_max() const override { return bytes_max; }
  std::string refusal_of(std::string_view) const override { return refusal; }
  std::vector<confirmation> take() override { return std::exchange(answers, {}); }

  void answer(std::uint64_t token, bool confirmed, std::string error = {}) {
    answer({token, confirmed ? publish_outcome::confirmed : publish_outcome::unconfirmed,
            std::move(error)});
  }
  void answer(confirmation one) {
    answers.push_back(std::move(one));
    wake_();
  }

private:
  waker wake_;
};

// A lookup whose looks the test ends.
class fake_lookup : public currency_lookup {
public:
  std::uint64_t request() override { return done_ + 1; }
  std::uint64_t done() const override { return done_; }
  void request(std::function<void(bool)>) override {}

  void finish() { ++done_; }

private:
  std::uint64_t done_ = 0;
};

inline delivery make_delivery(std::string subject, std::string payload, std::uint64_t seq) {
  delivery result;
  result.subject = std::move(subject);
  result.payload = std::move(payload);
  result.receipt = "receipt." + std::to_string(seq);
  result.stream = "TRANSACTIONS";
  result.stream_seq = seq;
  result.incarnation = 1;
  return result;
}

inline std::string deposit_json(std::int64_t id, const std::string& user, std::int64_t amount) {
  return R"({"recordId":)" + std::to_string(id) + R"(,"userId":")" + user + R"(","amount":)"
         + std::to_string(amount) + "}";
}

struct actors_config : caf::actor_system_config {
  actors_config() { add_message_types<caf::id_block::ledgerd>(); }
};

} // namespace ledgerd::test
