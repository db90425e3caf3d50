#include "messaging/confirming_publisher.hpp"

#include <utility>

#include "messaging/incoming.hpp"
#include "messaging/mailbox.hpp"
#include "messaging/reply_inbox.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr auto answer_deadline = std::chrono::seconds(5);

struct answer {
  std::uint64_t number = 0;
  publish_answer what;
};

class answers final : public message_sink {
public:
  void receive(nats_message* raw) override {
    answer one{reply_number(subject_of(raw)), {}};
    if (is_no_responders(raw))
      one.what = {false, "no stream takes this subject, or JetStream is not available"};
    else
      one.what = parse_publish_answer(payload_of(raw));
    box.put(std::move(one));
  }

  mailbox<answer> box;
};

class confirming_publisher final : public publisher {
public:
  explicit confirming_publisher(std::shared_ptr<lifeline> data)
      : data_(std::move(data)), answers_(std::make_shared<answers>()), inbox_(data_, answers_) {}

  ~confirming_publisher() override { answers_->box.shut(); }

  void open(waker wake) override { answers_->box.open(std::move(wake)); }

  void publish(const outgoing& message) override {
    const auto number = requests_.begin(message.token, data_->epoch(), steady::now());
    auto* session = inbox_.ready();
    if (session == nullptr)
      answers_->box.put({number, {false, "the connection to the broker is down"}});
    else if (auto error = session->publish(message, inbox_.subject(number)); !error.empty())
      answers_->box.put({number, {false, std::move(error)}});
  }

  std::vector<confirmation> take() override {
    std::vector<confirmation> result;
    spare_ = answers_->box.take(std::move(spare_));
    result.reserve(spare_.size());
    for (auto& one : spare_)
      if (const auto token = requests_.answer(one.number))
        result.push_back({*token, one.what.stored, std::move(one.what.error)});
    requests_.give_up(
        data_->epoch(), steady::now() - answer_deadline,
        [&result](std::uint64_t token, bool broke) {
          result.push_back({token, false,
                            broke ? "the connection to the broker broke" : "no PubAck within 5 s"});
        });
    return result;
  }

private:
  const std::shared_ptr<lifeline> data_;
  const std::shared_ptr<answers> answers_;
  reply_inbox inbox_;
  open_requests requests_;
  std::vector<answer> spare_;
};

} // namespace

std::unique_ptr<publisher> make_confirming_publisher(std::shared_ptr<lifeline> data) {
  return std::make_unique<confirming_publisher>(std::move(data));
}

} // namespace ledgerd
