#include "messaging/nats/stream_reader.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "messaging/nats/incoming.hpp"
#include "messaging/nats/js_api.hpp"
#include "messaging/nats/pull_arrivals.hpp"
#include "messaging/nats/pull_book.hpp"

namespace ledgerd {

namespace {

using nlohmann::json;
using steady = std::chrono::steady_clock;

constexpr std::size_t request_max = 2000;
// What a slow visitor may leave waiting in memory: messages, and bytes, unless one is larger.
constexpr std::size_t window = 2 * request_max;
constexpr std::size_t window_bytes = std::size_t{16} << 20;
constexpr auto wait_slice = std::chrono::milliseconds(250);
constexpr auto retry_pause = std::chrono::milliseconds(250);
constexpr auto inactive_threshold = std::chrono::seconds(30); // the broker clears up when we cannot
constexpr int tries_max = 40;                                 // in a row without a single message
constexpr int places_max = 32; // of three servers one leads: two in a million miss it so often
// How long a consumer may take to be made, at first and at last: twice as long after each that was
// not.
constexpr auto patience_min = std::chrono::milliseconds(300);
constexpr auto patience_max = std::chrono::milliseconds(4800);
constexpr auto discard_patience = std::chrono::milliseconds(1000);

std::string time_text(std::int64_t ns) {
  const std::chrono::sys_time<std::chrono::nanoseconds> time{std::chrono::nanoseconds{ns}};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02lld:%02lld:%02lld.%09lldZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<long long>(clock.hours().count()),
                static_cast<long long>(clock.minutes().count()),
                static_cast<long long>(clock.seconds().count()),
                static_cast<long long>(clock.subseconds().count()));
  return text;
}

// Where a reading begins, in the words of JetStream.
json start_of(const stream_place& from, std::uint64_t next_seq) {
  if (next_seq == 0 && from.since_ns > 0)
    return {{"deliver_policy", "by_start_time"}, {"opt_start_time", time_text(from.since_ns)}};
  return {{"deliver_policy", "by_start_sequence"},
          {"opt_start_seq", std::max<std::uint64_t>(next_seq, 1)}};
}

// What came: a message, or what the broker says instead of one. The broker's own words have no
// reply; a stored message has one, whatever stands in it, also the status of an answer.
struct came {
  stored_message message; // without its place in the stream
  std::string reply;
  notice said;
};

// As the broker counts what a request may bring.
std::size_t bytes_of(const came& one) {
  auto sum = one.message.subject.size() + one.message.payload.size() + one.reply.size();
  for (const auto& each : one.message.headers)
    sum += each.name.size() + each.value.size() + 4;
  return sum;
}

// Where the subscription's thread puts it, and the reading takes it from.
class arrival_box final : public message_sink {
public:
  void receive(nats_message* raw) override {
    came one{.message = {.subject = std::string(subject_of(raw))},
             .reply = std::string(reply_of(raw))};
    if (one.reply.empty()) {
      one.said = notice_of(raw);
    } else {
      one.message.payload = payload_of(raw);
      one.message.headers = copy_headers(raw, header_choice::all);
    }
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(one));
    if (waiting_.size() == 1)
      changed_.notify_one();
  }

  // Nothing comes any more.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_one();
  }

  // Nothing after `at_most`; throws std::runtime_error when the connection is gone.
  std::optional<came> take(std::chrono::milliseconds at_most) {
    if (next_ == taken_.size()) {
      taken_.clear();
      next_ = 0;
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, at_most, [this] { return closed_ || !waiting_.empty(); });
      std::swap(taken_, waiting_);
      if (taken_.empty() && closed_)
        throw std::runtime_error("the connection is gone");
    }
    return next_ < taken_.size() ? std::optional(std::move(taken_[next_++])) : std::nullopt;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  std::vector<came> waiting_;
  std::vector<came> taken_; // the reading's own, as is the next
  std::size_t next_ = 0;
};

// One ephemeral consumer. Throws std::runtime_error when anything on the way is lost: the consumer
// sequence of its messages must have no gap.
class reading {
public:
  // `config` says where it begins, `leader` who leads the stream.
  reading(session& through, std::shared_ptr<arrival_box> box, std::string stream,
          std::string_view filter, json config, const std::string& leader,
          const std::atomic<bool>& cancelled)
      : session_(through), box_(std::move(box)), stream_(std::move(stream)), cancelled_(cancelled),
        book_(request_max) {
    config["ack_policy"] = "none";
    config["replay_policy"] = "instant";
    config["mem_storage"] = true;
    config["inactive_threshold"] = std::chrono::nanoseconds(inactive_threshold).count();
    if (!filter.empty())
      config["filter_subject"] = filter;
    make_where(leader, std::move(config));
    book_.expect_messages_of(session_.message_bytes_max());
    inbox_ = session_.make_inbox();
    subscription_ = session_.subscribe(inbox_ + ".*", box_);
    if (subscription_ == nullptr)
      throw std::runtime_error("the connection broke");
  }

  ~reading() {
    session_.unsubscribe(subscription_);
    if (!cancelled_)
      discard(); // otherwise the broker deletes the consumer when it has been idle for a while
  }

  reading(const reading&) = delete;
  reading& operator=(const reading&) = delete;

  // The next message, or nothing when there is none left.
  std::optional<stored_message> next() {
    while (pending_ > 0) {
      if (cancelled_)
        throw std::runtime_error("cancelled");
      request();
      auto one = box_->take(wait_slice);
      if (!one)
        check_silence();
      else if (one->reply.empty())
        note(one->said);
      else if (accept(*one))
        return std::move(one->message);
    }
    return std::nullopt;
  }

private:
  // A consumer of this kind lives on one server of the stream's, which takes what it delivers from
  // its own copy. A follower's may end long before the leader's does, and nothing would tell. It
  // may also be put on a server that is away, and then nobody answers.
  void make_where(const std::string& leader, json config) {
    const auto inbox = session_.make_inbox();
    const auto reader = "reader-" + inbox.substr(inbox.rfind('.') + 1) + "-";
    auto patience = leader.empty() ? patience_max : patience_min;
    for (int i = 0; i < places_max && !cancelled_; ++i) {
      name_ = reader + std::to_string(i);
      config["name"] = name_;
      const auto answer = create(config, patience);
      if (!answer) {
        patience *= 2;
        continue;
      }
      const auto made = json::parse(answer->json);
      name_ = made.value("name", name_); // a server may give one of its own
      pending_ = made.value("num_pending", std::uint64_t{0});
      // A server without a cluster names itself for the stream, and nobody for the consumer.
      if (const auto place = parse_leader(answer->json); place.empty() || place == leader)
        return;
      discard();
    }
    throw std::runtime_error("no consumer is to be had where the stream is led, at " + leader);
  }

  // Nothing: nobody has answered, and nobody is asked again for longer than `patience_max`.
  std::optional<jetstream_answer> create(const json& config, std::chrono::milliseconds patience) {
    try {
      auto answer =
          ask_jetstream(session_, "CONSUMER.CREATE." + stream_,
                        json{{"stream_name", stream_}, {"config", config}}.dump(), patience);
      if (!answer.error.empty())
        throw std::runtime_error(answer.error);
      return answer;
    } catch (const no_answer&) {
      if (patience >= patience_max)
        throw;
    }
    // Its server would keep it from when it comes back on, and those of other tries with it.
    session_.publish(api_subject(session_, "CONSUMER.DELETE." + stream_ + "." + name_), "", "");
    return std::nullopt;
  }

  void discard() {
    try {
      ask_jetstream(session_, "CONSUMER.DELETE." + stream_ + "." + name_, "", discard_patience);
    } catch (const std::runtime_error&) {
      // The broker deletes it when it has been idle for a while.
    }
  }

  void request() {
    if (book_.outstanding() > window / 2)
      return; // asked on every message: cheap most of the time
    const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(window, pending_));
    while (const auto wish = book_.next({room, window_bytes}, steady::now())) {
      json body{{"batch", wish->batch},
                {"expires", std::chrono::nanoseconds(wish->expires).count()},
                {"idle_heartbeat", std::chrono::nanoseconds(pull_book::heartbeat).count()}};
      if (wish->bytes > 0)
        body["max_bytes"] = wish->bytes;
      const auto error =
          session_.publish(api_subject(session_, "CONSUMER.MSG.NEXT." + stream_ + "." + name_),
                           inbox_ + "." + std::to_string(wish->id), body.dump());
      if (!error.empty())
        throw std::runtime_error(error);
    }
  }

  void check_silence() {
    if (book_.expire(steady::now()) > 0)
      throw std::runtime_error("the broker has fallen silent");
  }

  void note(const notice& said) {
    if (said.is_heartbeat())
      return book_.heard(said.request, steady::now());
    if (said.code == 404 || said.code == 408)
      throw std::runtime_error(
          "the rest of the stream has been deleted"); // or it came late: look again
    if (!said.is_ordinary_end())
      throw std::runtime_error(said.text);
    if (said.bytes_are_used_up())
      book_.too_small(said.request, said.missing, steady::now());
    book_.ended(said.request, said.missing, said.missing_bytes);
  }

  // A message of the reading; what else has a reply is somebody's who has heard of the inbox.
  bool accept(came& one) {
    const auto facts = parse_receipt(one.reply);
    if (!facts || facts->stream != stream_ || facts->consumer != name_)
      return false;
    if (facts->consumer_seq != consumer_seq_ + 1)
      throw std::runtime_error("a message was lost on the way");
    consumer_seq_ = facts->consumer_seq;
    one.message.seq = facts->stream_seq;
    one.message.stored_at_ns = facts->stored_at_ns;
    pending_ = facts->pending;
    book_.arrived({1, bytes_of(one)}, last_arrival());
    return true;
  }

  // Reading the clock for each message would cost more than it is worth.
  steady::time_point last_arrival() {
    if (consumer_seq_ % 256 == 1)
      arrival_ = steady::now();
    return arrival_;
  }

  session& session_;
  const std::shared_ptr<arrival_box> box_;
  const std::string stream_;
  const std::atomic<bool>& cancelled_;
  std::string name_;
  std::string inbox_;
  nats_subscription* subscription_ = nullptr;
  pull_book book_;
  std::uint64_t pending_ = 0;
  std::uint64_t consumer_seq_ = 0;
  steady::time_point arrival_;
};

// The rest of what was being read is gone; the sequence numbers name other messages now.
struct made_anew : std::runtime_error {
  explicit made_anew(const std::string& stream)
      : std::runtime_error("reading " + stream + ": the stream was deleted and made anew") {}
};

// What the server refuses, which it says to nobody who waits for an answer, and the connection's
// end.
class connection_events final : public session_events {
public:
  // Of the connection that comes next.
  void tell(std::shared_ptr<arrival_box> box) {
    const std::lock_guard lock(mutex_);
    box_ = std::move(box);
  }

  void session_disconnected() override {}
  void session_reconnected() override {}
  void session_closed() override {
    const std::lock_guard lock(mutex_);
    if (box_ != nullptr)
      box_->close();
  }
  void session_error(bool, const std::string& text) override {
    const std::lock_guard lock(mutex_);
    if (text.find("Permissions Violation") != std::string::npos)
      last_ = text;
  }

  std::string last_refusal() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }

private:
  mutable std::mutex mutex_;
  std::shared_ptr<arrival_box> box_;
  std::string last_;
};

// Starts again behind the last message whenever a reading is interrupted, but not where a right is
// missing.
class persistent_reading {
public:
  persistent_reading(line_pair& lines, const std::string& client_name, std::string_view stream,
                     std::string_view filter, const stream_place& from,
                     const std::atomic<bool>& cancelled)
      : lines_(lines), client_name_(client_name), stream_(checked_name(stream)), filter_(filter),
        cancelled_(cancelled), from_(from),
        next_seq_(from.since_ns > 0 ? 0 : std::max<std::uint64_t>(from.seq, 1)) {}

  // The next message up to the end as it was at the beginning; nothing when there is none left.
  std::optional<stored_message> next() {
    for (;;) {
      try {
        return next_of_this_try();
      } catch (const made_anew&) {
        throw;
      } catch (const std::runtime_error& why) {
        reading_.reset();
        connection_.reset();
        if (const auto refused = events_.last_refusal(); !refused.empty())
          throw std::runtime_error("reading " + stream_ + ": " + refused);
        if (cancelled_ || !last_seq_ || ++tries_ == tries_max)
          throw std::runtime_error("reading " + stream_ + ": " + why.what());
        std::this_thread::sleep_for(retry_pause);
      }
    }
  }

private:
  std::optional<stored_message> next_of_this_try() {
    if (reading_ == nullptr)
      begin();
    if (next_seq_ > *last_seq_)
      return std::nullopt;
    auto message = reading_->next();
    if (!message || message->seq > *last_seq_)
      return std::nullopt;
    next_seq_ = message->seq + 1;
    tries_ = 0;
    return message;
  }

  void begin() {
    const auto box = std::make_shared<arrival_box>();
    events_.tell(box);
    connection_ = session::open(lines_.control()->access(), {.name = client_name_ + " reader",
                                                             .immediate = true,
                                                             .reconnect = false,
                                                             .events = &events_});
    if (lines_.control()->up() && !lines_.reaches_control(*connection_, line_pair::missing_after))
      throw std::runtime_error("its connection reaches another NATS system than the node's, or a "
                               "server that does not hear that of the node");
    const auto state = ask_stream(*connection_, stream_);
    if (!state.exists)
      throw std::runtime_error("there is no such stream");
    if (!last_seq_)
      last_seq_ = state.last_seq;
    if (std::exchange(made_at_ns_, state.created_at_ns) != state.created_at_ns && begun_)
      throw made_anew(stream_);
    begun_ = true;
    reading_ = std::make_unique<reading>(*connection_, box, stream_, filter_,
                                         start_of(from_, next_seq_), state.leader, cancelled_);
  }

  line_pair& lines_;
  const std::string client_name_;
  const std::string stream_;
  const std::string filter_;
  const std::atomic<bool>& cancelled_;
  const stream_place from_;
  std::uint64_t next_seq_; // 0: by its time
  bool begun_ = false;
  std::int64_t made_at_ns_ = 0;
  std::optional<std::uint64_t> last_seq_; // known once the first try has begun
  int tries_ = 0;
  connection_events events_;
  std::shared_ptr<session> connection_;
  std::unique_ptr<reading> reading_;
};

} // namespace

void read_stream(line_pair& lines, const std::string& client_name, std::string_view stream,
                 std::string_view subject_filter, const stream_place& from,
                 const std::function<bool(const stored_message&)>& visit,
                 const std::atomic<bool>& cancelled) {
  persistent_reading place(lines, client_name, stream, subject_filter, from, cancelled);
  while (const auto message = place.next())
    if (!visit(*message))
      return;
}

} // namespace ledgerd
