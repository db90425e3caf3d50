// The log: one line for each event on stderr, as text or JSON.
//
// Lines cannot be forged: control characters and bytes that are not UTF-8 are escaped. Payloads are
// never logged.
#pragma once

#include <string>
#include <string_view>

#include "app/config.hpp"

namespace ledgerd {

// Sets the default logger of the process. With `asynchronous` a thread of its own writes, so that a
// slow reader of stderr never holds up a commit: when 8192 lines wait, the oldest are dropped. Call
// once, before threads are started.
void setup_logging(const config& settings, bool asynchronous);

// Writes what waits, and ends the thread. For the end of main.
void shutdown_logging();

} // namespace ledgerd
