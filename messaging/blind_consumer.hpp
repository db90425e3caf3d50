// A durable consumer that does not see what its stream holds: the server that leads it hands out
// from its own copy of the stream, which may end long before the one of the stream's leader does.
// It says then that nothing waits. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "messaging/broker.hpp"

namespace ledgerd {

class blind_consumer {
public:
  using time_point = std::chrono::steady_clock::time_point;

  // Whether that is possible; otherwise nobody needs to look further.
  static bool is_possible(const stream_state& stream, const consumer_state& consumer) {
    return consumer.exists && !consumer.leader.empty() && consumer.leader != stream.leader
           && consumer.pending == 0 && consumer.delivered < stream.last_seq;
  }

  // How long it has not seen `last`, the last message on its subject as the stream's leader knows
  // it, without moving; asked after the consumer. What was stored before it was made may be none
  // of its own.
  std::chrono::milliseconds look(const consumer_state& consumer,
                                 const std::optional<stored_message>& last, time_point now) {
    if (!last || last->seq <= consumer.delivered || last->stored_at_ns <= consumer.created_at_ns) {
      since_.reset();
      return {};
    }
    if (!since_ || delivered_ != consumer.delivered)
      since_ = now;
    delivered_ = consumer.delivered;
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - *since_);
  }

private:
  std::uint64_t delivered_ = 0;
  std::optional<time_point> since_; // nothing: it sees all
};

} // namespace ledgerd
