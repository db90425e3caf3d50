// Progress of a long job on stderr: a bar on a terminal, a plain line every two seconds otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace ledgerd {

// Belongs to one thread.
class progress {
public:
  // `what` is the past participle, such as "sent"; a `total` of 0 is not known.
  progress(std::string what, std::uint64_t total);

  void update(std::uint64_t done);

  // Ends the bar's line.
  void finish(std::uint64_t done);

  std::chrono::duration<double> elapsed() const {
    return std::chrono::steady_clock::now() - began_;
  }

private:
  void print(std::uint64_t done);

  std::string what_;
  std::uint64_t total_;
  bool terminal_;
  bool printed_ = false;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_ = began_;
};

} // namespace ledgerd
