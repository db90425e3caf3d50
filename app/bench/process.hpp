// A contender as a child process: started from this very binary, measured by the kernel.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ledgerd {

struct process_usage {
  std::chrono::microseconds cpu{0}; // user and system
  std::uint64_t rss_max_kib = 0;
};

class contender_process {
public:
  // Starts this binary with `arguments`; `environment` ("NAME=value") is added to ours, its output
  // goes to `log_file`. Throws std::runtime_error.
  contender_process(std::vector<std::string> arguments, std::vector<std::string> environment,
                    const std::string& log_file);

  // Kills the process if it still runs.
  ~contender_process();
  contender_process(const contender_process&) = delete;
  contender_process& operator=(const contender_process&) = delete;

  // Throws std::runtime_error when the process has ended by itself.
  void expect_running();

  // SIGTERM, then what the process used. Throws std::runtime_error when it did not end with exit
  // code 0.
  process_usage stop();

private:
  std::string log_file_;
  pid_t pid_ = -1;
};

// Busy time of all processors of this machine since it started.
std::chrono::microseconds machine_cpu();

} // namespace ledgerd
