#define CAF_SUITE process_numbers

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

#include "app/operations/process_numbers.hpp"
#include "app/operations/prometheus.hpp"
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

std::int64_t value_of(std::string_view name) {
  const auto all = process_numbers();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const metric& each) { return each.name == name; });
  return found == all.end() ? -1 : found->value;
}

} // namespace

CAF_TEST(the process says when it started and what it takes) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  CAF_CHECK_LESS_OR_EQUAL(value_of("process_start_time_seconds"), now);
  CAF_CHECK_GREATER(value_of("process_start_time_seconds"), now - 600);
  CAF_CHECK_EQUAL(value_of("process_start_time_seconds"), value_of("process_start_time_seconds"));
  CAF_CHECK_GREATER_OR_EQUAL(value_of("process_cpu_seconds_total"), 0);
  CAF_CHECK_GREATER(value_of("process_resident_memory_bytes"), 1 << 20);
  CAF_CHECK_GREATER(value_of("process_max_fds"), value_of("process_open_fds"));
}

CAF_TEST(processor time is told in parts of a second) {
  const auto begun = std::clock();
  while (std::clock() - begun < CLOCKS_PER_SEC / 5) // more than a processor's tick
    ;
  const auto all = process_numbers();
  const auto found = std::find_if(all.begin(), all.end(), [](const metric& each) {
    return each.name == "process_cpu_seconds_total";
  });
  CAF_REQUIRE(found != all.end());
  CAF_CHECK(found->in_milliseconds);
  CAF_CHECK_GREATER_OR_EQUAL(found->value, 200);
  const auto text = to_prometheus({{.name = "process_cpu_seconds_total",
                                    .help = "x",
                                    .kind = metric_kind::counter,
                                    .value = 1250,
                                    .in_milliseconds = true}});
  CAF_CHECK(text.find("\nprocess_cpu_seconds_total 1.25\n") != std::string::npos);
}

CAF_TEST(an open file is counted) {
  const auto before = value_of("process_open_fds");
  const int more = open("/dev/null", O_RDONLY | O_CLOEXEC);
  CAF_CHECK_EQUAL(value_of("process_open_fds"), before + 1);
  close(more);
  CAF_CHECK_EQUAL(value_of("process_open_fds"), before);
}

CAF_TEST(large values are written whole) {
  const auto text = to_prometheus(process_numbers());
  const auto at = text.find("\nprocess_start_time_seconds ");
  CAF_REQUIRE(at != std::string::npos);
  CAF_CHECK_EQUAL(std::stoll(text.substr(at + 28)), value_of("process_start_time_seconds"));
}
