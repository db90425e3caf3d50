// What the verbs print. Nothing that a message, a row or a server holds reaches the terminal as a
// control character: it is escaped here, once.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ledgerd {

// One line on stdout, formatted as by printf; whatever the arguments hold, it stays one line.
[[gnu::format(printf, 1, 2)]] void print_line(const char* format, ...);

// The same on stderr, after "ledgerd: ".
[[gnu::format(printf, 1, 2)]] void complain(const char* format, ...);

// What was complained about so far, but for warnings, as one sentence of a bounded length.
std::string complaints();

// A table as `format_table` lays it out, on stdout.
void print_table(const std::vector<std::vector<std::string>>& rows);

// Lines that are laid out already: each is escaped, the line ends stay.
void print_lines(std::string_view lines);

// The value in indented lines. Bytes that are not UTF-8 are replaced, control characters are
// written as \u....
void print_json(const nlohmann::ordered_json& value);

// The same on one line, at once: one of a sequence of documents, of which nobody knows the last.
void print_json_line(const nlohmann::ordered_json& value);

// Whether anything but such lines was printed.
bool has_printed();

// Writes what still waits for stdout. Whether nobody takes it any more: a watch ends then.
bool output_gone();

// Writes what still waits for stdout. Why something of all that was printed has not been written;
// nothing when all has, or when nobody reads it any more (a pipe closed at its far end).
std::optional<std::string> unwritten_output();

} // namespace ledgerd
