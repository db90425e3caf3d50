// The daemon: wires broker, database and actors together and runs until it is told to stop.
#pragma once

#include "app/base/signals.hpp"
#include "app/config/config.hpp"

namespace ledgerd {

// Runs in the calling thread until it is told to stop, then drains within the shutdown deadline; a
// second signal ends the process at once. The HTTP listener opens first and says what the start
// waits for. A server that is away at start is waited for; whatever refuses the start does so
// before the first actor is there, so that no request is touched. Expects logging to be set up.
// Returns the exit code: 0 done, 3 cannot start, 70 a bug. An end that is not orderly does not
// return: the process ends with 70.
int run_daemon(const config& settings, process_signals& signals);

} // namespace ledgerd
