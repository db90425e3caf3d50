#include "actors/common/failpoint.hpp"

#ifdef LEDGERD_FAILPOINTS

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

namespace ledgerd {

void failpoint(std::string_view name) {
  static const char* const set = std::getenv("FAILPOINTS");
  if (set == nullptr)
    return;
  const auto list = "," + std::string{set} + ",";
  const auto has = [&](const char* action) {
    return list.find("," + std::string{name} + action + ",") != std::string::npos;
  };
  if (has("=throw"))
    throw std::runtime_error{"the failpoint " + std::string{name}};
  while (has("=hang"))
    std::this_thread::sleep_for(std::chrono::hours{1});
}

} // namespace ledgerd

#else

namespace ledgerd {

void failpoint(std::string_view) {}

} // namespace ledgerd

#endif
