// What comes to a pull source from the broker, on the threads of its subscriptions: messages,
// statuses of its requests, answers to the question when the stream was made.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/assert.hpp"
#include "domain/failpoint.hpp"
#include "messaging/nats/incoming.hpp"
#include "messaging/nats/js_answers.hpp"
#include "messaging/nats/mailbox.hpp"

namespace ledgerd {

// A status instead of a message: a heartbeat, or the end of a request.
struct notice {
  std::uint64_t request = 0;
  int code = 0;
  std::optional<std::size_t> missing;
  std::optional<std::size_t> missing_bytes;
  std::string text;

  bool is_heartbeat() const noexcept { return code == 100; }
  // Not of the consumer: the server at the other end knows of nobody who takes the request.
  bool is_of_nobody() const noexcept { return code == 503; }
  bool is_ordinary_end() const noexcept {
    return code == 404 || code == 408 || bytes_are_used_up() || batch_is_complete();
  }
  bool bytes_are_used_up() const noexcept {
    return code == 409 && text.find("Exceeds MaxBytes") != std::string::npos;
  }

  // Since nats-server 2.10: all messages have come and bytes are left over.
  bool batch_is_complete() const noexcept {
    return code == 409 && text.find("Batch Completed") != std::string::npos;
  }

  // A consumer may allow only small requests; its refusal says how small.
  std::optional<std::size_t> batch_limit() const noexcept {
    return number_after("Exceeded MaxRequestBatch of ");
  }
  std::optional<std::size_t> bytes_limit() const noexcept {
    return number_after("Exceeded MaxRequestMaxBytes of ");
  }

private:
  std::optional<std::size_t> number_after(std::string_view phrase) const noexcept {
    const auto at = text.find(phrase);
    return at == std::string::npos
               ? std::nullopt
               : parse_number(std::string_view(text).substr(at + phrase.size()));
  }
};

inline notice notice_of(const nats_message* message) {
  notice one;
  one.request = reply_number(subject_of(message));
  const auto [code, description] = status_of(message);
  one.code = static_cast<int>(std::min<std::uint64_t>(parse_number(code).value_or(0), 999));
  one.text = std::string(code).append(" ").append(description);
  if (const auto missing = parse_number(header_value(message, "Nats-Pending-Messages")))
    one.missing = *missing;
  if (const auto missing = parse_number(header_value(message, "Nats-Pending-Bytes")))
    one.missing_bytes = *missing;
  return one;
}

// What has come since the last look.
struct harvest {
  mailbox<delivery>::tally count;
  std::vector<notice> notices;
  bool restarted = false; // the consumer counts anew: it, or its stream, was made anew
};

// A receipt as the caller keeps it: the generation of `stream_life` in which it came, then the
// acknowledgement subject.
constexpr std::size_t mark_bytes = sizeof(std::uint32_t);

inline std::string marked(std::uint32_t generation, std::string_view subject) {
  std::string result(mark_bytes + subject.size(), '\0');
  std::memcpy(result.data(), &generation, mark_bytes);
  subject.copy(result.data() + mark_bytes, subject.size());
  return result;
}

inline std::uint32_t mark_of(std::string_view receipt) {
  std::uint32_t generation = 0;
  LEDGERD_ASSERT(receipt.size() > mark_bytes);
  std::memcpy(&generation, receipt.data(), mark_bytes);
  return generation;
}

// Answers to the question when the stream was made, and to acknowledgements that ask for one.
class life_answers final : public message_sink {
public:
  struct answer {
    std::uint64_t question = 0;
    std::int64_t created_at_ns = 0;
  };

  void open(waker wake) {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }

  // The waker is not called any more once this has returned.
  void shut() { open(nullptr); }

  // Somebody waits for the next answer: it wakes.
  void await() {
    const std::lock_guard lock(mutex_);
    awaited_ = true;
  }

  std::vector<answer> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(ready_, {});
  }

  // Which acknowledgement was answered last; 0: none.
  std::uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }

  // The last acknowledgement of which the broker has said that nobody takes it; 0: none.
  std::uint64_t untaken() const { return untaken_.load(std::memory_order_relaxed); }

  void receive(nats_message* message) override {
    if (const auto ack = aside_number(subject_of(message)))
      return (is_no_responders(message) ? untaken_ : taken_).store(*ack, std::memory_order_relaxed);
    hear(reply_number(subject_of(message)), payload_of(message));
  }

  // What the broker says of the stream.
  void hear(std::uint64_t question, std::string_view said) {
    const auto created = parse_creation_time(said);
    if (!created)
      return;
    const std::lock_guard lock(mutex_);
    ready_.push_back({question, *created});
    if (std::exchange(awaited_, false) && wake_)
      wake_();
  }

private:
  std::mutex mutex_;
  waker wake_;
  bool awaited_ = false;
  std::vector<answer> ready_;
  std::atomic<std::uint64_t> taken_ = 0;
  std::atomic<std::uint64_t> untaken_ = 0;
};

// One subscription delivers in order. So an answer that comes to it comes after whatever was
// delivered before the broker gave it; with a marked number, to be told from a notice.
class arrivals final : public message_sink {
public:
  arrivals(std::string_view stream, std::string_view durable, std::shared_ptr<life_answers> answers)
      : stream_(stream), durable_(durable), answers_(std::move(answers)) {}

  void open(waker wake) { ready_.open(std::move(wake)); }

  void shut() { ready_.shut(); }

  void mark_with(std::uint32_t generation) {
    auto before = generation_.load(std::memory_order_relaxed);
    while (before < generation
           && !generation_.compare_exchange_weak(before, generation, std::memory_order_relaxed)) {
    }
  }

  void receive(nats_message* raw) override {
    if (!reply_of(raw).empty())
      deliver(raw);
    else if (const auto question = aside_number(subject_of(raw)))
      answers_->hear(*question, payload_of(raw));
    else
      note(raw);
  }

  // The notices first: what came before one of them is then counted, too.
  harvest look() {
    harvest result;
    result.notices = notices_.take({});
    result.count = ready_.count();
    result.restarted = restarted_.exchange(false, std::memory_order_relaxed);
    return result;
  }

  std::vector<delivery> take() {
    std::vector<delivery> fresh;
    fresh.reserve(capacity_hint_);
    fresh = ready_.take(std::move(fresh));
    capacity_hint_ = fresh.size();
    return fresh;
  }

  // What waits at the consumer, by what came last; nothing: not known.
  std::optional<std::uint64_t> backlog() const {
    const auto last = backlog_.load(std::memory_order_relaxed);
    return last == unknown ? std::nullopt : std::optional{last};
  }

private:
  static constexpr auto unknown = ~std::uint64_t{0};

  void note(nats_message* message) {
    auto one = notice_of(message);
    // A request that waits, or waited until its end, got nothing. What waited at the last delivery
    // may have gone to others, or the consumer hands nothing out: it is paused, or as much is
    // unsettled as it allows.
    if ((one.is_heartbeat() || one.code == 404 || one.code == 408) && backlog() != 0)
      backlog_.store(unknown, std::memory_order_relaxed);
    notices_.put(std::move(one));
  }

  void deliver(nats_message* message) {
    const auto receipt = reply_of(message);
    const auto facts = parse_receipt(receipt);
    // Anybody may publish to an inbox he has heard of; only what the consumer sends is a delivery.
    if (!facts || facts->stream != stream_ || facts->consumer != durable_)
      return;
    if (failpoint("delivery"))
      return;
    backlog_.store(facts->pending, std::memory_order_relaxed);
    if (facts->consumer_seq
        <= consumer_seq_.exchange(facts->consumer_seq, std::memory_order_relaxed))
      begin_generation();
    delivery one{std::string(subject_of(message)),
                 std::string(payload_of(message)),
                 copy_headers(message, header_choice::application),
                 marked(generation_.load(std::memory_order_relaxed), receipt),
                 stream_,
                 facts->stream_seq,
                 facts->deliveries,
                 facts->stored_at_ns};
    const auto bytes = bytes_of(one);
    ready_.put(std::move(one), bytes);
  }

  // What the consumer sends from now on is told apart from what it sent before it was made anew at
  // once; the source, which looks later, then begins the same generation.
  void begin_generation() {
    if (!restarted_.exchange(true, std::memory_order_relaxed))
      generation_.fetch_add(1, std::memory_order_relaxed);
  }

  const std::string stream_;
  const std::string durable_;
  const std::shared_ptr<life_answers> answers_;
  std::size_t capacity_hint_ = 0; // the actor's thread only
  // Of the last delivery. After a new inbox two threads write it, until what is on the way to the
  // old one has come. Relaxed: nothing else is handed over by it, and each exchange compares two
  // neighbours in the one order that all writes of it have. Numbers that cross there look like a
  // consumer that was made anew, which is asked for once in vain.
  std::atomic<std::uint64_t> consumer_seq_ = 0;
  std::atomic<std::uint32_t> generation_ = 0;
  std::atomic<bool> restarted_ = false;
  std::atomic<std::uint64_t> backlog_ = unknown;
  mailbox<delivery> ready_;
  mailbox<notice> notices_; // never opened: nobody need wake up for them
};

} // namespace ledgerd
