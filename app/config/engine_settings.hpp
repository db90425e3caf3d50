// How much the ledger side does at once: the piece of the configuration that decides its speed. The
// defaults are those of two processors, for which they were measured, and the least that is derived
// for more of them (machine.hpp).
#pragma once

#include <cstddef>

namespace ledgerd {

struct engine_settings {
  // Fetcher actors for each consumer.
  int fetchers = 1;
  // Gate actors, each with a poster and a database connection of its own.
  int gates = 2;
  // Threads that run event-based actors.
  int scheduler_threads = 1;
  // Messages this node holds at most, from pull to acknowledgement.
  std::size_t max_in_flight = 16384;
  // Entries that one database transaction posts at most.
  std::size_t batch_max = 1000;
};

} // namespace ledgerd
