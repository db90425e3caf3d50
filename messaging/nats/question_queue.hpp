// The questions that wait for an actor: filled by a subscription's thread, emptied by the actor's.
// Private to this room; thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "messaging/ports.hpp"

namespace ledgerd {

enum class queue_order : std::uint8_t {
  newest_first, // those that have waited too long are dropped: their askers have given up
  oldest_first, // all are kept: their askers judge for themselves
};

class question_queue {
public:
  using time_point = std::chrono::steady_clock::time_point;

  question_queue(std::size_t count_max, std::size_t bytes_max,
                 queue_order order = queue_order::newest_first)
      : count_max_(count_max), bytes_max_(bytes_max), order_(order) {}

  void open(waker wake);

  // The waker is not called any more once this has returned.
  void shut();

  // Wakes when there was nothing before. `one` has come after all that are there; for what is too
  // much the oldest are dropped, for their askers will be the first to give up, or else `one`.
  void put(api_question one);

  // Counts a question that was not even copied.
  void refuse_reply();

  // The newest (or oldest), at most so many, in order of arrival. Drops those that came before
  // `now - question_patience`, unless all are kept.
  std::vector<api_question> take(std::size_t at_most, time_point now);

  question_losses losses() const;
  std::size_t waiting() const;
  std::size_t bytes() const; // what those that wait take

private:
  void drop_oldest();

  const std::size_t count_max_;
  const std::size_t bytes_max_;
  const queue_order order_;
  mutable std::mutex mutex_;
  waker wake_;
  std::deque<api_question> waiting_; // oldest first
  std::size_t bytes_ = 0;
  question_losses losses_;
};

} // namespace ledgerd
