#include "messaging/nats/question_desk.hpp"

#include <chrono>
#include <string>
#include <utility>

#include "messaging/names.hpp"
#include "messaging/nats/incoming.hpp"
#include "messaging/nats/mailbox.hpp"
#include "messaging/nats/question_queue.hpp"
#include "messaging/nats/refused_subjects.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::size_t reply_bytes_max = 1024;

// Of a question's headers, as over HTTP; the bytes are those of all its lines.
constexpr std::size_t headers_bytes_max = 8192;
constexpr std::size_t headers_count_max = 64;

// Of questions that are refused for their headers. They are all answered at the next look.
constexpr std::size_t unreadable_bytes_max = std::size_t{1} << 20;

// Of what the library has read and the callback, which never waits, has not seen yet.
constexpr pending_limits pending{.messages = 8192, .bytes = 16 << 20};

class questions final : public message_sink {
public:
  explicit questions(desk_limits limits)
      : queue(limits.count_max, limits.bytes_max,
              limits.in_order ? queue_order::oldest_first : queue_order::newest_first),
        payload_max_(limits.payload_max), prefix_(std::move(limits.reply_prefix)) {}

  void receive(nats_message* raw) override {
    const auto reply = reply_of(raw);
    if (!is_inbox(reply))
      return queue.refuse_reply();
    const auto payload = payload_of(raw);
    const auto headers = header_block_of(raw);
    const auto [sound, count] = judge_headers(headers);
    const bool too_large = payload.size() > payload_max_ || headers.size() > headers_bytes_max
                           || count > headers_count_max;
    if (!sound && !too_large)
      return unreadable.put_within(std::string(reply), reply_bytes_max, unreadable_bytes_max);
    api_question one{.subject = std::string(subject_of(raw)),
                     .payload = {},
                     .headers = {},
                     .reply = std::string(reply),
                     .arrived = steady::now(),
                     .too_large = too_large};
    if (!too_large) {
      one.payload = payload;
      one.headers = parse_headers(headers);
    }
    queue.put(std::move(one));
  }

  question_queue queue;
  mailbox<std::string> unreadable; // where those with unreadable headers wait for an answer

private:
  // Whoever asks chooses where we publish the answer. He must not use our permissions to reach the
  // broker's own subjects, our streams, or those that we believe ourselves.
  bool is_inbox(std::string_view reply) const noexcept {
    return reply.size() <= reply_bytes_max
           && (reply.starts_with(names::inbox_prefix)
               || (!prefix_.empty() && reply.starts_with(prefix_)));
  }

  const std::size_t payload_max_;
  const std::string prefix_;
};

outgoing problem(const std::string& reply, int status, std::string_view title,
                 std::string_view code, std::string_view detail) {
  return {.subject = reply,
          .payload = encode_problem(status, title, code, detail),
          .headers = {{std::string(names::service_error_code), std::to_string(status)},
                      {std::string(names::service_error), std::string(code)}}};
}

// What whoever asks is told instead of an answer that the broker does not take.
outgoing too_large(const std::string& reply, std::size_t bytes, std::size_t bytes_max) {
  return problem(reply, 413, "Payload Too Large", to_text(dead_reason::too_large),
                 "the answer has " + std::to_string(bytes) + " bytes, and the broker takes "
                     + std::to_string(bytes_max) + " (max_payload)");
}

// Nobody knows what was meant: a submission might lose its key, and be another one when it comes
// again.
outgoing unreadable(const std::string& reply) {
  return problem(reply, 400, "Bad Request", "MALFORMED_REQUEST",
                 "the headers cannot be read: each has to be one line `Name: value` without "
                 "control characters");
}

class nats_question_desk final : public question_desk {
public:
  nats_question_desk(std::shared_ptr<lifeline> control, std::vector<std::string> subjects,
                     desk_limits limits)
      : control_(std::move(control)), subjects_(std::move(subjects), limits.retries),
        group_(limits.queue_group), questions_(std::make_shared<questions>(std::move(limits))) {}

  ~nats_question_desk() override {
    questions_->queue.shut();
    questions_->unreadable.shut();
    for (auto* one : subscriptions_)
      control_->unsubscribe(session_, one);
  }

  void open(waker wake) override {
    questions_->unreadable.open(wake);
    questions_->queue.open(std::move(wake));
    subscribe();
  }

  std::vector<api_question> take(std::size_t at_most) override {
    subscribe();
    for (const auto& reply : questions_->unreadable.take({}))
      if (control_->up())
        control_->current()->publish(unreadable(reply), {});
    return questions_->queue.take(at_most, steady::now());
  }

  question_losses losses() const override { return questions_->queue.losses(); }

  std::size_t message_bytes_max() const override {
    return control_->current()->message_bytes_max();
  }

  void answer(const std::string& reply, std::string_view payload,
              const std::vector<header>& headers) override {
    if (!control_->up()) // whoever asked has lost the connection, or will not wait for so long
      return;
    if (const auto bytes_max = message_bytes_max(); payload.size() > bytes_max)
      control_->current()->publish(too_large(reply, payload.size(), bytes_max), {});
    else if (headers.empty())
      control_->current()->publish(reply, {}, payload);
    else
      control_->current()->publish(
          {.subject = reply, .payload = std::string(payload), .headers = headers}, {});
  }

  void close() override {
    closed_ = true;
    for (auto* one : subscriptions_)
      control_->drain(session_, one);
  }

private:
  // A reconnect keeps the subscriptions; a rebuilt session needs new ones.
  void subscribe() {
    if (closed_)
      return;
    if (const auto epoch = control_->epoch(); epoch != epoch_) {
      epoch_ = epoch;
      if (auto session = control_->current(); session != session_) {
        session_ = std::move(session);
        subscriptions_.clear();
        subjects_.begin(*control_);
      }
    }
    if (!control_->up())
      return;
    const auto& all = subjects_.all();
    while (subscriptions_.size() < all.size()) {
      auto* fresh = session_->subscribe(all[subscriptions_.size()], questions_, group_, pending);
      if (fresh == nullptr)
        return;
      subscriptions_.push_back(fresh);
    }
    for (const auto i : subjects_.due(*control_))
      renew(i);
  }

  // It was refused, but may stand by now: after a reconnect the library has subscribed again. A
  // question that comes by the old and the new one is answered twice; none is lost.
  void renew(std::size_t i) {
    if (auto* fresh = session_->subscribe(subjects_.all()[i], questions_, group_, pending))
      session_->drain(std::exchange(subscriptions_[i], fresh));
    else
      subjects_.keep(i);
  }

  const std::shared_ptr<lifeline> control_;
  refused_subjects subjects_;
  const std::string group_;
  const std::shared_ptr<questions> questions_;
  bool closed_ = false;
  std::uint64_t epoch_ = 0;
  std::shared_ptr<session> session_;
  std::vector<nats_subscription*> subscriptions_; // of the first subjects; freed by their session
};

} // namespace

std::unique_ptr<question_desk> make_question_desk(std::shared_ptr<lifeline> control,
                                                  std::vector<std::string> subjects,
                                                  desk_limits limits) {
  return std::make_unique<nats_question_desk>(std::move(control), std::move(subjects),
                                              std::move(limits));
}

} // namespace ledgerd
