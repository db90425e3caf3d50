// GATE: the deduplication gate. Group commit: while its poster commits one batch, the groups that
// arrive form the next. At rest a group is posted at once; under a moderate load, where a commit is
// over sooner than the next groups come, a pause keeps the batches from being tiny. A batch that
// fails for the world's sake is kept and posted again, with growing, jittered pauses, for ever; a
// batch that the database refuses for its content is halved until the culprit stands alone.
//
// Spawned by the node, one for each poster; an account always uses the same gate. Never blocks.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <random>
#include <vector>

#include "actors/pace.hpp"
#include "actors/progress.hpp"
#include "actors/protocol.hpp"

namespace ledgerd {

struct gate_options {
  poster_actor poster;
  node_actor node;
  std::uint32_t index = 0;
  std::size_t batch_max = 4000; // entries; a single larger group still goes as one batch
  // From the beginning of one batch to that of the next, unless that is full.
  std::chrono::milliseconds post_pause{2};
  std::chrono::milliseconds pause_min{50};
  std::chrono::milliseconds pause_max{3000};
};

struct gate_state {
  static inline const char* name = "gate";

  gate_options options;
  std::deque<gate_batch_ptr> queue; // the front goes next, the back is still forming
  gate_batch_ptr under_way;         // with the poster, or waiting to be tried again
  pace posts;
  awaited answer; // of the database, whatever it says, while a batch is under way
  std::string last_failure;
  bool open = false; // the circuit: open while the database is away
  std::chrono::milliseconds pause{0};
  std::minstd_rand random;

  std::int64_t batches = 0;
  std::int64_t rows = 0;
  std::int64_t fence_rejections = 0;
  std::int64_t heads_read = 0;
  std::int64_t raced = 0;
  std::int64_t in_doubt = 0;
  std::int64_t unavailable = 0;
  std::int64_t rejected = 0;
  duration_histogram commit;

  void enqueue(ledger_group&& next);

  // The next pause: doubles up to the maximum, with half of it random.
  std::chrono::milliseconds next_pause();

  // Replaces the batch under way by its two halves. Precondition (asserted): it has more than one
  // entry.
  void halve_under_way();

  actor_report report(progress_time now) const;
};

gate_actor::behavior_type gate(gate_actor::stateful_pointer<gate_state> self, gate_options options);

} // namespace ledgerd
