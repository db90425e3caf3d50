// A file for tests that goes with its object.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>

namespace ledgerd {

class temporary_file {
public:
  // Only its owner may read it.
  explicit temporary_file(std::string_view content) {
    char path[] = "/tmp/ledgerd-test-XXXXXX";
    const int descriptor = mkstemp(path);
    close(descriptor);
    path_ = path;
    std::ofstream{path_, std::ios::binary} << content;
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() { std::filesystem::remove(path_); }

  const std::string& path() const { return path_; }

private:
  std::string path_;
};

} // namespace ledgerd
