// The log: one line for each event on stderr, as text or JSON.
//
// Lines cannot be forged: control characters and bytes that are not UTF-8 are escaped. Payloads are
// never logged.
#pragma once

#include <memory>
#include <string>

#include <spdlog/formatter.h>

#include "app/config/log_settings.hpp"
#include "app/operations/metrics_snapshot.hpp"

namespace ledgerd {

// Sets the default logger of the process. With `asynchronous` a thread of its own writes, so that a
// slow reader of stderr never holds up a commit: when 8192 lines wait, the oldest are dropped. Call
// once, before threads are started.
void setup_logging(const log_settings& settings, bool asynchronous);

// How its lines are written: for the logger above, and for one that keeps them.
std::unique_ptr<spdlog::formatter> make_line_formatter(const log_settings& settings);

// Lines below the level are left out from now on: trace, debug, info, warn or error. Any thread.
void set_log_level(const std::string& level);

// ledgerd_log_lines_lost_total: how many lines of this process could not be written, or were
// dropped since the writer could not keep up. Any thread.
metrics_snapshot log_numbers();

// Writes what waits, and ends the thread. When nobody reads the log for a second, the process ends
// here with `code`: joining the thread would take for ever. For the end of main.
void shutdown_logging(int code);

} // namespace ledgerd
