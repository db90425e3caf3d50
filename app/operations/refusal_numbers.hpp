// What was refused at the doors, HTTP and NATS, by the code of the problem (docs/errors.md).
#pragma once

#include "app/operations/metrics_snapshot.hpp"

namespace ledgerd {

// A series for each door and code, also of what was never refused. Any thread.
metrics_snapshot refusal_numbers();

} // namespace ledgerd
