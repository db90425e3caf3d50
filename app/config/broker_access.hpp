// How a configuration's broker is reached. Any thread.
#pragma once

#include <string>

#include "app/config/server_settings.hpp"
#include "messaging/broker.hpp"

namespace ledgerd {

// What every connection of this program to NATS is made with. The URL is read again for each new
// connection when it came from a file.
broker_options broker_access(const broker_settings& settings, std::string client_name);

} // namespace ledgerd
