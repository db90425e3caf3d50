#include "app/http/refusals.hpp"

#include <mutex>

namespace ledgerd {

namespace {

struct board {
  std::mutex mutex;
  std::map<std::string, std::uint64_t, std::less<>> counts;
};

board& shared() {
  static auto* const one = new board; // threads may answer until the very end
  return *one;
}

} // namespace

void note_refusal(std::string_view code) {
  const std::lock_guard lock(shared().mutex);
  const auto found = shared().counts.find(code);
  ++(found != shared().counts.end() ? found->second : shared().counts[std::string(code)]);
}

std::map<std::string, std::uint64_t, std::less<>> http_refusals() {
  const std::lock_guard lock(shared().mutex);
  return shared().counts;
}

} // namespace ledgerd
