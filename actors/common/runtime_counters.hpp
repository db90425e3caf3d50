// What is counted about every actor from outside, and how it is reported and exported: under the
// names that CAF itself has for it from 0.18 on.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/numbers.hpp"

namespace ledgerd {

struct runtime_counters {
  std::int64_t messages = 0;          // handled
  duration_histogram processing_time; // in the handler
  duration_histogram mailbox_time;    // from the arrival of a message to its handler
};

struct runtime_gauges {
  gauge actors;  // that live
  gauge mailbox; // messages that have come and that no handler has
  gauge busy_ms; // how long the message under way has been in its handler; 0: none is
};

struct runtime_numbers : runtime_counters, runtime_gauges {
  static constexpr auto table() {
    using n = runtime_numbers;
    const auto by_kind = [](exposure shown) { return shown.by("name", label_of::kind); };
    return std::to_array<number_row<n>>({
        {&n::actors, "actors",
         by_kind(exported("caf_system_running_actors", "Actors that live, by their kind."))},
        {&n::mailbox, "mailbox",
         by_kind(exported("caf_actor_mailbox_size",
                          "Messages that wait for their actor, by its kind."))},
        {&n::messages, "messages_total",
         by_kind(exported("caf_system_processed_messages_total",
                          "Messages that actors have handled, by their kind."))},
        {&n::busy_ms, "busy_ms",
         by_kind(exported("ledgerd_actor_busy_seconds",
                          "How long the message under way has been in its handler, the longest of "
                          "a kind."))
             .merging_by(merging::greatest)
             .as_seconds()},
        {&n::processing_time, "processing_time",
         by_kind(exported("caf_actor_processing_time_seconds",
                          "Time of messages in their handler, by the actor's kind; of the ledgers "
                          "one message in 16 is timed."))},
        {&n::mailbox_time, "mailbox_time",
         by_kind(exported("caf_actor_mailbox_time_seconds",
                          "Time of messages in the mailbox, by the actor's kind: one at a time is "
                          "followed; of the ledgers one in 16."))},
    });
  }
};

} // namespace ledgerd
