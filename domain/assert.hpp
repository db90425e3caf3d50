// Assertions that stay on in release builds: a broken invariant near money ends the process.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace ledgerd {

[[noreturn]] inline void assertion_failed(const char* condition, const char* file,
                                          int line) noexcept {
  std::fprintf(stderr, "ledgerd: bug: assertion failed: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

} // namespace ledgerd

#define LEDGERD_ASSERT(condition)                                                                  \
  (static_cast<bool>(condition) ? void(0)                                                          \
                                : ::ledgerd::assertion_failed(#condition, __FILE__, __LINE__))
