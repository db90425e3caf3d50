#include "messaging/nats/peer_line.hpp"

#include <utility>

#include "messaging/link_codec.hpp"
#include "messaging/names.hpp"
#include "messaging/nats/incoming.hpp"
#include "messaging/nats/mailbox.hpp"
#include "messaging/nats/reply_inbox.hpp"

namespace ledgerd {

namespace {

// Replies that are not taken yet.
constexpr std::size_t waiting_bytes_max = std::size_t{32} << 20;

class line_replies final : public message_sink {
public:
  // What is too much is dropped: the asker has a deadline of its own.
  void receive(nats_message* raw) override {
    const auto payload = payload_of(raw);
    if (payload.size() > link_bytes_max)
      return;
    const auto number = reply_number(subject_of(raw));
    const bool nobody = is_no_responders(raw);
    box.put_within({number, nobody, nobody ? std::string() : std::string(payload)},
                   sizeof(line_reply) + payload.size(), waiting_bytes_max);
  }

  mailbox<line_reply> box;
};

class nats_peer_line final : public peer_line {
public:
  nats_peer_line(std::shared_ptr<lifeline> control, std::string subject)
      : control_(std::move(control)), subject_(std::move(subject)),
        replies_(std::make_shared<line_replies>()), inbox_(control_, replies_) {}

  ~nats_peer_line() override { replies_->box.shut(); }

  void open(waker wake) override { replies_->box.open(std::move(wake)); }

  // A lost frame is the caller's to notice.
  void send(std::uint64_t number, std::string_view frame) override {
    if (auto* session = inbox_.ready())
      session->publish(subject_, inbox_.subject(number), frame);
  }

  std::vector<line_reply> take() override { return replies_->box.take({}); }

  std::size_t message_bytes_max() const override {
    return control_->current()->message_bytes_max();
  }

private:
  const std::shared_ptr<lifeline> control_;
  const std::string subject_;
  const std::shared_ptr<line_replies> replies_;
  reply_inbox inbox_;
};

} // namespace

std::string entries_subject(boot_id node) {
  return std::string(names::node_prefix) + to_text(node) + std::string(names::node_entries_suffix);
}

std::unique_ptr<peer_line> make_nats_peer_line(std::shared_ptr<lifeline> control,
                                               std::string subject) {
  return std::make_unique<nats_peer_line>(std::move(control), std::move(subject));
}

} // namespace ledgerd
