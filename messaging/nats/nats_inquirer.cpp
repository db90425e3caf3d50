#include "messaging/nats/nats_inquirer.hpp"

#include <utility>

#include "messaging/nats/incoming.hpp"
#include "messaging/nats/mailbox.hpp"
#include "messaging/nats/reply_inbox.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr auto reply_deadline = std::chrono::seconds(2);

struct numbered_reply {
  std::uint64_t number = 0;
  api_reply what;
};

class replies final : public message_sink {
public:
  void receive(nats_message* raw) override {
    numbered_reply one{reply_number(subject_of(raw)), {}};
    if (!is_no_responders(raw))
      one.what = {0, true, std::string(payload_of(raw)), copy_headers(raw, header_choice::all)};
    box.put(std::move(one));
  }

  mailbox<numbered_reply> box;
};

class nats_inquirer final : public inquirer {
public:
  explicit nats_inquirer(std::shared_ptr<lifeline> control)
      : control_(std::move(control)), replies_(std::make_shared<replies>()),
        inbox_(control_, replies_) {}

  ~nats_inquirer() override { replies_->box.shut(); }

  void open(waker wake) override { replies_->box.open(std::move(wake)); }

  void ask(std::uint64_t token, const std::string& subject, std::string_view payload) override {
    const auto number = requests_.begin(token, control_->epoch(), steady::now());
    auto* session = inbox_.ready();
    if (session == nullptr || !session->publish(subject, inbox_.subject(number), payload).empty())
      replies_->box.put({number, {}});
  }

  std::vector<api_reply> take() override {
    std::vector<api_reply> result;
    spare_ = replies_->box.take(std::move(spare_));
    for (auto& one : spare_)
      if (const auto token = requests_.answer(one.number)) {
        one.what.token = *token;
        result.push_back(std::move(one.what));
      }
    requests_.give_up(control_->epoch(), steady::now() - reply_deadline,
                      [&result](std::uint64_t token, bool) { result.push_back({token}); });
    return result;
  }

private:
  const std::shared_ptr<lifeline> control_;
  const std::shared_ptr<replies> replies_;
  reply_inbox inbox_;
  open_requests requests_;
  std::vector<numbered_reply> spare_;
};

} // namespace

std::unique_ptr<inquirer> make_nats_inquirer(std::shared_ptr<lifeline> control) {
  return std::make_unique<nats_inquirer>(std::move(control));
}

} // namespace ledgerd
