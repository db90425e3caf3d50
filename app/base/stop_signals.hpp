// Lets a verb end what it has begun when it is interrupted.
#pragma once

#include <array>
#include <csignal>

namespace ledgerd {

// While it lives, the first SIGINT or SIGTERM is only noted; a second one ends the program. One at
// a time; main's thread.
class stop_signals {
public:
  stop_signals();
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;
  ~stop_signals();

  // Whether one came. Any thread.
  static bool seen() noexcept;

  // Ends the program by the signal that came, as the shell expects it: a loop around it ends, too.
  // Precondition: one came.
  [[noreturn]] void end_as_asked() const;

private:
  std::array<struct sigaction, 2> before_{};
};

} // namespace ledgerd
