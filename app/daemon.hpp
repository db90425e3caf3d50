// The daemon: wires broker, database and actors together and runs until it is told to stop.
#pragma once

#include "app/config.hpp"

namespace ledgerd {

// Runs in the calling thread until SIGTERM or SIGINT, then drains within the shutdown deadline; a
// second signal ends the process at once. A broker or database that cannot be reached at start is
// tried again for ever, with one line for each attempt. Expects logging to be set up. Returns the
// exit code: 0 done, 3 cannot start.
int run_daemon(const config& settings);

} // namespace ledgerd
