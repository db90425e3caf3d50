// Histograms in fixed buckets: of durations, and of sizes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace ledgerd {

// What falls into which bucket, beside a sum. Belongs to one actor.
template <std::size_t Bounds>
class bucket_counts {
public:
  using bounds_type = std::array<std::int64_t, Bounds>;

  // How many values fell into each bucket (not cumulative); the last is for those above all bounds.
  const std::array<std::int64_t, Bounds + 1>& buckets() const noexcept { return buckets_; }
  std::int64_t count() const noexcept { return count_; }

protected:
  void put(const bounds_type& bounds, std::int64_t value, std::int64_t times) noexcept {
    const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), value);
    buckets_[static_cast<std::size_t>(bucket - bounds.begin())] += times;
    sum_ += value * times;
    count_ += times;
  }

  // Adds so many values that fell into a bucket, and their sum.
  void put_all(std::size_t bucket, std::int64_t times) noexcept {
    buckets_[bucket] += times;
    count_ += times;
  }
  void add_sum(std::int64_t sum) noexcept { sum_ += sum; }

  void add_counts(const bucket_counts& other) noexcept {
    for (std::size_t i = 0; i < buckets_.size(); ++i)
      buckets_[i] += other.buckets_[i];
    sum_ += other.sum_;
    count_ += other.count_;
  }

  std::int64_t sum_ = 0;

private:
  std::array<std::int64_t, Bounds + 1> buckets_{};
  std::int64_t count_ = 0;
};

// Durations in microseconds, from 10 us to 10 s.
class duration_histogram : public bucket_counts<19> {
public:
  static constexpr bounds_type bounds_us{
      10,     25,     50,     100,     250,     500,     1'000,     2'500,     5'000,     10'000,
      15'000, 25'000, 50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 10'000'000};

  // The same duration so many times.
  void record(std::int64_t microseconds, std::int64_t times = 1) noexcept {
    put(bounds_us, microseconds, times);
  }

  // Adds all durations of the other.
  void add(const duration_histogram& other) noexcept { add_counts(other); }

  // What was counted elsewhere: so many durations in one bucket; the sum of all.
  void add_bucket(std::size_t bucket, std::int64_t times) noexcept { put_all(bucket, times); }
  void add_sum_us(std::int64_t microseconds) noexcept { add_sum(microseconds); }

  std::int64_t sum_us() const noexcept { return sum_; }
};

// Sizes of batches, in entries, from 1 to 10,000.
class size_histogram : public bucket_counts<13> {
public:
  static constexpr bounds_type bounds{1,   2,   5,     10,    20,    50,    100,
                                      200, 500, 1'000, 2'000, 5'000, 10'000};

  void record(std::size_t size) noexcept { put(bounds, static_cast<std::int64_t>(size), 1); }

  // Adds all sizes of the other.
  void add(const size_histogram& other) noexcept { add_counts(other); }

  std::int64_t sum() const noexcept { return sum_; }
};

} // namespace ledgerd
