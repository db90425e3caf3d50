// Pauses between tries that fail: each twice as long as the one before, up to a bound.
//
// Pure: no clock, no random numbers of its own. Belongs to one thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace ledgerd {

class backoff {
public:
  using milliseconds = std::chrono::milliseconds;

  // Precondition: 0 < first <= longest.
  constexpr backoff(milliseconds first, milliseconds longest) noexcept
      : first_(first), longest_(longest) {}

  // One more failure: the pause before the next try.
  constexpr milliseconds grow() noexcept {
    return pause_ = std::clamp(pause_ * 2, first_, longest_);
  }

  // The present pause; 0: nothing has failed since the last success.
  constexpr milliseconds pause() const noexcept { return pause_; }

  // A success.
  constexpr void end() noexcept { pause_ = {}; }

private:
  milliseconds first_;
  milliseconds longest_;
  milliseconds pause_{0};
};

// At least half of the pause, the rest by chance, so that many who failed together do not all come
// back together.
template <class Random>
std::chrono::milliseconds jittered(std::chrono::milliseconds pause, Random& random) {
  const auto half = pause.count() / 2;
  std::uniform_int_distribution<std::int64_t> rest{0, half};
  return std::chrono::milliseconds{half + rest(random)};
}

} // namespace ledgerd
