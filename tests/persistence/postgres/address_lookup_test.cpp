#include "persistence/postgres/address_lookup.hpp"

#include <chrono>
#include <fstream>
#include <stdexcept>
#include <sys/resource.h>
#include <unistd.h>

#define CAF_SUITE address_lookup
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

// No more address space than is in use and a little: none for a thread.
class no_room_for_threads {
public:
  no_room_for_threads() {
    rlim_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    getrlimit(RLIMIT_AS, &before_);
    const rlimit little{pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + (1U << 20),
                        before_.rlim_max};
    setrlimit(RLIMIT_AS, &little);
  }
  ~no_room_for_threads() { setrlimit(RLIMIT_AS, &before_); }

private:
  rlimit before_{};
};

std::size_t found(const char* host) {
  return look_up_addresses({host}, std::chrono::steady_clock::now() + 10s).front().size();
}

bool cannot_be_begun(const char* host) {
  const no_room_for_threads here;
  try {
    found(host);
    return false;
  } catch (const std::runtime_error&) {
    return true;
  }
}

} // namespace

CAF_TEST(a look up that could not be begun is no answer for later ones) {
  CAF_REQUIRE(cannot_be_begun("localhost"));
  CAF_CHECK(found("localhost") > 0);
  CAF_CHECK_EQUAL(found("no-such-host.invalid"), 0U);
}
