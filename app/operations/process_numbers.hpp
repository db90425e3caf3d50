// What the process takes of its machine, under the names that Prometheus' own libraries give it.
#pragma once

#include "app/operations/metrics_snapshot.hpp"

namespace ledgerd {

// Start, processor time, memory and open files. What the system does not tell is left out. Reads
// /proc; any thread.
metrics_snapshot process_numbers();

} // namespace ledgerd
