// The way to one peer, or to all, on a lifeline: a frame is a request to one subject, and its
// replies come to an inbox of this line.
#pragma once

#include <memory>
#include <string>

#include "domain/boot_id.hpp"
#include "messaging/cluster_ports.hpp"
#include "messaging/nats/connection.hpp"

namespace ledgerd {

// Where a node's peers send their frames.
std::string entries_subject(boot_id node);

std::unique_ptr<peer_line> make_nats_peer_line(std::shared_ptr<lifeline> control,
                                               std::string subject);

} // namespace ledgerd
