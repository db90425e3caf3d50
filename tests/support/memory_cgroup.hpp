// A control group with a limit of memory, where the kernel and our rights allow one.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace ledgerd::test {

// Made by the constructor, version 1 or 2; removed by the destructor, before which all its
// processes must have ended. One thread.
class memory_cgroup {
public:
  explicit memory_cgroup(std::size_t bytes_max) {
    const auto name = "ledgerd-test-" + std::to_string(getpid());
    for (const auto& [parent, limit] : {std::pair{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
                                        std::pair{"/sys/fs/cgroup", "memory.max"}}) {
      const auto place = std::filesystem::path{parent} / name;
      std::error_code failed;
      std::filesystem::create_directory(place, failed);
      if (failed)
        continue;
      directory_ = place;
      std::ofstream file{place / limit};
      file << bytes_max << std::flush;
      if (file)
        return;
      remove();
    }
  }

  memory_cgroup(const memory_cgroup&) = delete;
  memory_cgroup& operator=(const memory_cgroup&) = delete;
  ~memory_cgroup() { remove(); }

  // False where no group can be made.
  bool limits() const { return !directory_.empty(); }

  // A process that writes its id here is in the group.
  std::string processes_file() const { return (directory_ / "cgroup.procs").string(); }

  // The most the group has ever used, in bytes; 0 where the kernel does not say.
  std::size_t peak() const {
    std::size_t result = 0;
    for (const auto* name : {"memory.max_usage_in_bytes", "memory.peak"})
      if (std::ifstream file{directory_ / name}; file)
        file >> result;
    return result;
  }

private:
  void remove() {
    if (directory_.empty())
      return;
    rmdir(directory_.c_str());
    directory_.clear();
  }

  std::filesystem::path directory_;
};

} // namespace ledgerd::test
