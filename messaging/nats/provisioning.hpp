// The streams and consumers the daemon needs: creates what is missing, judges what is there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "messaging/nats/connection.hpp"

namespace ledgerd {

// See broker::provision. Waits. Throws std::runtime_error when the broker cannot be asked.
provision_report provision_all(session& through, const provisioning& how);

} // namespace ledgerd
