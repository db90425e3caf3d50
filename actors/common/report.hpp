// The report that every actor gives of itself: plain numbers and histograms, no atomics, no sends
// on the hot path. Which numbers those are stands in a table beside the actor; see numbers.hpp.
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

  // Adds all durations of the other.
  void add(const duration_histogram& other) noexcept;

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

enum class metric_kind : std::uint8_t {
  counter,   // only grows
  gauge,     // goes up and down
  histogram, // durations
};

// Under which name a number is exported, or why it is not.
struct exposure {
  std::string_view name;    // empty: it is not exported
  std::string_view help;    // a sentence; without a name the reason
  std::string_view outcome; // of the label that tells series of one name apart; empty: no label

  constexpr bool is_exported() const { return !name.empty(); }
};

constexpr exposure exported(std::string_view name, std::string_view help,
                            std::string_view outcome = {}) {
  return {name, help, outcome};
}

constexpr exposure not_exported(std::string_view why) {
  return {{}, why, {}};
}

// What a number is. Reports point to it, so it lives as long as the process.
struct metric_description {
  std::string_view name; // in /v1/actors; without unit for durations
  metric_kind kind = metric_kind::gauge;
  exposure shown;
};

struct reported_value {
  const metric_description* what;
  std::int64_t value;
};

struct reported_histogram {
  const metric_description* what;
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
  std::vector<reported_value> values;
  std::vector<reported_histogram> histograms;
  standstill wait{}; // see progress.hpp
};

} // namespace ledgerd
