#include "messaging/nats/confirming_publisher.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>
#include <utility>

#include "domain/failpoint.hpp"
#include "domain/release.hpp"
#include "messaging/names.hpp"
#include "messaging/nats/incoming.hpp"
#include "messaging/nats/js_api.hpp"
#include "messaging/nats/mailbox.hpp"
#include "messaging/nats/reply_inbox.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr auto answer_deadline = std::chrono::seconds(5);

// How long a stream may take to say how large a message it takes, or to confirm after another one
// has.
constexpr auto second_answer_deadline = std::chrono::seconds(1);

constexpr std::size_t spare_kept = 256; // answers for which there is always room

struct answer {
  std::uint64_t number = 0;
  publish_answer what;
  std::optional<std::size_t> limit; // instead of `what`: how large a message its stream takes
  bool of_other_stream = false;     // than has to confirm
  std::string known;                // instead of `what`: the payload that its stream has
  bool of_stream = false;           // not ours, nor that nobody takes it
};

class answers final : public message_sink {
public:
  void receive(nats_message* raw) override {
    if (failpoint("puback"))
      return;
    answer one{reply_number(subject_of(raw)), {}, {}};
    one.of_stream = !is_no_responders(raw);
    if (const auto aside = aside_number(subject_of(raw))) {
      one.number = *aside;
      one.known = parse_known_payload(payload_of(raw));
      if (one.known.empty())
        one.limit = parse_message_limit(payload_of(raw)).value_or(0);
    } else if (!one.of_stream) {
      one.what.error = "no stream takes this subject, or JetStream is not available";
    } else {
      one.what = parse_publish_answer(payload_of(raw), known_);
    }
    box.put(std::move(one));
  }

  mailbox<answer> box;

private:
  const std::array<std::string_view, 4> known_{names::result_stream, names::request_stream,
                                               names::dead_letter_stream, names::action_stream};
};

class confirming_publisher final : public publisher {
public:
  explicit confirming_publisher(std::shared_ptr<line_pair> lines)
      : lines_(std::move(lines)), data_(lines_->data()), answers_(std::make_shared<answers>()),
        inbox_(data_, answers_) {}

  ~confirming_publisher() override { answers_->box.shut(); }

  void open(waker wake) override { answers_->box.open(std::move(wake)); }

  void publish(const outgoing& message) override {
    const auto number = requests_.begin(message.token, data_->epoch(), steady::now(),
                                        message.stream, message.new_row != 0);
    if (failpoint("publish"))
      return;
    auto* session = lines_->joined() ? inbox_.ready() : nullptr;
    if (session == nullptr)
      return answers_->box.put(
          {number,
           {publish_outcome::cut_off, data_->up() ? "the connections may reach two NATS systems"
                                                  : "the connection to the broker is down"},
           {}});
    auto took = session->publish(message, inbox_.subject(number));
    if (took.outcome == publish_outcome::confirmed)
      return;
    answer one{number, {took.outcome, std::move(took.error)}, {}};
    if (took.outcome == publish_outcome::too_large)
      one.limit = session->message_bytes_max();
    answers_->box.put(std::move(one));
  }

  std::string refusal_of(std::string_view subject) const override {
    return data_->refusal_of(subject);
  }

  std::size_t message_bytes_max() const override { return data_->current()->message_bytes_max(); }

  std::vector<confirmation> take() override {
    std::vector<confirmation> result;
    // It has grown with a flood that is over.
    if (spare_.capacity() > spare_kept && spare_.size() < spare_.capacity() / 8)
      release(spare_);
    spare_ = answers_->box.take(std::move(spare_));
    result.reserve(spare_.size());
    watch_link();
    for (auto& one : spare_)
      attend(one, result);
    const auto now = steady::now();
    std::erase_if(waiting_, [&](auto& each) {
      if (each.second.due > now)
        return false;
      if (const auto token = requests_.answer(each.first))
        result.push_back({*token, each.second.outcome, std::move(each.second.error)});
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
  // That nobody takes what is published may be the fault of the server at the other end: cut off
  // from its cluster, or without JetStream.
  void watch_link() {
    if (std::any_of(spare_.begin(), spare_.end(), [](const auto& one) { return one.of_stream; }))
      data_->answered();
    else if (!spare_.empty() && lines_->joined())
      data_->suspect("nobody takes what is published");
  }

  void attend(answer& one, std::vector<confirmation>& result) {
    doubt_other_stream(one);
    const bool undecided = one.what.outcome == publish_outcome::too_large && !one.limit
                           && ask_for_limit(one.number, one.what.stream);
    const bool doubtful = one.what.known_seq != 0 && !one.of_other_stream
                          && requests_.is_new(one.number) && ask_for_known(one);
    if (undecided || doubtful || one.of_other_stream) {
      auto& first = waiting_[one.number];
      if (undecided || doubtful || first.error.empty()) // what the expected one has said stays
        first = {one.what.outcome, std::move(one.what.error),
                 steady::now() + second_answer_deadline};
      return;
    }
    if (const auto first = waiting_.find(one.number); first != waiting_.end()) {
      if (first->second.outcome == publish_outcome::too_large
          && one.what.outcome != publish_outcome::confirmed)
        one.what = {publish_outcome::too_large, std::move(first->second.error)};
      else if (first->second.outcome == publish_outcome::confirmed)
        one.what = {publish_outcome::confirmed};
      waiting_.erase(first);
    }
    if (const auto token = requests_.answer(one.number))
      result.push_back({*token, one.what.outcome, std::move(one.what.error), one.limit.value_or(0),
                        std::move(one.known)});
  }

  // Another stream may take our subject, or a mapping of the server turn it away: nobody reads
  // there what was meant for the expected one, which may answer, too.
  void doubt_other_stream(answer& one) {
    const auto expected = requests_.from(one.number);
    const auto stream = one.what.stream_name();
    if (one.what.outcome != publish_outcome::confirmed || expected.empty() || stream == expected)
      return;
    one.of_other_stream = true;
    one.what = {publish_outcome::unconfirmed, std::string("confirmed by the stream ")
                                                  .append(stream)
                                                  .append(", not by ")
                                                  .append(expected)};
  }

  // What is new cannot be known: the stream has another message of this id, or somebody else was
  // quicker with this one.
  bool ask_for_known(const answer& one) {
    auto* session = inbox_.ready();
    return session != nullptr
           && session
                  ->publish(api_subject(*session,
                                        "STREAM.MSG.GET." + std::string(one.what.stream_name())),
                            inbox_.aside_subject(one.number),
                            "{\"seq\":" + std::to_string(one.what.known_seq) + "}")
                  .empty();
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

  const std::shared_ptr<line_pair> lines_;
  const std::shared_ptr<lifeline> data_;
  const std::shared_ptr<answers> answers_;
  reply_inbox inbox_;
  open_requests requests_;
  struct first_answer {
    publish_outcome outcome = publish_outcome::unconfirmed;
    std::string error;
    steady::time_point due;
  };
  std::unordered_map<std::uint64_t, first_answer> waiting_; // for a second answer
  std::vector<answer> spare_;
};

} // namespace

std::unique_ptr<publisher> make_confirming_publisher(std::shared_ptr<line_pair> lines) {
  return std::make_unique<confirming_publisher>(std::move(lines));
}

} // namespace ledgerd
