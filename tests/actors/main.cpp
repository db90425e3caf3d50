#define CAF_SUITE main
#include <caf/test/unit_test_impl.hpp>

#include <spdlog/spdlog.h>

namespace {

// The actors' log lines are about faults that the tests cause on purpose.
const bool quiet = [] {
  spdlog::set_level(spdlog::level::off);
  return true;
}();

} // namespace
