// The broker between nodes, as the actors see it.
//
// Nothing here blocks longer than the connection's write deadline. Each object belongs to one
// actor; only its `wake` callback runs on a foreign thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messaging/ports.hpp"

namespace ledgerd {

// Says something to all nodes, and hears what they say; its own words may come back.
class word_line {
public:
  virtual ~word_line() = default;

  // Begins. Called once, before anything else.
  virtual void open(waker wake) = 0;

  // Fire and forget: lost when the connection is down.
  virtual void say(std::string_view word) = 0;

  // What has come since the last call, in order of arrival; what is too much or too large is
  // dropped. Called on wake, and at least every second: it also renews the subscription.
  virtual std::vector<std::string> take() = 0;

  // How much has been dropped since it was opened.
  virtual std::uint64_t dropped() const { return 0; }
};

// A reply to a frame.
struct line_reply {
  std::uint64_t number = 0; // of the frame
  bool nobody = false;      // the broker knows of nobody who listens there
  std::string payload;
};

// The way to one peer: frames to its subject, and their replies, of which there may be several.
class peer_line {
public:
  virtual ~peer_line() = default;

  // Begins. Called once, before anything else.
  virtual void open(waker wake) = 0;

  // Fire and forget: the caller has a deadline of its own. `number` comes back with each reply.
  virtual void send(std::uint64_t number, std::string_view frame) = 0;

  // The replies since the last call. Called on wake, and at least every 250 ms.
  virtual std::vector<line_reply> take() = 0;

  // The broker's limit for one message, in bytes, as it was when the connection was last made.
  virtual std::size_t message_bytes_max() const = 0;
};

} // namespace ledgerd
