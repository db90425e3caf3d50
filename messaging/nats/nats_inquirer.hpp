// An inquirer on a lifeline.
#pragma once

#include <memory>

#include "messaging/nats/connection.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

std::unique_ptr<inquirer> make_nats_inquirer(std::shared_ptr<lifeline> control);

} // namespace ledgerd
