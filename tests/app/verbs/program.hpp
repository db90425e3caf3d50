// Runs the built program as a user would.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ledgerd::test {

struct program_run {
  int code = -1; // exit code; 128 + signal when a signal ended it
  std::string out;
  std::string err;
};

// `environment` replaces every LEDGERD_* variable, each as NAME=value. Waits; throws
// std::runtime_error when the program cannot be started.
program_run run_program(const std::vector<std::string>& arguments,
                        const std::vector<std::string>& environment = {});

// The same for a script of bash, in which `ledgerd` is the program.
program_run run_shell(const std::string& script, const std::vector<std::string>& environment = {});

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

} // namespace ledgerd::test
