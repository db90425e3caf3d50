// How much the gate's main lane dares, and when it looks for an account that is merely slow. Pure
// decisions from what the database did with the last posts.
#pragma once

#include <caf/actor_clock.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "persistence/ledger_store.hpp"

namespace ledgerd {

// The limits of the next post. Short ones make the search for a stuck account cheap; they grow when
// not an account but the world is slow, and fall again with it.
class lane_limits {
public:
  static constexpr std::chrono::milliseconds lock_min{300};
  static constexpr std::chrono::milliseconds lock_max{2400};
  static constexpr std::chrono::milliseconds statement_min{1000};
  static constexpr std::chrono::milliseconds statement_max{3000};
  // Accounts blamed in a row before it is doubted that they are the cause.
  static constexpr int blames_max = 3;

  explicit lane_limits(std::size_t entries_max) : entries_max_(entries_max), window_(entries_max) {}

  post_limits next() const { return {lock_, statement_, false}; }

  // Entries that one batch may have now.
  std::size_t window() const { return window_; }

  void succeeded(std::size_t entries, std::chrono::microseconds work);

  // So many accounts of a batch were locked. True: that is another session's batch or the like, and
  // the same should be tried with the longer limit that holds from now on.
  bool waits_longer(std::size_t locked, std::size_t groups);

  // An account was the one at which the time ran out. False: there were so many lately that the
  // cause must be elsewhere.
  bool believes_blame() { return ++blames_ <= blames_max; }

  // The time ran out and no account stood out. `managed`: entries written until then; 0: not known.
  void timed_out(std::size_t entries, std::size_t managed);

private:
  std::size_t entries_max_;
  std::size_t window_;
  std::chrono::milliseconds lock_ = lock_min;
  std::chrono::milliseconds statement_ = statement_min;
  int blames_ = 0;
};

// Notices that batches take far longer than they use to, for their size. Single ones do now and
// then; only when they go on doing so it is worth the round trips to ask which account is the
// cause.
class slow_watch {
public:
  using time_point = caf::actor_clock::time_point;
  static constexpr std::chrono::milliseconds pause_min{500};
  // Looks that find nothing take a hundredth of the time at most.
  static constexpr int pauses_per_look = 100;

  // A batch was posted. True: post the next one by one.
  bool observe(time_point now, std::size_t entries, std::chrono::microseconds work);

  // A batch was posted one by one, which took `work`.
  void looked(time_point now, bool found, std::chrono::microseconds work);

private:
  double batch_us_ = 5000; // what a batch usually takes, whatever is in it ...
  double entry_us_ = 50;   // ... and what an entry adds
  double slowness_ = 1;    // how many times longer than usual the last batches took
  int learnt_ = 0;         // batches, up to `enough`
  time_point next_look_ = time_point::min();
};

} // namespace ledgerd
