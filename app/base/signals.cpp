#include "app/base/signals.hpp"

#include <algorithm>
#include <pthread.h>
#include <unistd.h>

namespace ledgerd {

namespace {

constexpr int draining[] = {SIGTERM, SIGINT, SIGQUIT};
constexpr int waited_for[] = {SIGHUP, SIGUSR1};
constexpr int without_meaning[] = {SIGUSR2, SIGALRM, SIGPIPE,   SIGVTALRM,
                                   SIGPROF, SIGIO,   SIGSTKFLT, SIGPWR};

extern "C" void end_at_once(int signal) {
  _exit(128 + signal);
}

} // namespace

process_signals::process_signals() {
  sigemptyset(&set_);
  for (const int each : draining)
    sigaddset(&set_, each);
  for (const int each : waited_for)
    sigaddset(&set_, each);
  for (const int each : without_meaning)
    std::signal(each, SIG_IGN);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

bool process_signals::asks_to_drain(int signal) const {
  const auto& call = signal == SIGHUP ? reload_ : dump_;
  if (signal != SIGHUP && signal != SIGUSR1)
    return true;
  if (call)
    call();
  return false;
}

bool process_signals::wait(std::chrono::milliseconds at_most) const {
  const auto until = std::chrono::steady_clock::now() + at_most;
  for (;;) {
    const auto left =
        std::max(std::chrono::nanoseconds{0}, until - std::chrono::steady_clock::now());
    const timespec limit{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    const int signal = sigtimedwait(&set_, nullptr, &limit);
    if (signal > 0 && asks_to_drain(signal))
      return true;
    if (signal <= 0 && std::chrono::steady_clock::now() >= until)
      return false;
  }
}

void process_signals::wait() const {
  for (;;) {
    int signal = 0;
    if (sigwait(&set_, &signal) == 0 && asks_to_drain(signal))
      return;
  }
}

void process_signals::unblock() const {
  for (const int each : waited_for)
    std::signal(each, SIG_IGN);
  const bool first_process = getpid() == 1;
  for (const int each : draining)
    std::signal(each, first_process ? end_at_once : SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
}

} // namespace ledgerd
