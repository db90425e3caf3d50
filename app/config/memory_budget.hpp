// What a process lends to messages, derived from `--memory-max`. Pure; any thread.
#pragma once

#include <algorithm>
#include <cstddef>

namespace ledgerd {

// In bytes, as `bytes_of(delivery)` counts: from the pull to the acknowledgement. Each may be
// overrun by one message, and by one more when what a stranger holds up has used it up (ports.hpp):
// with messages of 1 MB, nats-server's default, that is the program's part; a node says at its
// start when messages may be larger than its credit.
struct memory_budget {
  std::size_t fetcher = 0;    // of each
  std::size_t recovery = 0;   // of each of the two that read what a consumer gave up
  std::size_t reconciler = 0; // of the one that reads results
  std::size_t letters = 0;    // of the one that reads dead letters
  std::size_t received = 0;   // entries that other nodes give this one to decide
};

// What everything but the messages takes: the program, its threads and connections, the accounts in
// use, and what has come from other nodes and is not looked at yet.
inline constexpr std::size_t memory_base = std::size_t{128} << 20;

// A message exists several times for a moment: as the library's, as a delivery, as a letter, in the
// allocator's hands.
inline constexpr std::size_t copies_of_message = 4;

// All that may be on its way to one connection at once: nats-server cuts a client for which more
// than 64 MB wait (its `max_pending`).
inline constexpr std::size_t connection_bytes_max = std::size_t{32} << 20;

inline constexpr std::size_t memory_max_least = std::size_t{192} << 20;

// `fetchers` beside their two recoveries, and the account side's two reconcilers if there are any.
// What this node gives to others needs nothing: its fetchers hold it all the same. What others give
// to it is about as much as it holds itself, in entries, which are small beside their messages.
// Precondition: memory_max >= memory_max_least.
constexpr memory_budget share_memory(std::size_t memory_max, std::size_t fetchers, bool account) {
  const auto lent = (memory_max - memory_base) / copies_of_message;
  const auto received = fetchers > 0 ? lent / 8 : 0;
  const auto all = std::min(lent - received, connection_bytes_max);
  const std::size_t shares = 4 * fetchers + (fetchers > 0 ? 2 : 0) + (account ? 4 : 0);
  const auto share = all / std::max<std::size_t>(shares, 1);
  return {4 * share, share, 3 * share, share, received};
}

} // namespace ledgerd
