#include "messaging/own_questions.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "messaging/codec.hpp"
#include "messaging/names.hpp"
#include "messaging/nats/mailbox.hpp"
#include "messaging/nats/question_queue.hpp"

namespace ledgerd {

class own_questions {
public:
  struct answer {
    std::uint64_t number = 0;
    api_reply what;
  };

  question_queue waiting{1024, std::size_t{1} << 20};
  mailbox<answer> answers;
  std::atomic<bool> taken{false}; // somebody answers them
};

namespace {

using steady = std::chrono::steady_clock;

constexpr auto others_asked_for = std::chrono::seconds{5};

// No subject of NATS has a blank: nobody else's question has such a reply.
constexpr std::string_view own_reply = "own ";

class wider_desk final : public question_desk {
public:
  wider_desk(std::shared_ptr<own_questions> own, std::unique_ptr<question_desk> outer)
      : own_(std::move(own)), outer_(std::move(outer)) {}

  ~wider_desk() override {
    own_->taken = false;
    own_->waiting.shut();
  }

  void open(waker wake) override {
    own_->waiting.open(wake);
    outer_->open(std::move(wake));
    own_->taken = true;
  }

  // Neither waits for the other.
  std::vector<api_question> take(std::size_t at_most) override {
    auto result = outer_->take(std::max<std::size_t>(1, at_most / 2));
    auto own = own_->waiting.take(at_most - std::min(at_most, result.size()), steady::now());
    std::move(own.begin(), own.end(), std::back_inserter(result));
    return result;
  }

  std::size_t message_bytes_max() const override { return outer_->message_bytes_max(); }

  void answer(const std::string& reply, std::string_view payload,
              const std::vector<header>& headers) override {
    if (!reply.starts_with(own_reply))
      return outer_->answer(reply, payload, headers);
    own_questions::answer one{0, {0, true, std::string(payload), headers}};
    std::from_chars(reply.data() + own_reply.size(), reply.data() + reply.size(), one.number);
    own_->answers.put(std::move(one));
  }

  question_losses losses() const override {
    const auto own = own_->waiting.losses();
    auto result = outer_->losses();
    result.foreign_reply += own.foreign_reply;
    result.overflow += own.overflow;
    result.expired += own.expired;
    return result;
  }

  void close() override {
    own_->taken = false;
    outer_->close();
  }

private:
  const std::shared_ptr<own_questions> own_;
  const std::unique_ptr<question_desk> outer_;
};

class own_first final : public inquirer {
public:
  own_first(std::shared_ptr<own_questions> own, std::unique_ptr<inquirer> outer,
            std::chrono::milliseconds patience)
      : own_(std::move(own)), outer_(std::move(outer)), patience_(patience) {}

  ~own_first() override { own_->answers.shut(); }

  void open(waker wake) override {
    own_->answers.open(wake);
    outer_->open(std::move(wake));
  }

  void ask(std::uint64_t token, const std::string& subject, std::string_view payload) override {
    const auto now = steady::now();
    if (!own_->taken || now < others_until_ || payload.size() > payload_bytes_max)
      return outer_->ask(token, subject, payload);
    const auto number = ++last_;
    under_way_.emplace(number, question{token, subject, std::string(payload), now});
    own_->waiting.put({.subject = subject,
                       .payload = std::string(payload),
                       .headers = {},
                       .reply = std::string(own_reply) + std::to_string(number),
                       .arrived = now,
                       .too_large = false});
  }

  std::vector<api_reply> take() override {
    std::vector<api_reply> result;
    const auto now = steady::now();
    for (auto& one : own_->answers.take({}))
      if (auto asked = under_way_.extract(one.number); asked.empty())
        continue;
      else if (is_unavailable(one.what))
        ask_others(asked.mapped(), now);
      else
        result.push_back(
            {asked.mapped().token, true, std::move(one.what.payload), std::move(one.what.headers)});
    for (auto first = under_way_.begin();
         first != under_way_.end() && first->second.asked + patience_ <= now;
         first = under_way_.erase(first))
      ask_others(first->second, now);
    auto outer = outer_->take();
    std::move(outer.begin(), outer.end(), std::back_inserter(result));
    return result;
  }

private:
  struct question {
    std::uint64_t token;
    std::string subject;
    std::string payload;
    steady::time_point asked;
  };

  static bool is_unavailable(const api_reply& one) {
    return std::any_of(one.headers.begin(), one.headers.end(), [](const header& each) {
      return each.name == names::service_error_code && each.value == "503";
    });
  }

  void ask_others(const question& one, steady::time_point now) {
    others_until_ = now + others_asked_for;
    outer_->ask(one.token, one.subject, one.payload);
  }

  const std::shared_ptr<own_questions> own_;
  const std::unique_ptr<inquirer> outer_;
  const std::chrono::milliseconds patience_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, question> under_way_; // by number, which is the order of time
  steady::time_point others_until_;
};

} // namespace

std::shared_ptr<own_questions> make_own_questions() {
  return std::make_shared<own_questions>();
}

std::unique_ptr<question_desk> answer_own_too(std::shared_ptr<own_questions> own,
                                              std::unique_ptr<question_desk> outer) {
  return std::make_unique<wider_desk>(std::move(own), std::move(outer));
}

std::unique_ptr<inquirer> ask_own_first(std::shared_ptr<own_questions> own,
                                        std::unique_ptr<inquirer> outer,
                                        std::chrono::milliseconds patience) {
  return std::make_unique<own_first>(std::move(own), std::move(outer), patience);
}

} // namespace ledgerd
