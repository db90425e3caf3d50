// Consumers whose given-up requests cannot be recovered (messaging/recovery_source.hpp), as log,
// health and metrics see them: a node with such a consumer works on, but is not ready.
//
// For the process. Any thread.
#pragma once

#include <cstddef>
#include <string>

namespace ledgerd {

// So many looks in a row have failed, for this reason; 0 takes back what was said. A few are let
// pass.
void note_recovery(const std::string& consumer, std::size_t failed, const std::string& why);

// What is said at present, as one text; empty: all are recovered.
std::string unrecovered();

// Of how many consumers something is said at present.
std::size_t unrecovered_consumers();

} // namespace ledgerd
