#include "app/signals.hpp"

#include <pthread.h>

namespace ledgerd {

termination_signals::termination_signals() {
  sigemptyset(&set_);
  sigaddset(&set_, SIGTERM);
  sigaddset(&set_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

bool termination_signals::wait(std::chrono::milliseconds at_most) const {
  const timespec limit{at_most.count() / 1000, (at_most.count() % 1000) * 1'000'000};
  return sigtimedwait(&set_, nullptr, &limit) > 0;
}

void termination_signals::wait() const {
  int signal = 0;
  while (sigwait(&set_, &signal) != 0) {
  }
}

void termination_signals::unblock() const {
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
}

} // namespace ledgerd
