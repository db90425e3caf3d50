// Messages that a consumer gave up. A consumer whose delivery count somebody has limited on the
// server (max_deliver) stops delivering a message after so many attempts, for good and without
// keeping note of it: the message just stays in its stream. This source reads such messages from
// the stream itself.
#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "messaging/broker.hpp"

namespace ledgerd {

// Looks, in a thread of its own, whether the consumer limits deliveries, every `interval` when it
// does and every half minute when it does not. If it does, hands out what lies on `subject` between
// the consumer's acknowledgement floor and its last delivery and is older than the acknowledgement
// wait. That includes messages that are merely in flight somewhere: deciding one twice is harmless,
// leaving one undecided is not. Each message is handed out once in the life of the source. There is
// nothing to settle: the consumer does not know these messages any more. `nats` must outlive the
// source.
std::unique_ptr<delivery_source> make_recovery_source(broker& nats, std::string_view stream,
                                                      std::string_view durable,
                                                      std::string_view subject,
                                                      std::chrono::milliseconds interval);

} // namespace ledgerd
