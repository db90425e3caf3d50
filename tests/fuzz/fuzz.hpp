// What the fuzz targets share. Each defines LLVMFuzzerTestOneInput: libFuzzer calls it with
// whatever it comes up with (./dev fuzz), replay_main.cpp with the corpus that is kept (ctest -L
// fuzz).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <variant>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace ledgerd {

inline void demand(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "%s\n", what);
    std::abort();
  }
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The decoded value, or null: then the refusal must say why.
template <class T, class Refusal>
const T* accepted(const std::variant<T, Refusal>& decoded) {
  if (const auto* why = std::get_if<Refusal>(&decoded))
    demand(!why->detail.empty(), "a refusal without a detail");
  return std::get_if<T>(&decoded);
}

// A file in memory that only this user may read.
class memory_file {
public:
  memory_file() : number_(memfd_create("fuzz", MFD_CLOEXEC)) {
    demand(number_ >= 0 && fchmod(number_, S_IRUSR | S_IWUSR) == 0, "no file in memory");
    path_ = "/proc/self/fd/" + std::to_string(number_);
  }
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;
  ~memory_file() { close(number_); }

  void hold(std::string_view text) const {
    const auto size = static_cast<ssize_t>(text.size());
    demand(ftruncate(number_, 0) == 0 && pwrite(number_, text.data(), text.size(), 0) == size,
           "the file in memory is not written");
  }

  const std::string& path() const noexcept { return path_; }

private:
  int number_;
  std::string path_;
};

} // namespace ledgerd
