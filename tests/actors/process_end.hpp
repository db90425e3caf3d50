// What must end the process, played in a copy of it.
#pragma once

#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

#include "domain/exit_code.hpp"

namespace ledgerd::test {

// The exit code with which a copy of this process ends that does `what`; 0: it came back from it.
// The copy has this thread alone, so `what` may wait for no other.
template <class What>
int exit_code_of(What what) {
  constexpr unsigned seconds_max = 30;
  const auto copy = fork();
  if (copy == 0) {
    alarm(seconds_max);
    what();
    std::_Exit(0);
  }
  int status = 0;
  if (copy < 0 || waitpid(copy, &status, 0) != copy)
    return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace ledgerd::test
