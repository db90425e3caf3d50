// What the verbs below `dead` share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "app/repair/letter_filter.hpp"

namespace ledgerd {

class command_line;

// A flag for each condition; what is no value of it is wrong usage.
void add_filter_flags(CLI::App& app, letter_filter& filter);

// Says why there is nothing to show or nothing was done; with --json as a document, too. The exit
// code.
int say_no(bool json, std::string_view code, const std::string& detail);

// Now, in nanoseconds since 1970.
std::int64_t wall_clock_ns();

// `dead replay` and `dead discard`.
void add_dead_repairs(command_line& line, CLI::App& group);

} // namespace ledgerd
