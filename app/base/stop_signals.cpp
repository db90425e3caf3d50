#include "app/base/stop_signals.hpp"

#include <cstdio>
#include <cstdlib>

namespace ledgerd {

namespace {

constexpr std::array wanted{SIGINT, SIGTERM};

volatile std::sig_atomic_t came = 0;

extern "C" void note(int signal) {
  came = signal;
}

} // namespace

stop_signals::stop_signals() {
  came = 0;
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESETHAND;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    sigaction(wanted[i], &action, &before_[i]);
}

stop_signals::~stop_signals() {
  for (std::size_t i = 0; i < wanted.size(); ++i)
    sigaction(wanted[i], &before_[i], nullptr);
}

bool stop_signals::seen() noexcept {
  return came != 0;
}

void stop_signals::end_as_asked() const {
  std::fflush(nullptr);
  std::signal(came, SIG_DFL);
  std::raise(came);
  std::abort(); // not reached: nothing holds the signal back
}

} // namespace ledgerd
