#include "actors/ledger/lane_limits.hpp"

#include <algorithm>

namespace ledgerd {

namespace {

// Accounts that may be locked without doubt about whose fault it is.
constexpr std::size_t few = 8;

constexpr double batch_us_min = 5000;
constexpr std::size_t small_batch = 50;

// A batch is as slow as this at most, and the last batches together at least, to be looked at.
constexpr double slowness_max = 20;
constexpr double slowness_alarm = 2.5;

// Batches after which what is usual is known well enough to move in small steps only.
constexpr int enough = 30;

// Follows the median, so that a few stalls are not taken for what is usual and a few quick batches
// neither: on a busy machine batches of one size differ by a factor of ten.
double learnt(double known, double seen, double step) {
  return seen < known ? std::max(seen, known * (1 - step)) : std::min(seen, known * (1 + step));
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
  const auto step = learnt_ < enough ? 0.1 : 0.01;
  // Small batches say nothing of what an entry takes, large ones nothing else.
  if (entries < small_batch)
    batch_us_ = std::max(batch_us_min, learnt(batch_us_, took, step));
  else
    entry_us_ = learnt(entry_us_, std::max(1.0, (took - batch_us_) / size), step);
  learnt_ = std::min(learnt_ + 1, enough);
  slowness_ += (std::min(took / expected, slowness_max) - slowness_) / 8;
  return slowness_ > slowness_alarm && now >= next_look_;
}

void slow_watch::looked(time_point now, bool found, std::chrono::microseconds work) {
  const auto pause = std::max<std::chrono::microseconds>(pause_min, pauses_per_look * work);
  next_look_ = found ? now : now + pause;
  slowness_ = 1;
}

} // namespace ledgerd
