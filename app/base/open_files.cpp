#include "app/base/open_files.hpp"

#include <algorithm>
#include <fcntl.h>
#include <limits>
#include <sys/resource.h>
#include <unistd.h>

namespace ledgerd {

namespace {

constexpr rlim_t enough = 65536;

} // namespace

void raise_open_files() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, enough));
  setrlimit(RLIMIT_NOFILE, &limit); // the old one will do as well
}

void hold_standard_files() noexcept {
  for (const int one : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) // the lowest free is taken
    if (fcntl(one, F_GETFD) == -1
        && open("/dev/null", one == STDIN_FILENO ? O_WRONLY : O_RDONLY) != one)
      return;
}

std::size_t open_files_max() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return 1024;
  return static_cast<std::size_t>(
      std::min<rlim_t>(limit.rlim_cur, std::numeric_limits<std::size_t>::max()));
}

} // namespace ledgerd
