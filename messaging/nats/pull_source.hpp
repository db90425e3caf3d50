// A pull subscription on a durable consumer, with a protocol of our own on a plain subscription:
// the library's fetch overruns its buffer and its reply subjects mix requests up (cnats 3.4.1).
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "messaging/nats/line_pair.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

// Requests and deliveries travel on `control`, what settles them on `data`; nothing is asked for or
// settled while the two are not joined. `observe` hears of
// trouble with the consumer, once when it begins and then rarely.
std::unique_ptr<delivery_source> make_pull_source(std::shared_ptr<line_pair> lines,
                                                  std::string_view stream, std::string_view durable,
                                                  std::size_t request_max,
                                                  lifeline::report observe);

} // namespace ledgerd
