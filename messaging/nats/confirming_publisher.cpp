#include "messaging/nats/confirming_publisher.hpp"

#include <optional>
#include <unordered_map>
#include <utility>

#include "domain/failpoint.hpp"
#include "domain/release.hpp"
#include "messaging/nats/incoming.hpp"
#include "messaging/nats/js_api.hpp"
#include "messaging/nats/mailbox.hpp"
#include "messaging/nats/reply_inbox.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr auto answer_deadline = std::chrono::seconds(5);

// How long a stream may take to say how large a message it takes.
constexpr auto limit_deadline = std::chrono::seconds(1);

constexpr std::size_t spare_kept = 256; // answers for which there is always room

struct answer {
  std::uint64_t number = 0;
  publish_answer what;
  std::optional<std::size_t> limit; // instead of `what`: how large a message its stream takes
};

class answers final : public message_sink {
public:
  void receive(nats_message* raw) override {
    if (failpoint("puback"))
      return;
    answer one{reply_number(subject_of(raw)), {}, {}};
    if (const auto aside = aside_number(subject_of(raw))) {
      one.number = *aside;
      one.limit = parse_message_limit(payload_of(raw)).value_or(0);
    } else if (is_no_responders(raw)) {
      one.what.error = "no stream takes this subject, or JetStream is not available";
    } else {
      one.what = parse_publish_answer(payload_of(raw));
    }
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
    if (failpoint("publish"))
      return;
    auto* session = inbox_.ready();
    if (session == nullptr)
      return answers_->box.put(
          {number, {publish_outcome::cut_off, "the connection to the broker is down"}, {}});
    auto took = session->publish(message, inbox_.subject(number));
    if (took.outcome == publish_outcome::confirmed)
      return;
    answer one{number, {took.outcome, std::move(took.error)}, {}};
    if (took.outcome == publish_outcome::too_large)
      one.limit = session->message_bytes_max();
    answers_->box.put(std::move(one));
  }

  std::size_t message_bytes_max() const override { return data_->current()->message_bytes_max(); }

  std::vector<confirmation> take() override {
    std::vector<confirmation> result;
    // It has grown with a flood that is over.
    if (spare_.capacity() > spare_kept && spare_.size() < spare_.capacity() / 8)
      release(spare_);
    spare_ = answers_->box.take(std::move(spare_));
    result.reserve(spare_.size());
    if (!spare_.empty())
      data_->answered();
    for (auto& one : spare_)
      attend(one, result);
    const auto now = steady::now();
    std::erase_if(too_large_, [&](auto& each) {
      if (each.second.due > now)
        return false;
      if (const auto token = requests_.answer(each.first))
        result.push_back({*token, publish_outcome::too_large, std::move(each.second.error)});
      return true;
    });
    requests_.give_up(data_->epoch(), now - answer_deadline, [&](std::uint64_t token, bool broke) {
      if (!broke)
        data_->suspect("no PubAck within 5 s");
      result.push_back({token, broke ? publish_outcome::cut_off : publish_outcome::unconfirmed,
                        broke ? "the connection to the broker broke" : "no PubAck within 5 s"});
    });
    return result;
  }

private:
  void attend(answer& one, std::vector<confirmation>& result) {
    if (one.what.outcome == publish_outcome::too_large && !one.limit
        && ask_for_limit(one.number, one.what.stream)) {
      too_large_[one.number] = {std::move(one.what.error), steady::now() + limit_deadline};
      return;
    }
    if (const auto asked = too_large_.find(one.number); asked != too_large_.end()) {
      one.what = {publish_outcome::too_large, std::move(asked->second.error)};
      too_large_.erase(asked);
    }
    if (const auto token = requests_.answer(one.number))
      result.push_back({*token, one.what.outcome, std::move(one.what.error), one.limit.value_or(0),
                        one.what.known_before});
  }

  // The stream refuses the message for its size and does not say what it would take.
  bool ask_for_limit(std::uint64_t number, const std::string& stream) {
    if (stream.empty() || stream.find_first_of(" .*>\t\r\n") != std::string::npos)
      return false;
    auto* session = inbox_.ready();
    return session != nullptr
           && session
                  ->publish(api_subject(*session, "STREAM.INFO." + stream),
                            inbox_.aside_subject(number), std::string_view())
                  .empty();
  }

  const std::shared_ptr<lifeline> data_;
  const std::shared_ptr<answers> answers_;
  reply_inbox inbox_;
  open_requests requests_;
  struct refusal {
    std::string error;
    steady::time_point due;
  };
  std::unordered_map<std::uint64_t, refusal> too_large_; // their streams' limit is asked for
  std::vector<answer> spare_;
};

} // namespace

std::unique_ptr<publisher> make_confirming_publisher(std::shared_ptr<lifeline> data) {
  return std::make_unique<confirming_publisher>(std::move(data));
}

} // namespace ledgerd
