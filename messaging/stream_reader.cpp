#include "messaging/stream_reader.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "messaging/incoming.hpp"
#include "messaging/js_api.hpp"
#include "messaging/pull_book.hpp"

namespace ledgerd {

namespace {

using nlohmann::json;
using steady = std::chrono::steady_clock;

constexpr std::size_t request_max = 5000;
constexpr std::size_t window = 2 * request_max;
constexpr auto wait_slice = std::chrono::milliseconds(250);
constexpr auto retry_pause = std::chrono::milliseconds(250);
constexpr auto inactive_threshold = std::chrono::seconds(30); // the broker clears up when we cannot
constexpr int tries_max = 20;                                 // in a row without a single message

// Something on the way was lost: start again behind the last message seen.
struct interrupted : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One ephemeral consumer. The consumer sequence of its messages must have no gap.
class reading {
public:
  reading(session& through, std::string stream, std::string_view filter, std::uint64_t first_seq)
      : session_(through), stream_(std::move(stream)), book_(request_max) {
    json config = {{"deliver_policy", "by_start_sequence"},
                   {"opt_start_seq", first_seq},
                   {"ack_policy", "none"},
                   {"replay_policy", "instant"},
                   {"max_deliver", -1},
                   {"inactive_threshold", std::chrono::nanoseconds(inactive_threshold).count()}};
    if (!filter.empty())
      config["filter_subject"] = filter;
    const auto body = json{{"stream_name", stream_}, {"config", std::move(config)}}.dump();
    const auto answer = ask_jetstream(session_, "CONSUMER.CREATE." + stream_, body);
    if (!answer.error.empty())
      throw std::runtime_error("JetStream, reading " + stream_ + ": " + answer.error);
    const auto info = json::parse(answer.json);
    name_ = info.value("name", "");
    pending_ = info.value("num_pending", std::uint64_t{0});
    inbox_ = session_.make_inbox();
    subscription_ = session_.subscribe(inbox_ + ".*", nullptr);
    if (subscription_ == nullptr)
      throw interrupted("the connection broke");
  }

  ~reading() {
    session_.unsubscribe(subscription_);
    try {
      ask_jetstream(session_, "CONSUMER.DELETE." + stream_ + "." + name_, "");
    } catch (const std::runtime_error&) {
      // The broker deletes it when it has been idle for a while.
    }
  }

  reading(const reading&) = delete;
  reading& operator=(const reading&) = delete;

  // The next message, or null when there is none left.
  message_ptr next() {
    while (pending_ > 0) {
      request();
      message_ptr message(session_.next(subscription_, wait_slice));
      if (message == nullptr)
        check_silence();
      else if (reply_of(message.get()).empty())
        note(message.get());
      else if (accept(message.get()))
        return message;
    }
    return nullptr;
  }

  // The sequence number of the last one.
  std::uint64_t seq() const noexcept { return seq_; }

  stored_message to_stored(nats_message* message) const {
    return {.seq = seq_,
            .stored_at_ns = stored_at_ns_,
            .subject = std::string(subject_of(message)),
            .payload = std::string(payload_of(message)),
            .headers = copy_headers(message, header_choice::all)};
  }

private:
  void request() {
    if (book_.outstanding() > window / 2)
      return; // asked on every message: cheap most of the time
    const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(window, pending_));
    while (const auto wish = book_.next(room, steady::now())) {
      const auto body =
          json{{"batch", wish->batch},
               {"expires", std::chrono::nanoseconds(wish->expires).count()},
               {"idle_heartbeat", std::chrono::nanoseconds(pull_book::heartbeat).count()}}
              .dump();
      const auto error = session_.publish("$JS.API.CONSUMER.MSG.NEXT." + stream_ + "." + name_,
                                          inbox_ + "." + std::to_string(wish->id), body);
      if (!error.empty())
        throw interrupted(error);
    }
  }

  void check_silence() {
    if (book_.expire(steady::now()) > 0)
      throw interrupted("the broker has fallen silent");
  }

  void note(nats_message* message) {
    const auto subject = subject_of(message);
    const auto id = parse_number(subject.substr(subject.rfind('.') + 1)).value_or(0);
    const auto status = header_value(message, "Status");
    if (status == "100")
      book_.heard(id, steady::now());
    else if (status == "404" || status == "408")
      throw interrupted("the rest of the stream has been deleted"); // or it came late: look again
    else
      throw interrupted(status + " " + header_value(message, "Description"));
  }

  bool accept(nats_message* message) {
    const auto facts = parse_receipt(reply_of(message));
    if (!facts || facts->stream != stream_ || facts->consumer != name_)
      return false;
    if (facts->consumer_seq != consumer_seq_ + 1)
      throw interrupted("a message was lost on the way");
    consumer_seq_ = facts->consumer_seq;
    seq_ = facts->stream_seq;
    stored_at_ns_ = facts->stored_at_ns;
    pending_ = facts->pending;
    book_.arrived(1, last_arrival());
    return true;
  }

  // Reading the clock for each message would cost more than it is worth.
  steady::time_point last_arrival() {
    if (consumer_seq_ % 256 == 1)
      arrival_ = steady::now();
    return arrival_;
  }

  session& session_;
  const std::string stream_;
  std::string name_;
  std::string inbox_;
  nats_subscription* subscription_ = nullptr;
  pull_book book_;
  std::uint64_t pending_ = 0;
  std::uint64_t consumer_seq_ = 0;
  std::uint64_t seq_ = 0;
  std::int64_t stored_at_ns_ = 0;
  steady::time_point arrival_;
};

} // namespace

void read_stream(const broker_options& options, std::string_view stream,
                 std::string_view subject_filter, std::uint64_t first_seq,
                 const std::function<bool(const stored_message&)>& visit) {
  const auto name = checked_name(stream);
  auto next_seq = std::max<std::uint64_t>(first_seq, 1);
  std::optional<std::uint64_t> last_seq;
  for (int tries = 0;;) {
    try {
      const auto connection = session::open(
          options,
          {.name = options.client_name + " reader", .immediate = true, .reconnect = false});
      const auto state = ask_stream(*connection, name);
      if (!state.exists)
        throw std::runtime_error("JetStream: there is no stream " + name);
      if (!last_seq)
        last_seq = state.last_seq;
      if (next_seq > *last_seq)
        return;
      reading from(*connection, name, subject_filter, next_seq);
      while (const auto message = from.next()) {
        if (from.seq() > *last_seq || !visit(from.to_stored(message.get())))
          return;
        next_seq = from.seq() + 1;
        tries = 0;
      }
      return;
    } catch (const interrupted& why) {
      if (++tries == tries_max)
        throw std::runtime_error("JetStream, reading " + name + ": " + why.what());
      std::this_thread::sleep_for(retry_pause);
    }
  }
}

} // namespace ledgerd
