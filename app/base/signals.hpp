// Signals, waited for instead of handled: no code of ours runs in a signal handler, but for the one
// line that ends the first process of a container.
#pragma once

#include <chrono>
#include <csignal>
#include <functional>

namespace ledgerd {

// SIGTERM, SIGINT and SIGQUIT ask the process to drain; SIGHUP and SIGUSR1 call what was set for
// them, on the waiting thread; SIGUSR2, SIGALRM, SIGPIPE and their like, which would end the
// process without a drain, are ignored. Blocks what it waits for, for the calling thread and all
// threads it starts later: construct it before any other thread exists. Belongs to the main thread.
class process_signals {
public:
  process_signals();

  // What to do on SIGHUP and on SIGUSR1; must not throw. Nothing is done until they are set.
  void on_reload(std::function<void()> call) { reload_ = std::move(call); }
  void on_dump(std::function<void()> call) { dump_ = std::move(call); }

  // Waits for one of the first three; false when none came in time. `at_most` zero only looks.
  bool wait(std::chrono::milliseconds at_most) const;

  // Waits as long as it takes.
  void wait() const;

  // From now on a further SIGTERM, SIGINT or SIGQUIT ends the process at once, with the default
  // action of the signal; SIGHUP and SIGUSR1 do nothing. The first process of a container, on which
  // the kernel carries out no default action, ends with 128 and the signal's number, as a shell
  // says it.
  void unblock() const;

private:
  bool asks_to_drain(int signal) const;

  sigset_t set_;
  std::function<void()> reload_;
  std::function<void()> dump_;
};

} // namespace ledgerd
