// The report that every actor gives of itself: plain counters and histograms, no atomics, no sends
// on the hot path.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ledgerd {

// Durations in microseconds, in fixed buckets from 100 us to 10 s. Belongs to one actor.
class duration_histogram {
public:
  static constexpr std::array<std::int64_t, 16> bounds_us{
      100,    250,    500,     1'000,   2'500,   5'000,     10'000,    15'000,
      25'000, 50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 10'000'000};

  void record(std::int64_t microseconds) noexcept;

  // How many durations fell into each bucket (not cumulative); the last is for those above all
  // bounds.
  const std::array<std::int64_t, bounds_us.size() + 1>& buckets() const noexcept {
    return buckets_;
  }
  std::int64_t sum_us() const noexcept { return sum_us_; }
  std::int64_t count() const noexcept { return count_; }

private:
  std::array<std::int64_t, bounds_us.size() + 1> buckets_{};
  std::int64_t sum_us_ = 0;
  std::int64_t count_ = 0;
};

struct named_value {
  std::string name; // ends in `_total` when it only ever grows, else a gauge
  std::int64_t value = 0;
};

struct named_histogram {
  std::string name; // without unit
  duration_histogram histogram;
};

// How long something that ought to come has not come. Zero: there is progress, or nothing to wait
// for.
struct standstill {
  std::chrono::milliseconds since{0};
  std::string what; // such as "no PubAck"
};

struct actor_report {
  std::string actor;    // fetcher, region, gate
  std::string instance; // for a fetcher its consumer and number, for a gate its number
  std::vector<named_value> values;
  std::vector<named_histogram> histograms;
  standstill wait{}; // see progress.hpp
};

} // namespace ledgerd
