#include "app/config/machine.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sched.h>
#include <string>
#include <thread>

#include "app/base/text.hpp"

namespace ledgerd {

namespace {

constexpr const char* group_root = "/sys/fs/cgroup";

unsigned processors_of_affinity() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  // Fails where there are more processors than the mask has bits.
  if (sched_getaffinity(0, sizeof mask, &mask) == 0)
    return static_cast<unsigned>(CPU_COUNT(&mask));
  return std::thread::hardware_concurrency();
}

std::optional<unsigned> quota_of(const std::string& group) {
  std::ifstream file{group_root + group + "/cpu.max"};
  std::string line;
  return std::getline(file, line) ? parse_cpu_quota(line) : std::nullopt;
}

// The path of this process's group in the one hierarchy; empty for its root.
std::string own_group() {
  constexpr std::string_view mark = "0::";
  std::ifstream file{"/proc/self/cgroup"};
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(mark))
      return line == "0::/" ? "" : line.substr(mark.size());
  return {};
}

} // namespace

std::optional<unsigned> parse_cpu_quota(std::string_view text) noexcept {
  constexpr std::int64_t most = 1'000'000'000'000;
  const auto blank = text.find(' ');
  const auto quota = parse_integer(text.substr(0, blank), 1, most);
  const auto period = blank == std::string_view::npos
                          ? std::nullopt
                          : parse_integer(text.substr(blank + 1), 1, most);
  if (!quota || !period)
    return std::nullopt;
  const auto whole = (*quota + *period - 1) / *period;
  return static_cast<unsigned>(std::min<std::int64_t>(whole, 1'000'000));
}

unsigned usable_processors() {
  auto least = std::max(1U, processors_of_affinity());
  for (auto group = own_group();; group.erase(group.rfind('/'))) {
    if (const auto quota = quota_of(group))
      least = std::min(least, *quota);
    if (group.find('/') == std::string::npos)
      return least;
  }
}

engine_settings derive_engine(unsigned processors, std::size_t memory_max) noexcept {
  // A gate costs two connections to the database, and each batch is smaller the more gates share
  // what comes.
  constexpr int gates_most = 16;
  constexpr int fetchers_most = 8;
  constexpr int threads_most = 64;
  // What one message takes beside its bytes, for which the budget is another one, several times.
  constexpr std::size_t bytes_each = std::size_t{16} << 10;
  constexpr std::size_t in_flight_each = 8192;
  constexpr std::size_t in_flight_most = 65536;
  const auto share = [processors](unsigned of, int most) {
    return static_cast<int>(std::min(processors / of, static_cast<unsigned>(most)));
  };
  engine_settings least;
  least.fetchers = std::max(least.fetchers, share(4, fetchers_most));
  least.gates = std::max(least.gates, share(2, gates_most));
  least.scheduler_threads = std::max(least.scheduler_threads, share(2, threads_most));
  least.max_in_flight =
      std::max(least.max_in_flight,
               std::min({in_flight_each * processors, memory_max / bytes_each, in_flight_most}));
  return least;
}

} // namespace ledgerd
