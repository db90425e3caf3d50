// What nodes say to all others, on a lifeline.
#pragma once

#include <memory>

#include "messaging/cluster_ports.hpp"
#include "messaging/nats/connection.hpp"
#include "messaging/nats/retries.hpp"

namespace ledgerd {

// `retries`: of its subscription, while the broker refuses it.
std::unique_ptr<word_line> make_nats_word_line(std::shared_ptr<lifeline> control,
                                               retry_pauses retries = {});

} // namespace ledgerd
