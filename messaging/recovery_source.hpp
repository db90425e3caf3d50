// Messages that a consumer gave up. A consumer whose delivery count somebody has limited on the
// server (max_deliver) stops delivering a message after so many attempts, for good: the message
// just stays in its stream. This source reads such messages from the stream itself
// (docs/decisions/0008-recovery.md).
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "messaging/broker.hpp"

namespace ledgerd {

// Said after each look that failed although the broker is connected: how many have in a row, and
// why; and once, with 0, when one has succeeded again. Called from the source's thread.
using recovery_report = std::function<void(std::size_t failed, const std::string& why)>;

// Looks, in a thread of its own, every `interval`: for the broker's announcements of what the
// consumer gave up, each deleted once its message is settled; and whether the consumer limits
// deliveries (every half minute when it does not). If it does, hands out what lies on `subject`
// between the consumer's acknowledgement floor and its last delivery and is older than the
// acknowledgement wait. That includes messages that are merely in flight somewhere: deciding one
// twice is harmless, leaving one undecided is not. What is postponed or let go is handed out again
// by the source itself. `nats` must outlive the source.
std::unique_ptr<delivery_source> make_recovery_source(
    broker& nats, std::string_view stream, std::string_view durable, std::string_view subject,
    std::chrono::milliseconds interval,
    recovery_report report = [](std::size_t, const std::string&) {});

} // namespace ledgerd
