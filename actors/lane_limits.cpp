#include "actors/lane_limits.hpp"

#include <algorithm>

namespace ledgerd {

namespace {

// Accounts that may be locked without doubt about whose fault it is.
constexpr std::size_t few = 8;

constexpr double batch_us_min = 5000;
constexpr std::size_t small_batch = 50;

// A batch is as slow as this at most, and the last batches together at least, to be looked at.
constexpr double slowness_max = 20;
constexpr double slowness_alarm = 1.7;

// Follows a low quantile: what is quick teaches at once, what is slow only when it stays for long.
double learnt(double known, double seen) {
  return seen < known ? known + (seen - known) / 8 : std::min(seen, known * 1.0005);
}

} // namespace

void lane_limits::succeeded(std::size_t entries, std::chrono::microseconds work) {
  blames_ = 0;
  if (entries * 2 >= window_ && work * 3 < statement_)
    window_ = std::min(window_ * 2, entries_max_);
  if (work < lock_ / 4)
    lock_ = std::max(lock_ / 2, lock_min);
  if (work < statement_ / 4)
    statement_ = std::max(statement_ / 2, statement_min);
}

bool lane_limits::waits_longer(std::size_t locked, std::size_t groups) {
  if (locked <= few || locked * 4 <= groups || lock_ >= lock_max)
    return false;
  lock_ = std::min(lock_ * 2, lock_max);
  return true;
}

void lane_limits::timed_out(std::size_t entries, std::size_t managed) {
  // Half of what was managed in the time of one statement.
  const auto target = managed > 0 ? managed / 2 : entries / 2;
  window_ = std::clamp<std::size_t>(target, 1, std::max<std::size_t>(1, entries / 2));
  statement_ = std::min(statement_ * 2, statement_max);
}

bool slow_watch::observe(time_point now, std::size_t entries, std::chrono::microseconds work) {
  const auto size = static_cast<double>(entries);
  const auto took = static_cast<double>(work.count());
  const auto expected = batch_us_ + entry_us_ * size;
  slowness_ += (std::min(took / expected, slowness_max) - slowness_) / 8;
  // Small batches say nothing of what an entry takes, large ones nothing else.
  if (entries < small_batch)
    batch_us_ = std::max(batch_us_min, learnt(batch_us_, took));
  else
    entry_us_ = learnt(entry_us_, std::max(1.0, (took - batch_us_) / size));
  return slowness_ > slowness_alarm && now >= next_look_;
}

void slow_watch::looked(time_point now, bool found) {
  pause_ = found ? pause_min : std::min(pause_ * 2, pause_max);
  next_look_ = found ? now : now + pause_;
  slowness_ = 1;
}

} // namespace ledgerd
