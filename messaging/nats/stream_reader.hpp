// Reads a stream from beginning to end, for audits and tests.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "messaging/nats/line_pair.hpp"

namespace ledgerd {

// Where a reading begins: at a sequence, or with the first message that was stored at this time or
// later.
struct stream_place {
  std::uint64_t seq = 1;
  std::int64_t since_ns = 0; // since 1970, by the broker's clock; 0: by `seq`
};

// See broker::read, broker::read_since and broker::cancel_reading. Uses a connection of its own, so
// that a long read disturbs nobody; it reaches the system that `lines` reach. Waits.
void read_stream(line_pair& lines, const std::string& client_name, std::string_view stream,
                 std::string_view subject_filter, const stream_place& from,
                 const std::function<bool(const stored_message&)>& visit,
                 const std::atomic<bool>& cancelled);

} // namespace ledgerd
