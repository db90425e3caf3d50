#include "messaging/nats/reply_inbox.hpp"

#include "messaging/nats/incoming.hpp"

namespace ledgerd {

reply_inbox::reply_inbox(std::shared_ptr<lifeline> line, std::shared_ptr<message_sink> sink)
    : line_(std::move(line)), sink_(std::move(sink)) {}

reply_inbox::~reply_inbox() {
  line_->unsubscribe(session_, subscription_);
}

// A reconnect keeps the subscription, a rebuilt session needs a new one.
session* reply_inbox::ready() {
  if (const auto epoch = line_->epoch(); epoch != epoch_) {
    epoch_ = epoch;
    if (auto session = line_->current(); session != session_) {
      session_ = std::move(session);
      subscription_ = nullptr;
    }
  }
  if (!line_->up())
    return nullptr;
  if (subscription_ == nullptr) {
    subject_ = session_->make_inbox() + ".";
    prefix_length_ = subject_.size();
    subscription_ = session_->subscribe(subject_ + "*", sink_);
  }
  return subscription_ == nullptr ? nullptr : session_.get();
}

const std::string& reply_inbox::subject(std::uint64_t number) {
  subject_.resize(prefix_length_);
  subject_.append(std::to_string(number));
  return subject_;
}

const std::string& reply_inbox::aside_subject(std::uint64_t number) {
  subject_.resize(prefix_length_);
  subject_.push_back(aside_mark);
  subject_.append(std::to_string(number));
  return subject_;
}

} // namespace ledgerd
