// Publishes to JetStream and matches the PubAcks, through a reply inbox of its own: the library's
// asynchronous publish loses count when a PubAck is lost (cnats 3.4.1).
#pragma once

#include <memory>

#include "messaging/nats/line_pair.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

// Publishes on `data`, while the lines are joined.
std::unique_ptr<publisher> make_confirming_publisher(std::shared_ptr<line_pair> lines);

} // namespace ledgerd
