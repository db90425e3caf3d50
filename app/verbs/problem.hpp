// What a verb with `--json` prints when it has no answer: the problem document of the doors.
#pragma once

#include <string_view>

namespace ledgerd {

// One document on one line. `code` is one of docs/errors.md.
void print_problem(std::string_view code, std::string_view detail);

// What an end with this exit code, which is not 0, is called there.
std::string_view problem_code(int code) noexcept;

} // namespace ledgerd
