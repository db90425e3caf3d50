// The broker as the actors see it: a source of deliveries and a publisher that confirms.
//
// Both never block longer than the connection's write deadline, so event-based actors may call
// them. Each object belongs to one actor; only its `wake` callback runs on a foreign thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ledgerd {

struct header {
  std::string name;
  std::string value;

  friend bool operator==(const header&, const header&) = default;
};

// A message copied out of the broker's memory, with the receipt that settles it.
struct delivery {
  std::string subject;
  std::string payload;
  std::vector<header> headers; // without those that begin with "Nats-"
  std::string receipt;         // the acknowledgement subject; opaque to everybody but the source
  std::string stream;
  std::uint64_t stream_seq = 0;
  std::uint64_t deliveries = 1;  // how often the broker has handed it out, this time included
  std::int64_t stored_at_ns = 0; // by the broker's clock, since 1970
  // When its stream was made, by the broker's clock, since 1970: only together with this does
  // `stream_seq` name a message. 0: not known (see `delivery_source::identify`).
  std::int64_t incarnation = 0;
  std::uint64_t inquiry = 0; // of the source alone: the question that will tell the incarnation
};

// What a delivery holds in memory, in bytes, beside a fixed part: what hostile senders can make
// large.
inline std::size_t bytes_of(const delivery& one) noexcept {
  auto sum = one.subject.size() + one.payload.size() + one.receipt.size();
  for (const auto& each : one.headers)
    sum += sizeof(header) + each.name.size() + each.value.size();
  return sum;
}

enum class settlement {
  acknowledge, // done: never deliver again
  progress,    // still at work: restart the acknowledgement wait
  hand_back,   // not done: deliver again, to anyone, at once
  postpone,    // not done, and nobody can do it at present: deliver again in half a minute
  let_go,      // not done, for want of room: deliver again once its lease has run out, or, where
               // there is no lease, as if it were postponed
  terminate,   // parked elsewhere: never deliver again
};

// For how much the caller has room.
struct capacity {
  std::size_t messages = 0;
  std::size_t bytes = std::numeric_limits<std::size_t>::max(); // as `bytes_of` counts

  friend bool operator==(const capacity&, const capacity&) = default;
};

// Called from a foreign thread when `take` has something after having had nothing. Must only post a
// message.
using waker = std::function<void()>;

// One pull subscription on one durable consumer.
class delivery_source {
public:
  virtual ~delivery_source() = default;

  // Begins to receive. Called once, before anything else.
  virtual void open(waker wake) = 0;

  // Says for how many more messages the caller has room now, and lets time pass: requests what is
  // not requested yet (in at most two open pull requests) and gives up requests that are overdue.
  // Called whenever room has grown, and at least every 250 ms. More than `room` may still arrive
  // when requests were given up too early, at most twice before a silent connection is made anew:
  // the surplus is at most two windows and must be accepted. A message larger than the room comes
  // alone, when nothing is held but what stays (lasting_room).
  virtual void pull(const capacity& room) = 0;

  // What has arrived since the last call, in order of arrival.
  virtual std::vector<delivery> take() = 0;

  // Fills in `incarnation`, learned after the delivery had come; needed before it is parked. False:
  // not known yet, the source has asked and wakes when it knows; call again then. True and still 0:
  // the stream it came from is gone.
  virtual bool identify(delivery& one) {
    (void)one;
    return true;
  }

  // How many messages wait at the consumer for anybody, by what the broker said last of it with a
  // message or with a sign of life of a request that waits; nobody is asked for it. Nothing: not
  // known.
  virtual std::optional<std::uint64_t> backlog() const { return std::nullopt; }

  // For how long the broker has answered no request for messages, neither with one nor with a sign
  // of life, although it is up and there is room, and what it has complained of meanwhile. Zero: it
  // answers, or is not asked.
  struct silence {
    std::chrono::milliseconds since{0};
    std::string subject;   // on which it is asked
    std::string complaint; // empty: it has said nothing
    // The stream answers, over the same connection: this consumer is what does not.
    bool alone = false;
  };
  virtual silence unanswered() const { return {}; }

  // For how long the broker has said of no acknowledgement that it has taken it, although it was
  // asked to (of one a second, of those that are sent) and is up. Zero: it takes them, or there was
  // none.
  virtual silence unacknowledged() const { return {}; }

  // Fire and forget: a lost acknowledgement leads to a redelivery, which the gate knows.
  virtual void settle(std::string_view receipt, settlement how) = 0;

  // Stops asking. What still arrives afterwards can be taken, or is handed back by the broker's
  // wait.
  virtual void close() = 0;
};

struct outgoing {
  std::uint64_t token = 0; // the caller's own name for it, returned with the confirmation
  std::string subject;
  std::string message_id; // Nats-Msg-Id
  std::string payload;
  std::vector<header> headers;
  // The stream that has to store it, by a name that stays; empty: whichever takes its subject.
  std::string_view stream = {};
  // The transaction it tells of, if that was written just now: its stream cannot know it, and when
  // it knows the id all the same, what it has under it is read. 0: it may. Needs `stream`.
  std::int64_t new_row = 0;
};

// What became of a publication.
enum class publish_outcome {
  confirmed,   // stored in the stream (a duplicate counts as stored)
  unconfirmed, // nobody takes it now, or nobody has said: it may be stored all the same; publish it
               // again under the same id
  declined,    // likewise, and JetStream has said why not: another process would hear the same
  cut_off,     // likewise, and for want of a connection: that says nothing of the stream
  mislaid,     // likewise: the stream knows its id and not where it is. The first copy is being
               // stored, or was lost with a leader whose successor will repeat this for as long as
               // it remembers ids: at last another id is wanted
  too_large,   // not stored, and never will be at this size
  refused,     // not stored, and never will be as it is
};

struct confirmation {
  std::uint64_t token = 0;
  publish_outcome outcome = publish_outcome::unconfirmed;
  std::string error = {};    // when not confirmed: why
  std::size_t bytes_max = 0; // when too large: what payload and headers may have; 0: not known
  std::string known = {};    // when new and known all the same: the payload that the stream has

  bool confirmed() const noexcept { return outcome == publish_outcome::confirmed; }
  // Not stored, and never will be as it is.
  bool is_final() const noexcept {
    return outcome == publish_outcome::too_large || outcome == publish_outcome::refused;
  }
};

// Publishes to JetStream and reports each message's PubAck.
class publisher {
public:
  virtual ~publisher() = default;

  // Begins. Called once, before anything else.
  virtual void open(waker wake) = 0;

  // Sends without waiting. Every call is answered by exactly one confirmation. Keeps no copy for
  // longer than the library needs to write it.
  virtual void publish(const outgoing& message) = 0;

  // What the broker has said lately against publishing to this subject; empty: nothing. Its silence
  // about a publication is a refusal then.
  virtual std::string refusal_of(std::string_view /*subject*/) const { return {}; }

  // The broker's limit for payload and headers of one message, in bytes, as it was when the
  // connection was last made.
  virtual std::size_t message_bytes_max() const = 0;

  // The answers since the last call; also reports as not confirmed what has waited longer than the
  // deadline (5 s) or was under way when the connection broke. Called on wake, and at least every
  // 250 ms.
  virtual std::vector<confirmation> take() = 0;
};

// A question that came over NATS request/reply.
struct api_question {
  std::string subject;
  std::string payload; // empty when it was too large
  std::vector<header> headers;
  std::string reply; // where the answer goes; opaque to everybody but the desk
  std::chrono::steady_clock::time_point arrived;
  bool too_large = false; // the payload was, and was not copied
};

// How long whoever asks waits for an answer: an inquirer of ours, and about so long a client of
// somebody else's. What is older is not worth the work.
inline constexpr std::chrono::milliseconds question_patience{2000};

// What a desk dropped, since it was made.
struct question_losses {
  std::uint64_t foreign_reply = 0; // whose answer would have gone to a subject that is no inbox
  std::uint64_t overflow = 0;      // the oldest, when too many or too large ones waited
  std::uint64_t expired = 0;       // those that waited longer than `question_patience`
};

// Where questions come in: subscriptions on some subjects in a queue group, renewed after a rebuilt
// connection. What waits is limited in number and in bytes.
class question_desk {
public:
  virtual ~question_desk() = default;

  // Begins to receive. Called once, before anything else.
  virtual void open(waker wake) = 0;

  // The newest of those that wait, in order of arrival; the others stay. Under overload those are
  // answered whose askers still wait, instead of all being answered too late. Those that have
  // waited longer than `question_patience` are dropped unread. Called on wake until nothing comes
  // any more, and at least every 250 ms: it also renews the subscriptions.
  virtual std::vector<api_question> take(std::size_t at_most) = 0;

  // The broker's limit for payload and headers of one answer, in bytes. Thread-safe.
  virtual std::size_t message_bytes_max() const = 0;

  // Fire and forget. Instead of a payload beyond the broker's limit whoever asks gets the problem
  // TOO_LARGE. Thread-safe, unlike the rest.
  virtual void answer(const std::string& reply, std::string_view payload,
                      const std::vector<header>& headers) = 0;

  virtual question_losses losses() const = 0;

  // Takes no more questions; what has come can still be taken and answered.
  virtual void close() = 0;
};

// An answer to a question asked over NATS.
struct api_reply {
  std::uint64_t token = 0;
  bool answered = false; // false: nobody answered in time, or nobody is there
  std::string payload;
  std::vector<header> headers;
};

// Asks questions over NATS request/reply without waiting.
class inquirer {
public:
  virtual ~inquirer() = default;

  // Begins. Called once, before anything else.
  virtual void open(waker wake) = 0;

  // Every call is answered by exactly one reply.
  virtual void ask(std::uint64_t token, const std::string& subject, std::string_view payload) = 0;

  // The replies since the last call; also gives up what has waited longer than the deadline (2 s)
  // or was under way when the connection broke. Called on wake, and at least every 250 ms.
  virtual std::vector<api_reply> take() = 0;
};

} // namespace ledgerd
