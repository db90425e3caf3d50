#include "messaging/shadow_ports.hpp"

#include <optional>

#include "messaging/codec.hpp"
#include "messaging/wire/header_text.hpp"

namespace ledgerd {

namespace {

class silent_publisher final : public publisher {
public:
  silent_publisher(std::shared_ptr<shadow_notes> notes, std::size_t message_bytes_max)
      : notes_(std::move(notes)), message_bytes_max_(message_bytes_max) {}

  void open(waker wake) override { wake_ = std::move(wake); }

  void publish(const outgoing& message) override {
    if (const auto record = record_in_payload(message.payload)) {
      const auto reason = find_header(message.headers, "Ledgerd-Reason");
      if (reason.empty())
        notes_->decided(*record);
      else
        notes_->parked(*record, std::string(reason));
    }
    const bool first = confirmed_.empty();
    confirmed_.push_back({message.token, publish_outcome::confirmed});
    if (first)
      wake_();
  }

  std::size_t message_bytes_max() const override { return message_bytes_max_; }

  std::vector<confirmation> take() override { return std::exchange(confirmed_, {}); }

private:
  const std::shared_ptr<shadow_notes> notes_;
  const std::size_t message_bytes_max_;
  waker wake_;
  std::vector<confirmation> confirmed_;
};

class noted_source final : public delivery_source {
public:
  noted_source(std::unique_ptr<delivery_source> source, std::shared_ptr<shadow_notes> notes)
      : source_(std::move(source)), notes_(std::move(notes)) {}

  void open(waker wake) override { source_->open(std::move(wake)); }
  void pull(const capacity& room) override { source_->pull(room); }

  std::vector<delivery> take() override {
    auto arrived = source_->take();
    if (!arrived.empty())
      notes_->pulled(arrived.back().stored_at_ns);
    return arrived;
  }

  silence unanswered() const override { return source_->unanswered(); }
  silence unacknowledged() const override { return source_->unacknowledged(); }
  bool identify(delivery& one) override { return source_->identify(one); }
  void settle(std::string_view receipt, settlement how) override { source_->settle(receipt, how); }
  void close() override { source_->close(); }

private:
  const std::unique_ptr<delivery_source> source_;
  const std::shared_ptr<shadow_notes> notes_;
};

} // namespace

void shadow_notes::pulled(std::int64_t stored_at_ns) {
  const std::lock_guard lock(mutex_);
  now_.reached_ns = stored_at_ns;
  now_.pulled_at = std::chrono::steady_clock::now();
}

void shadow_notes::decided(record_id id) {
  const std::lock_guard lock(mutex_);
  if (now_.decided.size() < notes_max)
    now_.decided.push_back(id);
  else
    ++now_.lost;
}

void shadow_notes::parked(record_id id, std::string reason) {
  const std::lock_guard lock(mutex_);
  if (now_.parked.size() < notes_max)
    now_.parked.emplace_back(id, std::move(reason));
  else
    ++now_.lost;
}

shadow_notes::taken shadow_notes::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(
      now_,
      {.decided = {}, .parked = {}, .reached_ns = now_.reached_ns, .pulled_at = now_.pulled_at});
}

std::unique_ptr<publisher> make_silent_publisher(std::shared_ptr<shadow_notes> notes,
                                                 std::size_t message_bytes_max) {
  return std::make_unique<silent_publisher>(std::move(notes), message_bytes_max);
}

std::unique_ptr<delivery_source> make_noted_source(std::unique_ptr<delivery_source> source,
                                                   std::shared_ptr<shadow_notes> notes) {
  return std::make_unique<noted_source>(std::move(source), std::move(notes));
}

} // namespace ledgerd
