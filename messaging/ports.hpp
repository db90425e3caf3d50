// The broker as the actors see it: a source of deliveries and a publisher that confirms.
//
// Both never block longer than the connection's write deadline, so event-based actors may call
// them. Each object belongs to one actor; only its `wake` callback runs on a foreign thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
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
  std::uint64_t deliveries = 1; // how often the broker has handed it out, this time included
};

enum class settlement {
  acknowledge, // done: never deliver again
  progress,    // still at work: restart the acknowledgement wait
  hand_back,   // not done: deliver again, to anyone, at once
  terminate,   // parked elsewhere: never deliver again
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
  // when a request was given up too early; the surplus is at most one window and must be accepted.
  virtual void pull(std::size_t room) = 0;

  // What has arrived since the last call, in order of arrival.
  virtual std::vector<delivery> take() = 0;

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
};

struct confirmation {
  std::uint64_t token = 0;
  bool confirmed = false; // stored in the stream (a duplicate counts as stored)
  std::string
      error; // when not confirmed: why. It may be stored all the same: publish again, same id.
};

// Publishes to JetStream and reports each message's PubAck.
class publisher {
public:
  virtual ~publisher() = default;

  // Begins. Called once, before anything else.
  virtual void open(waker wake) = 0;

  // Sends without waiting. Every call is answered by exactly one confirmation.
  virtual void publish(const outgoing& message) = 0;

  // The answers since the last call; also reports as not confirmed what has waited longer than the
  // deadline (5 s) or was under way when the connection broke. Called on wake, and at least every
  // 250 ms.
  virtual std::vector<confirmation> take() = 0;
};

} // namespace ledgerd
