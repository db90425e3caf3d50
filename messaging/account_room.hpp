// How near an account on NATS is to the limits of its JetStream.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "messaging/broker.hpp"

namespace ledgerd {

// A sentence for each limit of which nine tenths or more are used: of storage and streams in the
// account or its tier, and of consumers in each of `streams` that is there, since nats-server
// counts those by stream. One that says why when the account cannot be asked. Waits on a connection
// of its own, up to some seconds. Throws as broker::connect does.
std::vector<std::string> account_room_warnings(const broker_options& how,
                                               const std::vector<std::string_view>& streams);

} // namespace ledgerd
