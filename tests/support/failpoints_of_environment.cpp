// Linked into a program, this arms its failpoints before main() by the variable LEDGERD_FAILPOINTS;
// a text with a fault ends the program with the exit code of a start that was refused.
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

#include "domain/exit_code.hpp"
#include "tests/support/failpoints.hpp"

namespace {

constexpr const char* variable = "LEDGERD_FAILPOINTS";

[[maybe_unused]] const bool armed = [] {
  const char* const rules = std::getenv(variable);
  if (rules == nullptr)
    return false;
  if (const auto why = ledgerd::test::arm_failpoints(rules); !why.empty()) {
    std::fprintf(stderr, "ledgerd: %s: %s\n", variable, why.c_str());
    _exit(ledgerd::exit_code::cannot_start);
  }
  unsetenv(variable); // no setting of the daemon
  return true;
}();

} // namespace
