#include "messaging/pull_source.hpp"

#include <nats/nats.h>

#include <algorithm>
#include <utility>

#include "domain/assert.hpp"
#include "messaging/incoming.hpp"
#include "messaging/mailbox.hpp"
#include "messaging/pull_book.hpp"
#include "messaging/reply_inbox.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr auto trouble_pause_min = std::chrono::milliseconds(100);
constexpr auto trouble_pause_max = std::chrono::milliseconds(1000);
constexpr auto trouble_report_every = std::chrono::seconds(30);

// A status instead of a message: a heartbeat, or the end of a request.
struct notice {
  std::uint64_t request = 0;
  int code = 0;
  std::optional<std::size_t> missing;
  std::string text;

  bool is_heartbeat() const noexcept { return code == 100; }
  bool is_ordinary_end() const noexcept { return code == 404 || code == 408; }

  // A consumer may allow only small requests; its refusal says how small.
  std::optional<std::size_t> batch_limit() const noexcept {
    constexpr std::string_view phrase = "Exceeded MaxRequestBatch of ";
    const auto at = text.find(phrase);
    return at == std::string::npos
               ? std::nullopt
               : parse_number(std::string_view(text).substr(at + phrase.size()));
  }
};

// What has come since the last look.
struct harvest {
  mailbox<delivery>::tally count;
  std::vector<notice> notices;
};

class arrivals final : public message_sink {
public:
  arrivals(std::string_view stream, std::string_view durable)
      : stream_(stream), durable_(durable) {}

  void open(waker wake) { ready_.open(std::move(wake)); }

  void shut() { ready_.shut(); }

  void receive(nats_message* raw) override {
    if (reply_of(raw).empty())
      note(raw);
    else
      deliver(raw);
  }

  // The notices first: what came before one of them is then counted, too.
  harvest look() {
    harvest result;
    result.notices = notices_.take({});
    result.count = ready_.count();
    return result;
  }

  std::vector<delivery> take() {
    std::vector<delivery> fresh;
    fresh.reserve(capacity_hint_);
    fresh = ready_.take(std::move(fresh));
    capacity_hint_ = fresh.size();
    return fresh;
  }

private:
  void note(nats_message* message) {
    notice one;
    one.request = reply_number(subject_of(message));
    const auto status = header_value(message, "Status");
    one.code = static_cast<int>(std::min<std::uint64_t>(parse_number(status).value_or(0), 999));
    one.text = status + " " + header_value(message, "Description");
    if (const auto missing = parse_number(header_value(message, "Nats-Pending-Messages")))
      one.missing = *missing;
    notices_.put(std::move(one));
  }

  void deliver(nats_message* message) {
    const auto receipt = reply_of(message);
    const auto facts = parse_receipt(receipt);
    // Anybody may publish to an inbox he has heard of; only what the consumer sends is a delivery.
    if (!facts || facts->stream != stream_ || facts->consumer != durable_)
      return;
    delivery one{std::string(subject_of(message)),
                 std::string(payload_of(message)),
                 copy_headers(message, header_choice::application),
                 std::string(receipt),
                 stream_,
                 facts->stream_seq,
                 facts->deliveries};
    ready_.put(std::move(one));
  }

  const std::string stream_;
  const std::string durable_;
  std::size_t capacity_hint_ = 0; // the actor's thread only
  mailbox<delivery> ready_;
  mailbox<notice> notices_; // never opened: nobody need wake up for them
};

std::string_view settlement_text(settlement how) {
  switch (how) {
  case settlement::acknowledge:
    return "+ACK";
  case settlement::progress:
    return "+WPI";
  case settlement::hand_back:
    return "-NAK";
  case settlement::terminate:
    return "+TERM";
  }
  LEDGERD_ASSERT(!"a settlement without a name");
  return {};
}

class pull_source final : public delivery_source {
public:
  pull_source(std::shared_ptr<lifeline> control, std::shared_ptr<lifeline> data,
              std::string_view stream, std::string_view durable, std::size_t request_max,
              lifeline::report observe)
      : control_(std::move(control)), data_(std::move(data)),
        name_(std::string(stream) + "/" + std::string(durable)),
        request_subject_("$JS.API.CONSUMER.MSG.NEXT." + std::string(stream) + "."
                         + std::string(durable)),
        observe_(std::move(observe)), arrivals_(std::make_shared<arrivals>(stream, durable)),
        book_(request_max) {}

  ~pull_source() override {
    arrivals_->shut();
    unsubscribe();
  }

  void open(waker wake) override { arrivals_->open(std::move(wake)); }

  void pull(std::size_t room) override {
    room_ = room;
    advance();
  }

  std::vector<delivery> take() override {
    auto result = arrivals_->take();
    // The caller has less room by what it takes now; it says so itself only when room has grown
    // again.
    room_ -= std::min(room_, result.size());
    advance();
    return result;
  }

  void settle(std::string_view receipt, settlement how) override {
    if (const auto epoch = data_->epoch(); epoch != data_epoch_) {
      data_epoch_ = epoch;
      data_session_ = data_->current();
    }
    receipt_.assign(receipt);
    data_session_->publish(receipt_, {}, settlement_text(how));
  }

  void close() override {
    closed_ = true;
    room_ = 0;
    if (session_ != nullptr)
      session_->drain(subscription_);
    book_.clear();
  }

private:
  void advance() {
    const auto now = steady::now();
    const auto seen = arrivals_->look();
    if (seen.count.arrived > 0)
      recover();
    book_.arrived(seen.count.arrived, now);
    for (const auto& one : seen.notices)
      attend(one, now);
    book_.expire(now);
    if (!closed_ && resubscribe() && now >= pause_until_)
      request(seen.count.waiting, now);
  }

  void attend(const notice& one, steady::time_point now) {
    if (one.is_heartbeat()) {
      book_.heard(one.request, now);
      recover();
      return;
    }
    book_.ended(one.request, one.missing);
    if (const auto limit = one.batch_limit())
      book_.limit_requests(*limit);
    if (one.is_ordinary_end())
      recover();
    else
      stumble(one.text, now);
  }

  void recover() {
    trouble_pause_ = std::chrono::milliseconds(0);
    pause_until_ = {};
  }

  // The broker refuses: ask again after a pause that grows.
  void stumble(const std::string& text, steady::time_point now) {
    if (trouble_pause_.count() == 0 || now - reported_at_ >= trouble_report_every) {
      observe_(link_event::error, "pull on " + name_ + ": " + text);
      reported_at_ = now;
    }
    trouble_pause_ = std::clamp(trouble_pause_ * 2, trouble_pause_min, trouble_pause_max);
    pause_until_ = now + trouble_pause_;
  }

  void unsubscribe() {
    if (session_ != nullptr)
      session_->unsubscribe(std::exchange(subscription_, nullptr));
    session_.reset();
    book_.clear();
  }

  // After each break a new inbox: what the broker still holds for the old one dies with it.
  bool resubscribe() {
    if (const auto epoch = control_->epoch(); epoch != epoch_) {
      epoch_ = epoch;
      unsubscribe();
    }
    if (subscription_ != nullptr)
      return true;
    if (!control_->up())
      return false;
    session_ = control_->current();
    inbox_ = session_->make_inbox();
    subscription_ = session_->subscribe(inbox_ + ".*", arrivals_);
    return subscription_ != nullptr;
  }

  void request(std::size_t waiting, steady::time_point now) {
    const auto room = room_ > waiting ? room_ - waiting : 0;
    while (const auto wish = book_.next(room, now)) {
      using std::chrono::nanoseconds;
      body_ = "{\"batch\":" + std::to_string(wish->batch) + ",\"expires\":"
              + std::to_string(nanoseconds(wish->expires).count()) + ",\"idle_heartbeat\":"
              + std::to_string(nanoseconds(pull_book::heartbeat).count()) + "}";
      reply_ = inbox_ + "." + std::to_string(wish->id);
      if (const auto error = session_->publish(request_subject_, reply_, body_); !error.empty()) {
        book_.ended(wish->id, wish->batch);
        stumble(error, now);
        return;
      }
    }
  }

  const std::shared_ptr<lifeline> control_;
  const std::shared_ptr<lifeline> data_;
  const std::string name_;
  const std::string request_subject_;
  const lifeline::report observe_;
  const std::shared_ptr<arrivals> arrivals_;
  pull_book book_;
  std::size_t room_ = 0;
  bool closed_ = false;
  std::uint64_t epoch_ = 0;
  std::shared_ptr<session> session_;
  nats_subscription* subscription_ = nullptr; // freed by its session
  std::string inbox_;
  std::uint64_t data_epoch_ = 0;
  std::shared_ptr<session> data_session_;
  std::chrono::milliseconds trouble_pause_{0};
  steady::time_point pause_until_;
  steady::time_point reported_at_;
  std::string receipt_, body_, reply_; // kept for their memory
};

} // namespace

std::unique_ptr<delivery_source> make_pull_source(std::shared_ptr<lifeline> control,
                                                  std::shared_ptr<lifeline> data,
                                                  std::string_view stream, std::string_view durable,
                                                  std::size_t request_max,
                                                  lifeline::report observe) {
  return std::make_unique<pull_source>(std::move(control), std::move(data), stream, durable,
                                       request_max, std::move(observe));
}

} // namespace ledgerd
