#include "app/base/file_identity.hpp"

#include <sys/stat.h>

namespace ledgerd {

std::optional<file_identity> identity_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0)
    return std::nullopt;
  return file_identity{status.st_dev, status.st_ino, status.st_size,
                       std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000
                           + status.st_mtim.tv_nsec};
}

} // namespace ledgerd
