// What the first statement of a transaction asks and sets.
#pragma once

#include <string>

namespace ledgerd {

struct transaction_limits;

// Answers one row: now() in microseconds, `synchronous_commit`, and whether COMMIT would wait for
// synchronous standbys.
std::string limits_and_time(const transaction_limits& limits);

} // namespace ledgerd
