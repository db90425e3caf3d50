#include "messaging/question_desk.hpp"

#include <algorithm>
#include <utility>

#include "messaging/incoming.hpp"
#include "messaging/mailbox.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

// Whoever asks chooses where we publish the answer. He must not use our permissions to reach the
// broker's own subjects, or those that we believe ourselves.
bool is_inbox(std::string_view reply) noexcept {
  constexpr std::string_view reserved[] = {"$", "transaction.", "ledgerd."};
  return !reply.empty()
         && std::none_of(std::begin(reserved), std::end(reserved),
                         [reply](auto prefix) { return reply.starts_with(prefix); });
}

class questions final : public message_sink {
public:
  explicit questions(std::size_t waiting_max) : box(waiting_max) {}

  void receive(nats_message* raw) override {
    const auto reply = reply_of(raw);
    if (is_inbox(reply))
      box.put({std::string(subject_of(raw)), std::string(payload_of(raw)),
               copy_headers(raw, header_choice::all), std::string(reply)});
  }

  mailbox<api_question> box;
};

class nats_question_desk final : public question_desk {
public:
  nats_question_desk(std::shared_ptr<lifeline> control, std::vector<std::string> subjects,
                     std::size_t waiting_max)
      : control_(std::move(control)), subjects_(std::move(subjects)),
        questions_(std::make_shared<questions>(waiting_max)) {}

  ~nats_question_desk() override {
    questions_->box.shut();
    for (auto* one : subscriptions_)
      session_->unsubscribe(one);
  }

  void open(waker wake) override {
    questions_->box.open(std::move(wake));
    subscribe();
  }

  std::vector<api_question> take() override {
    subscribe();
    return questions_->box.take({});
  }

  void answer(const std::string& reply, std::string_view payload,
              const std::vector<header>& headers) override {
    control_->current()->publish(
        {.subject = reply, .payload = std::string(payload), .headers = headers}, {});
  }

  void close() override {
    closed_ = true;
    for (auto* one : subscriptions_)
      session_->drain(one);
  }

private:
  // A reconnect keeps the subscriptions, a rebuilt session needs new ones.
  void subscribe() {
    if (closed_)
      return;
    if (const auto epoch = control_->epoch(); epoch != epoch_) {
      epoch_ = epoch;
      if (auto session = control_->current(); session != session_) {
        session_ = std::move(session);
        subscriptions_.clear();
      }
    }
    while (control_->up() && subscriptions_.size() < subjects_.size()) {
      auto* fresh = session_->subscribe(subjects_[subscriptions_.size()], questions_,
                                        std::string(names::api_queue_group));
      if (fresh == nullptr)
        return;
      subscriptions_.push_back(fresh);
    }
  }

  const std::shared_ptr<lifeline> control_;
  const std::vector<std::string> subjects_;
  const std::shared_ptr<questions> questions_;
  bool closed_ = false;
  std::uint64_t epoch_ = 0;
  std::shared_ptr<session> session_;
  std::vector<nats_subscription*> subscriptions_; // of the first subjects; freed by their session
};

} // namespace

std::unique_ptr<question_desk> make_question_desk(std::shared_ptr<lifeline> control,
                                                  std::vector<std::string> subjects,
                                                  std::size_t waiting_max) {
  return std::make_unique<nats_question_desk>(std::move(control), std::move(subjects), waiting_max);
}

} // namespace ledgerd
