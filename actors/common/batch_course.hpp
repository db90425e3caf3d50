// How an actor that writes batches goes on after each answer of its store: how large the next batch
// may be, how long it waits, and what becomes of the batch. One state, moved by every answer, so
// that no answer leaves behind what only another one would clear.
//
// Pure; one thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "domain/backoff.hpp"
#include "persistence/ledger_store.hpp"

namespace ledgerd {

enum class batch_step {
  done,      // written
  again,     // the world failed: the same batch again, after `pause()`
  split,     // one of the batch is at fault or stuck: its parts, of the size `next` says, at once
  refuse,    // the only one of the batch is at fault
  set_aside, // the only one of the batch is stuck: it waits, the others go on
};

class batch_course {
public:
  batch_course() = default; // one by one, until the limits are known

  // Precondition: 0 < batch_max, 0 < pause_min <= pause_max.
  batch_course(std::size_t batch_max, std::chrono::milliseconds pause_min,
               std::chrono::milliseconds pause_max) noexcept
      : batch_max_(batch_max), limit_(batch_max), pauses_(pause_min, pause_max) {}

  // How many of those that wait go next.
  std::size_t next(std::size_t waiting) const noexcept { return std::min(waiting, limit_); }

  batch_step succeeded() noexcept {
    pauses_.end();
    limit_ = std::min(batch_max_, limit_ * 2);
    return batch_step::done;
  }

  // `size` is the batch's.
  batch_step failed(store_failure_kind kind, std::size_t size) noexcept {
    switch (kind) {
    case store_failure_kind::unavailable:
    case store_failure_kind::in_doubt:
      pauses_.grow();
      return batch_step::again;
    case store_failure_kind::rejected:
    case store_failure_kind::blocked:
      break;
    }
    pauses_.end();
    limit_ = std::max<std::size_t>(1, size / 2);
    if (size > 1)
      return batch_step::split;
    return kind == store_failure_kind::blocked ? batch_step::set_aside : batch_step::refuse;
  }

  // What is known to be stuck was, or one that went beside the others failed: that says nothing of
  // the next batch, but the database is there.
  void answered() noexcept { pauses_.end(); }

  // Before the next try; 0: the database is there.
  std::chrono::milliseconds pause() const noexcept { return pauses_.pause(); }

private:
  std::size_t batch_max_ = 1;
  std::size_t limit_ = 1; // halved by a rejection, doubled by a success
  backoff pauses_{std::chrono::milliseconds{1}, std::chrono::milliseconds{1}};
};

} // namespace ledgerd
