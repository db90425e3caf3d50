#include "app/config/secret_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <system_error>
#include <unistd.h>

namespace ledgerd {

namespace {

constexpr mode_t rights_of_others = 077;
constexpr mode_t rights_beyond_group_read = 037;
const dev_t null_device = makedev(1, 3); // of /dev/null, wherever it stands

class descriptor {
public:
  explicit descriptor(int number) : number_{number} {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (number_ >= 0)
      close(number_);
  }
  int number() const noexcept { return number_; }

private:
  int number_;
};

// systemd hands credentials over in a folder of the service's own, readable through an access
// control list, whose mask shows in the place of the group's bits.
bool is_credential(const std::string& path) {
  // Nothing in this program changes the environment.
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY"); // NOLINT(concurrency-mt-unsafe)
  return folder != nullptr && *folder != '\0' && path.starts_with(std::string{folder} + "/");
}

int open_file(const std::string& path) {
  return open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

std::string read_whole(int file, std::size_t bytes_max, std::string& fault) {
  constexpr std::size_t step = 4096;
  std::string text;
  struct stat status {};
  if (fstat(file, &status) == 0 && status.st_size > 0) // so that no copy of a secret is left behind
    text.reserve(std::min(static_cast<std::size_t>(status.st_size), bytes_max) + step);
  std::size_t size = 0;
  for (ssize_t got = 1; got > 0 && size <= bytes_max; size += static_cast<std::size_t>(got)) {
    text.resize(size + step);
    got = read(file, text.data() + size, step);
    if (got < 0) {
      fault = "cannot be read";
      got = 0;
    }
  }
  if (size > bytes_max)
    fault = "is longer than " + std::to_string(bytes_max / 1024 / 1024) + " MiB";
  text.resize(size);
  return text;
}

std::string judge(int file, const std::string& path) {
  struct stat status {};
  if (file < 0 || fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
    return "must be a readable file";
  const bool group_may_read = status.st_uid == 0 || is_credential(path);
  if ((status.st_mode & (group_may_read ? rights_beyond_group_read : rights_of_others)) != 0)
    return "holds secrets but others than its owner have rights to it: use chmod 600 (or 640 for a "
           "file that root "
           "owns)";
  return {};
}

} // namespace

std::string judge_secret_file(const std::string& path) {
  const descriptor file{open_file(path)};
  return judge(file.number(), path);
}

std::string read_secret_file(const std::string& path, std::size_t bytes_max, std::string& fault) {
  const descriptor file{open_file(path)};
  fault = judge(file.number(), path);
  return fault.empty() ? read_whole(file.number(), bytes_max, fault) : std::string{};
}

std::string read_config_text(const std::string& path, std::string& fault) {
  constexpr std::size_t bytes_max = std::size_t{1} << 20;
  const descriptor file{open_file(path)};
  struct stat status {};
  if (file.number() < 0 || fstat(file.number(), &status) != 0)
    fault = "the file cannot be read: " + std::generic_category().message(errno);
  else if (!S_ISREG(status.st_mode) && status.st_rdev != null_device)
    fault = "is no regular file";
  return fault.empty() ? read_whole(file.number(), bytes_max, fault) : std::string{};
}

} // namespace ledgerd
