#include "messaging/nats/pull_source.hpp"

#include <nats/nats.h>

#include <algorithm>
#include <utility>

#include "domain/assert.hpp"
#include "domain/backoff.hpp"
#include "domain/failpoint.hpp"
#include "messaging/nats/ack_watch.hpp"
#include "messaging/nats/incoming.hpp"
#include "messaging/nats/js_api.hpp"
#include "messaging/nats/pull_arrivals.hpp"
#include "messaging/nats/pull_book.hpp"
#include "messaging/nats/pull_silence.hpp"
#include "messaging/nats/reply_inbox.hpp"
#include "messaging/nats/settlement_text.hpp"
#include "messaging/nats/stream_life.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

// Silence counts only when the caller has looked so often meanwhile: it may have been stopped.
constexpr int looks_min = 10;
// After so long without a word, not even a heartbeat, nothing is known of the stream's life.
constexpr auto untold_max = pull_book::heartbeat * 3 / 2;
// A limit that comes again sooner than that is not heeded, or not the only one.
constexpr auto limit_rest = std::chrono::seconds(10);
constexpr auto trouble_report_every = std::chrono::seconds(30);
constexpr auto unlimited = std::numeric_limits<std::size_t>::max();

// What a message may weigh beside its payload and headers: subject, receipt.
constexpr std::size_t message_frame_bytes = 8 * 1024;

struct deferral {
  std::string receipt;
  settlement how;
};

class pull_source final : public delivery_source {
public:
  pull_source(std::shared_ptr<line_pair> lines, std::string_view stream, std::string_view durable,
              std::size_t request_max, lifeline::report observe)
      : lines_(std::move(lines)), control_(lines_->control()), data_(lines_->data()),
        name_(std::string(stream) + "/" + std::string(durable)),
        pulls_("CONSUMER.MSG.NEXT." + std::string(stream) + "." + std::string(durable)),
        acks_end_(std::string(stream) + "." + std::string(durable) + "."),
        request_subject_(api_subject(*control_->current(), pulls_)),
        life_subject_(api_subject(*control_->current(), "STREAM.INFO." + std::string(stream))),
        observe_(std::move(observe)), answers_(std::make_shared<life_answers>()),
        arrivals_(std::make_shared<arrivals>(stream, durable, answers_)), book_(request_max),
        questions_(control_, answers_) {}

  ~pull_source() override {
    arrivals_->shut();
    answers_->shut();
    unsubscribe();
  }

  void open(waker wake) override {
    answers_->open(wake);
    arrivals_->open(std::move(wake));
  }

  void pull(const capacity& room) override {
    room_ = room;
    if (room.messages > 0)
      one_more_ = {1, room.bytes};
    advance();
  }

  std::vector<delivery> take() override {
    auto result = arrivals_->take();
    // The caller has less room by what it takes now; it says so itself only when room has grown
    // again.
    room_.messages -= std::min(room_.messages, result.size());
    if (room_.bytes != unlimited)
      for (const auto& one : result)
        room_.bytes -= std::min(room_.bytes, bytes_of(one));
    advance();
    return result;
  }

  std::optional<std::uint64_t> backlog() const override {
    return control_->up() && silence_.since() < untold_max ? arrivals_->backlog() : std::nullopt;
  }

  silence unanswered() const override {
    const auto since = silence_.since();
    if (since.count() == 0 || closed_ || !control_->up())
      return {};
    auto complaint = control_->refusal_of(pulls_);
    if (complaint.empty() && nobody_)
      complaint = "nobody takes them";
    return {since, request_subject_, std::move(complaint), silence_.is_alone(steady::now())};
  }

  silence unacknowledged() const override {
    const auto since = acks_.since();
    if (since.count() == 0 || closed_ || !lines_->joined())
      return {};
    auto complaint = data_->refusal_of(acks_end_);
    if (complaint.empty())
      complaint = control_->refusal_of(acks_end_);
    if (complaint.empty() && answers_->untaken() > answers_->taken())
      complaint = "nobody takes them";
    const auto numbers = asked_with_.find(acks_end_) + acks_end_.size();
    return {since, asked_with_.substr(mark_bytes, numbers - mark_bytes) + ">", std::move(complaint),
            silence_.is_alone(steady::now())};
  }

  bool identify(delivery& one) override {
    if (one.incarnation != 0 || one.receipt.size() <= mark_bytes)
      return true;
    if (one.inquiry == 0)
      one.inquiry = life_.wish();
    const auto known = life_.incarnation(one.inquiry, mark_of(one.receipt), one.stored_at_ns);
    if (!known) {
      answers_->await();
      ask_life(steady::now());
    }
    one.incarnation = known.value_or(0);
    return known.has_value();
  }

  void settle(std::string_view receipt, settlement how) override {
    if (receipt.size() <= mark_bytes || how == settlement::let_go)
      return; // none of ours, or left to its lease
    const auto now = steady::now();
    doubt_if_broken(now);
    doubt_if_untold(now);
    if (!lines_->joined()) {
      if (how != settlement::progress) // that is said again soon
        deferred_.push_back({std::string(receipt), how});
    } else if (life_.is_present(mark_of(receipt)) || how == settlement::progress) {
      send(receipt, how, now);
    } else if (!settle_old(receipt, how, now)) {
      deferred_.push_back({std::string(receipt), how});
    }
  }

  void close() override {
    closed_ = true;
    room_ = {0, 0};
    control_->drain(session_, subscription_);
    book_.clear();
  }

private:
  void send(std::string_view receipt, settlement how, steady::time_point now) {
    if (is_dropped(how))
      return;
    if (const auto epoch = data_->epoch(); epoch != data_epoch_) {
      data_epoch_ = epoch;
      data_session_ = data_->current();
      acks_.forget();
    }
    receipt_.assign(receipt.substr(mark_bytes));
    data_session_->publish(receipt_, answer_to(receipt, how, now), settlement_text(how));
  }

  // Where the broker is to say that it has taken this acknowledgement; empty: it need not.
  std::string answer_to(std::string_view receipt, settlement how, steady::time_point now) {
    if (how != settlement::acknowledge || !acks_.may_ask(now) || questions_.ready() == nullptr)
      return {};
    asked_with_.assign(receipt);
    return questions_.aside_subject(acks_.ask(now));
  }

  // Sends an acknowledgement again, which settles nothing that it has not settled: who stands still
  // because none is taken has no other, and has to hear when it may go on. Over the connection that
  // the answers come to: there the broker says when nobody takes it.
  void watch_acks(steady::time_point now) {
    acks_.answered(answers_->taken());
    acks_.look(lines_->joined(), now);
    if (closed_ || !lines_->joined() || !acks_.is_missing() || !acks_.may_ask(now))
      return;
    const auto subject = asked_with_.substr(mark_bytes);
    const auto stored_at_ns = parse_receipt(subject)->stored_at_ns; // `deliver` has read it
    constexpr steady::time_point not_while_in_doubt;
    switch (life_.may_settle(mark_of(asked_with_), stored_at_ns, not_while_in_doubt)) {
    case stream_life::settling::yes:
      if (auto* through = questions_.ready())
        through->publish(subject, questions_.aside_subject(acks_.ask(now)),
                         settlement_text(settlement::acknowledge));
      break;
    case stream_life::settling::later:
      break;
    case stream_life::settling::never:
      acks_.forget();
      break;
    }
  }

  // An acknowledgement names a message by its sequence number alone. What came before the consumer
  // or the stream was made anew must not settle the stranger who has that number now.
  // False while in doubt.
  bool settle_old(std::string_view receipt, settlement how, steady::time_point now) {
    const auto facts = parse_receipt(receipt.substr(mark_bytes));
    if (!facts)
      return true; // none of ours
    const auto verdict = life_.may_settle(mark_of(receipt), facts->stored_at_ns, now);
    if (verdict == stream_life::settling::yes)
      send(receipt, how, now);
    return verdict != stream_life::settling::later;
  }

  void settle_deferred(steady::time_point now) {
    if (!lines_->joined())
      return;
    std::erase_if(deferred_,
                  [&](const deferral& one) { return settle_old(one.receipt, one.how, now); });
  }

  // What is made anew shows in what comes. Nothing comes while no request is open, as when the
  // caller is paused or closes, nor while this process is stopped.
  void doubt_if_untold(steady::time_point now) {
    if (now - told_at_ < untold_max)
      return;
    told_at_ = now;
    doubt(now);
  }

  void doubt(steady::time_point now) {
    life_.doubt(now);
    arrivals_->mark_with(life_.generation());
  }

  // What came over a connection that has broken may be of another broker than the next one's.
  void doubt_if_broken(steady::time_point now) {
    const auto epoch = control_->epoch();
    if (epoch == life_epoch_)
      return;
    if (std::exchange(life_epoch_, epoch) != 0)
      doubt(now);
    life_.lost();
    acks_.forget();
  }

  void ask_life(steady::time_point now) {
    doubt_if_broken(now);
    if (auto* through = questions_.ready())
      if (const auto question = life_.next_question(now))
        through->publish(life_subject_, place_of_answer(*question), "");
  }

  // To the inbox of the pulls, where it cannot overtake what was delivered before it: thousands of
  // messages of a life that has ended may wait there when a process that was stopped goes on.
  const std::string& place_of_answer(std::uint64_t question) {
    if (closed_ || subscription_ == nullptr || epoch_ != control_->epoch())
      return questions_.subject(question);
    reply_.assign(inbox_).append({'.', aside_mark}).append(std::to_string(question));
    return reply_;
  }

  void learn(steady::time_point now) {
    for (const auto& one : answers_->take()) {
      if (one.created_at_ns != 0)
        silence_.stream_answered(now);
      if (life_.answered(one.question, one.created_at_ns))
        arrivals_->mark_with(life_.generation());
    }
    doubt_if_broken(now);
    settle_deferred(now);
    ask_life(now);
  }

  void advance() {
    const auto now = steady::now();
    const auto seen = arrivals_->look();
    if (seen.restarted) {
      doubt(now);
      acks_.forget();
    }
    learn(now);
    watch_acks(now);
    if (seen.count.arrived.messages > 0)
      recover();
    book_.arrived(seen.count.arrived, now);
    for (const auto& one : seen.notices)
      attend(one, now);
    const bool heard = seen.count.arrived.messages > 0
                       || std::any_of(seen.notices.begin(), seen.notices.end(),
                                      [](const notice& one) { return !one.is_of_nobody(); });
    nobody_ = !heard && (nobody_ || !seen.notices.empty());
    const bool waiting = book_.open() > 0 || nobody_;
    if (book_.expire(now) > 0)
      doubt(now);
    if (heard)
      told_at_ = now;
    if (heard && silence_.since() >= pull_silence::ask_after)
      acks_.forget(); // the consumer is back, and the count begins anew
    silence_.look(heard, waiting && control_->up(), now);
    if (silence_.asks_stream(waiting, now))
      life_.wish();
    listen(heard, waiting, now);
    if (book_.open() == 0) // so that what is handed back at the end need not wait
      doubt_if_untold(now);
    if (!closed_ && resubscribe() && lines_->joined() && now >= pause_until_)
      request(seen.count.waiting, now);
  }

  // Open requests bring a message or a heartbeat every second. When nothing comes for long, the
  // inbox may be what is broken, or the link; when nobody takes them, the server at its other end,
  // cut off from its cluster or without JetStream. Who is told why needs no other inbox.
  void listen(bool heard, bool waiting, steady::time_point now) {
    if (heard || !waiting || !control_->up()) {
      if (heard)
        control_->answered();
      last_sign_ = now;
      looks_since_sign_ = 0;
    } else if (++looks_since_sign_ > looks_min && now - last_sign_ >= lifeline::unanswered_max) {
      last_sign_ = now;
      looks_since_sign_ = 0;
      control_->suspect(
          "pull on " + name_
          + (nobody_ ? ": nobody takes its requests" : ": neither message nor heartbeat comes"));
      if (!nobody_ && control_->refusal_of(pulls_).empty())
        epoch_ = 0; // a new inbox
    }
  }

  void attend(const notice& one, steady::time_point now) {
    if (one.is_heartbeat()) {
      book_.heard(one.request, now);
      recover();
      return;
    }
    if (one.bytes_are_used_up())
      book_.too_small(one.request, one.missing, now);
    book_.ended(one.request, one.missing, one.missing_bytes);
    if (const auto limit = one.batch_limit())
      book_.limit_requests(*limit, now);
    if (const auto limit = one.bytes_limit())
      book_.limit_request_bytes(*limit, now);
    if (one.is_ordinary_end() || is_known_limit(one, now))
      recover();
    else
      stumble(one.text, now);
  }

  // The same limit as before, which was forgotten for a look whether it still stands.
  bool is_known_limit(const notice& one, steady::time_point now) {
    if (!one.batch_limit() && !one.bytes_limit())
      return false;
    const auto last = std::exchange(limit_told_at_, now);
    return std::exchange(limit_told_, one.text) == one.text && now - last >= limit_rest;
  }

  void recover() {
    trouble_pauses_.end();
    pause_until_ = {};
  }

  // The broker refuses: ask again after a pause that grows. The consumer may be gone, and another
  // may come in its place.
  void stumble(const std::string& text, steady::time_point now) {
    doubt(now);
    acks_.forget();
    if (trouble_pauses_.pause().count() == 0 || now - reported_at_ >= trouble_report_every) {
      observe_(link_event::error, "pull on " + name_ + ": " + text);
      reported_at_ = now;
    }
    pause_until_ = now + trouble_pauses_.grow();
  }

  void unsubscribe() {
    control_->unsubscribe(session_, std::exchange(subscription_, nullptr));
    session_.reset();
  }

  // After each break a new inbox: what the broker still holds for the old one dies with it.
  bool resubscribe() {
    if (const auto epoch = control_->epoch(); epoch != epoch_) {
      epoch_ = epoch;
      is_stale_ = true;
      book_.clear();
    }
    if (!control_->up())
      return false;
    if (std::exchange(is_stale_, false))
      unsubscribe();
    if (subscription_ != nullptr)
      return true;
    session_ = control_->current();
    inbox_ = session_->make_inbox();
    subscription_ = session_->subscribe(inbox_ + ".*", arrivals_);
    book_.expect_messages_of(session_->message_bytes_max() + message_frame_bytes);
    return subscription_ != nullptr;
  }

  void request(const capacity& waiting, steady::time_point now) {
    const auto left = [](std::size_t room, std::size_t used) {
      return room - std::min(room, used);
    };
    // More might be handed out to nobody, and wait for its lease.
    const auto& asked = silence_.is_long() ? one_more_ : room_;
    const capacity room{left(asked.messages, waiting.messages),
                        asked.bytes == unlimited ? unlimited : left(asked.bytes, waiting.bytes)};
    while (const auto wish = book_.next(room, now)) {
      using std::chrono::nanoseconds;
      body_ = "{\"batch\":" + std::to_string(wish->batch)
              + ",\"expires\":" + std::to_string(nanoseconds(wish->expires).count())
              + ",\"idle_heartbeat\":" + std::to_string(nanoseconds(pull_book::heartbeat).count());
      if (wish->bytes > 0)
        body_.append(",\"max_bytes\":").append(std::to_string(wish->bytes));
      body_.push_back('}');
      reply_ = inbox_ + "." + std::to_string(wish->id);
      if (failpoint("pull"))
        continue;
      if (const auto error = session_->publish(request_subject_, reply_, body_); !error.empty()) {
        book_.ended(wish->id, wish->batch);
        stumble(error, now);
        return;
      }
    }
  }

  const std::shared_ptr<line_pair> lines_;
  const std::shared_ptr<lifeline> control_;
  const std::shared_ptr<lifeline> data_;
  const std::string name_;
  const std::string pulls_;    // the end of the requests' subject, whatever stands before it
  const std::string acks_end_; // of acknowledgement subjects, before the numbers
  const std::string request_subject_;
  const std::string life_subject_;
  const lifeline::report observe_;
  const std::shared_ptr<life_answers> answers_;
  const std::shared_ptr<arrivals> arrivals_;
  pull_book book_;
  reply_inbox questions_;
  stream_life life_;
  std::uint64_t life_epoch_ = 0;
  std::vector<deferral> deferred_; // settlements that wait for an answer
  capacity room_{0, 0};
  capacity one_more_{0, 0}; // for one message, in as many bytes as there was room for last
  pull_silence silence_;
  bool nobody_ = false; // nobody takes the requests, as was heard last
  ack_watch acks_;
  std::string asked_with_; // the receipt of the acknowledgement that asked last
  bool closed_ = false;
  std::uint64_t epoch_ = 0, data_epoch_ = 0;
  std::shared_ptr<session> session_;
  nats_subscription* subscription_ = nullptr; // freed by its session
  bool is_stale_ = false; // of before a break: another is made once the link is up
  std::string inbox_;
  std::shared_ptr<session> data_session_;
  steady::time_point told_at_ = steady::now(); // by the broker, something
  steady::time_point last_sign_;               // or when there was nothing to wait for
  int looks_since_sign_ = 0;
  backoff trouble_pauses_{std::chrono::milliseconds(100), std::chrono::seconds(1)};
  steady::time_point pause_until_, reported_at_, limit_told_at_;
  std::string limit_told_;
  std::string receipt_, body_, reply_; // kept for their memory
};

} // namespace

std::unique_ptr<delivery_source> make_pull_source(std::shared_ptr<line_pair> lines,
                                                  std::string_view stream, std::string_view durable,
                                                  std::size_t request_max,
                                                  lifeline::report observe) {
  return std::make_unique<pull_source>(std::move(lines), stream, durable, request_max,
                                       std::move(observe));
}

} // namespace ledgerd
