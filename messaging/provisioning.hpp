// The streams and consumers the daemon needs: creates what is missing, judges what is there.
// Private to this room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "messaging/connection.hpp"

namespace ledgerd {

// See broker::provision. Waits. Throws std::runtime_error when the broker cannot be asked.
std::vector<std::string> provision_all(session& through, const provisioning& how);

// True when a message on `subject` would be taken by a stream with the subject `pattern`.
bool subject_matches(std::string_view pattern, std::string_view subject) noexcept;

} // namespace ledgerd
