// What others fill, and how much of it may be there: what the program promises, and where it
// promises no number about twice the most of some thousand seeds. Looked at whenever something is
// added.
#include <algorithm>

#include "messaging/nats/pull_book.hpp"
#include "messaging/topology.hpp"
#include "tests/simulation/world.hpp"

namespace ledgerd::sim {

std::size_t world::most_of(container of_what, const life& one) const {
  const auto fetchers = one.has_ledger ? static_cast<std::size_t>(fetchers_) : 0;
  const auto gates = one.has_ledger ? static_cast<std::size_t>(gates_) : 0;
  switch (of_what) {
  case container::pipe:
    return 2000;
  case container::mailbox:
    return 500;
  case container::timers:
    return 500;
  case container::waits:
    return 40;
  case container::connections: // two, and the former ones that somebody has not let go yet
    return 6;
  case container::subscriptions:
    return 100;
  case container::sessions: // app/daemon/roles.cpp
    return 2 * gates + (one.has_ledger ? 1 : 0) + (one.has_account ? 5 : 0);
  case container::pulls: // and those that were given up and that the server still has; what answers
                         // them is put down to younger ones, which are followed by the next
    return 8 * pull_book::open_max * std::max<std::size_t>(fetchers, 1);
  }
  return 0;
}

void world::note_size(container of_what, std::size_t size, const life& whose) {
  const auto place = static_cast<std::size_t>(of_what);
  auto& most = result_.most.at(place);
  most = std::max(most, size);
  if (size > most_of(of_what, whose))
    fail("there are " + std::to_string(size) + " " + std::string{container_names.at(place)} + ", "
         + whose.name);
}

void world::watch_bounds() {
  network_.on_open = [this](owner_id whose) {
    if (const auto* one = alive(whose)) {
      note_size(container::connections, network_.connections_of(whose), *one);
      note_size(container::subscriptions, network_.subscriptions_of(whose), *one);
    }
  };
  network_.on_waiting = [this](owner_id whose, std::size_t size) {
    if (const auto* one = alive(whose))
      note_size(container::pipe, size, *one);
  };
  database_.on_session = [this](owner_id whose) {
    if (const auto* one = alive(whose))
      note_size(container::sessions, database_.sessions_of(whose), *one);
  };
}

// What a node has left behind that has just done something.
void world::note_turn(const life& one) {
  note_size(container::waits, machine_.waits_of(one.id), one);
  if (one.scheduler != nullptr)
    note_size(container::timers, one.scheduler->clock().schedule().size(), one);
}

// A node holds what its credit allows; and one window more, of requests that it gave up too early.
void world::note_held(const consumer& at, const life& whose) {
  if (network_.troubled(whose.id) + at.ack_wait >= machine_.now)
    return;
  std::size_t held = 0, bytes = 0;
  for (const auto& [seq, lease] : at.pending)
    if (!lease.queued && lease.holder == whose.id) {
      ++held;
      bytes += lease.bytes;
    }
  const auto fetchers = static_cast<std::size_t>(fetchers_);
  const auto sources = movement_routes.size() * fetchers;
  const auto budget = share_memory(memory_max, sources, whose.has_account);
  if (held > 2 * fetchers * (credit_ / sources))
    fail(whose.name + " holds " + std::to_string(held) + " messages of " + at.name
         + ", and its credit is " + std::to_string(fetchers * (credit_ / sources)));
  if (bytes > 2 * fetchers * budget.fetcher)
    fail(whose.name + " holds " + std::to_string(bytes) + " bytes of " + at.name
         + ", and its credit is " + std::to_string(fetchers * budget.fetcher));
}

} // namespace ledgerd::sim
