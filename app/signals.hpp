// Termination signals, waited for instead of handled: no code of ours runs in a signal handler.
#pragma once

#include <chrono>
#include <csignal>

namespace ledgerd {

// Blocks SIGTERM and SIGINT for the calling thread and all threads it starts later. Construct it
// before any other thread exists.
class termination_signals {
public:
  termination_signals();

  // Waits for one of the signals; false when none came in time. `at_most` zero only looks.
  bool wait(std::chrono::milliseconds at_most) const;

  // Waits as long as it takes.
  void wait() const;

  // From now on a further signal ends the process at once, with the default action of the signal.
  void unblock() const;

private:
  sigset_t set_;
};

} // namespace ledgerd
