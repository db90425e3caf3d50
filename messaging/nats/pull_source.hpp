// A pull subscription on a durable consumer, with a protocol of our own on a plain subscription:
// the library's fetch overruns its buffer and its reply subjects mix requests up (cnats 3.4.1).
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "messaging/nats/connection.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

// Requests and deliveries travel on `control`, what settles them on `data`. `observe` hears of
// trouble with the consumer, once when it begins and then rarely.
std::unique_ptr<delivery_source> make_pull_source(std::shared_ptr<lifeline> control,
                                                  std::shared_ptr<lifeline> data,
                                                  std::string_view stream, std::string_view durable,
                                                  std::size_t request_max,
                                                  lifeline::report observe);

} // namespace ledgerd
