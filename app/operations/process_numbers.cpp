#include "app/operations/process_numbers.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>

#include "app/base/open_files.hpp"

namespace ledgerd {

namespace {

// Of all programs' statics, so before main.
const auto started = std::chrono::system_clock::now();

std::int64_t start_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(started.time_since_epoch()).count();
}

std::optional<std::int64_t> processor_ms() {
  rusage used{};
  if (getrusage(RUSAGE_SELF, &used) != 0)
    return std::nullopt;
  return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000
         + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

std::optional<std::int64_t> resident_bytes() {
  std::ifstream file{"/proc/self/statm"};
  std::int64_t size = 0;
  std::int64_t resident = 0;
  if (!(file >> size >> resident))
    return std::nullopt;
  return resident * sysconf(_SC_PAGESIZE);
}

std::optional<std::int64_t> open_descriptors() {
  std::error_code fault;
  std::filesystem::directory_iterator all{"/proc/self/fd", fault};
  if (fault)
    return std::nullopt;
  return std::distance(begin(all), end(all)) - 1; // the one that looks
}

} // namespace

metrics_snapshot process_numbers() {
  metrics_snapshot result;
  const auto add = [&result](const char* name, const char* help, metric_kind kind,
                             std::optional<std::int64_t> value, bool in_milliseconds = false) {
    if (value)
      result.push_back({.name = name,
                        .help = help,
                        .kind = kind,
                        .value = *value,
                        .in_milliseconds = in_milliseconds});
  };
  add("process_start_time_seconds", "When the process started, in seconds since 1970.",
      metric_kind::gauge, start_seconds());
  add("process_cpu_seconds_total", "Processor time that the process has taken.",
      metric_kind::counter, processor_ms(), true);
  add("process_resident_memory_bytes", "Memory of the process.", metric_kind::gauge,
      resident_bytes());
  add("process_open_fds", "Files that the process has open, connections included.",
      metric_kind::gauge, open_descriptors());
  add("process_max_fds", "Files that it may have open.", metric_kind::gauge,
      static_cast<std::int64_t>(open_files_max()));
  return result;
}

} // namespace ledgerd
