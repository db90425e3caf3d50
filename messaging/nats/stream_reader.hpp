// Reads a stream from beginning to end, for audits and tests.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "messaging/nats/connection.hpp"

namespace ledgerd {

// See broker::read and broker::cancel_reading. Uses a connection of its own, so that a long read
// disturbs nobody. Waits.
void read_stream(const broker_options& options, std::string_view stream,
                 std::string_view subject_filter, std::uint64_t first_seq,
                 const std::function<bool(const stored_message&)>& visit,
                 const std::atomic<bool>& cancelled);

} // namespace ledgerd
