#include "app/base/open_files.hpp"

#include <algorithm>
#include <limits>
#include <sys/resource.h>

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

std::size_t open_files_max() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return 1024;
  return static_cast<std::size_t>(
      std::min<rlim_t>(limit.rlim_cur, std::numeric_limits<std::size_t>::max()));
}

} // namespace ledgerd
