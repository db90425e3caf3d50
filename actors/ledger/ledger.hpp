// LEDGER: one per account in use. It serialises the account: at most one group is at the gate, what
// arrives meanwhile forms the next group. It keeps the account's head, which fences every post.
//
// When the gate has set the account aside, only so many entries of so many bytes may wait, and one
// in any case: the latest that are beyond go back to their fetchers, so that a stuck account does
// not use up the credit of all.
//
// When another node is to have the account, it gives back what that node may decide and finishes
// the rest.
//
// Spawned by the region; quits when the region asks and nothing is under way. Never blocks, never
// talks to the broker or the database.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <deque>
#include <optional>
#include <vector>

#include "actors/ledger/protocol.hpp"

namespace ledgerd {

struct ledger_options {
  account_key account;
  group_sink gate;
  ledger_keeper region;
  capacity group_max; // what goes to the gate at once, and one entry in any case
};

struct ledger_state {
  static inline const char* name = "ledger";
  static constexpr bool one_of_many = true;

  ledger_options options{};
  std::optional<account_head> head; // nothing: not known, the store reads it
  bool at_gate = false;             // a group of ours is at the gate
  bool yielding = false;            // the region waits for the end of the work
  std::vector<asked_entry> waiting; // the next groups
  std::size_t taken = 0;            // how much of `waiting` has gone already; less than half
  std::size_t bytes_waiting = 0;    // of what has not
  std::size_t bytes_at_gate = 0;
  capacity hold = hold_any;

  // The next group for the gate, or nothing when one is there already or no entry waits.
  std::optional<ledger_group> next_group(const ledger_actor& self);

  // Puts what has arrived where its place in the stream is: it may have come by several roads.
  void add(std::vector<asked_entry>&& arrived);

  // Takes what waits and another node may decide; the rest keeps its order.
  std::vector<asked_entry> take_forwardable();

  // How many of those that wait longest fit into this room, one at least, and their bytes.
  capacity fitting(const capacity& room) const;

  // Takes the latest entries that are too many or too large; where they came from.
  std::vector<origin> take_surplus();

  std::size_t count_waiting() const { return waiting.size() - taken; }
  bool has_work() const { return at_gate || count_waiting() > 0; }
};

ledger_actor::behavior_type ledger(ledger_actor::stateful_pointer<ledger_state> self,
                                   ledger_options options);

} // namespace ledgerd
