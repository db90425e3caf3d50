// GATE: the deduplication gate. Group commit: while its poster commits one batch, the groups that
// arrive form the next. At rest a group is posted at once; under a moderate load, where a commit is
// over sooner than the next groups come, a pause keeps the batches from being tiny. A batch that
// fails for the world's sake is kept and posted again, with growing, jittered pauses, for ever.
//
// A batch that fails for the sake of one account (locked, refused, too slow) is searched for it:
// the store names it, at once or when it writes group by group, and where it cannot, the batch is
// halved. That account is set aside: a side lane with a poster of its own goes on with it, and the
// main lane with all others. See side_lane.hpp and lane_limits.hpp for the decisions. While that
// poster gets no session, beyond a limit of connections for example, the main lane's is lent for a
// part now and then.
//
// Spawned by the node, one for each poster pair; an account always uses the same gate. Never
// blocks.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "actors/common/dry_spell.hpp"
#include "actors/common/progress.hpp"
#include "actors/common/throttle.hpp"
#include "actors/ledger/gate_counters.hpp"
#include "actors/ledger/lane_limits.hpp"
#include "actors/ledger/noted_accounts.hpp"
#include "actors/ledger/protocol.hpp"
#include "actors/ledger/side_lane.hpp"
#include "domain/backoff.hpp"

namespace ledgerd {

using gate_actor = group_sink::extend_with<reporting_actor, waiting_actor>::extend<
    // Its own reminder to post what waits, since the last batch had begun only just before.
    caf::reacts_to<turn_atom>,
    // Time to try the failed batch again: of the main lane (false) or the next of the side lane
    // (true).
    caf::reacts_to<retry_atom, bool>>;

struct gate_options {
  poster_actor poster;      // of the main lane
  poster_actor side_poster; // of the side lane
  circuit_sink node;
  std::uint32_t index;
  std::size_t batch_max; // entries; a single larger group still goes as one batch
  // What the accounts set aside may hold together: entries in their ledgers, and the bytes of these
  // and of those that are here.
  capacity aside_max;
  // From the beginning of one batch to that of the next, unless that is full.
  std::chrono::milliseconds post_pause{2};
  std::chrono::milliseconds pause_min{50};
  std::chrono::milliseconds pause_max{1500}; // a database that is back is found within it
};

class gate_state {
public:
  static inline const char* name = "gate";

  explicit gate_state(gate_actor::pointer self) : self_(self) {}

  gate_actor::behavior_type make_behavior(gate_options options);

private:
  using time_point = caf::actor_clock::time_point;

  // Log lines about troubles: one a second for each kind, with the number of those left out.
  struct quiet_log {
    time_point next;
    std::uint64_t left_out = 0;
  };

  enum class loan : std::uint8_t { none, given }; // of the main lane's poster, to the side lane

  std::optional<std::uint64_t> may_log(std::size_t kind);
  void tell_circuit(bool open);
  void close_circuit();
  void note_lost(std::uint32_t heads);
  void answer_posted(gate_batch& batch, posted& result);
  void answer_rejected(const gate_batch& batch, const store_failure& failure);
  void set_aside(const account_key& account, trouble why, const std::string& detail);
  capacity share_of(const gate_batch& part) const;
  void on_side_posted(gate_batch& batch, posted& result);
  void on_side_failure(gate_batch& batch, const store_failure& failure);
  void remind_of_side();
  void note_beginning(const gate_batch& batch);
  void post_side_next();
  void post_side_part(loan how);
  bool note_side_session(loan how, const post_result& result);
  bool may_lend() const;
  void log_failure(const store_failure& failure, std::chrono::milliseconds pause);
  void try_again_later(const store_failure& failure);
  void post_next();
  void set_culprits_aside(const store_failure& failure);
  void try_again_now(culprit_search how);
  void search_culprit(store_failure failure);
  void on_failure(const store_failure& failure);
  void on_posted(posted& result);
  void post_under_way();
  void on_group(ledger_group&& next);
  void on_side_turn();
  actor_report give_report();

  void enqueue(ledger_group&& next, time_point now);

  // Replaces the batch under way by its beginning, with so many entries at most but one group at
  // least, and the rest. Precondition (asserted): it has more than one group.
  void split_under_way(std::size_t entries_max);

  // Those that have waited longest, or this one.
  std::vector<noted_account> waiting_accounts(time_point now, const account_key* only) const;
  standstill wait(time_point now) const;
  actor_report report(time_point now) const;

  const gate_actor::pointer self_;
  gate_options options_{};
  std::deque<gate_batch_ptr> queue_; // the front goes next, the back is still forming
  gate_batch_ptr under_way_;         // with the poster, or waiting to be tried again
  lane_limits limits_{options_.batch_max};
  slow_watch watch_;
  bool looking_ = false; // the next batch is to show who is slow
  throttle posts_;
  awaited answer_; // of the database, whatever it says, while a batch is under way
  std::string last_failure_;
  bool refused_ = false; // by the server's own word
  bool open_ = false;    // the circuit: open while the database is away
  backoff pauses_{options_.pause_min, options_.pause_max};
  std::minstd_rand random_;

  dry_spell spell_;
  side_lane side_;
  gate_batch_ptr side_under_way_;
  bool side_session_missing_ = false; // as its poster said last
  time_point next_loan_;
  awaited side_session_;                    // while neither lane gets one
  store_failure side_failure_;              // why, then
  std::optional<time_point> side_reminder_; // when the side lane is looked at again
  std::array<quiet_log, 4> logs_;           // by trouble; the last for single refused entries

  gate_counters counters_;
};

gate_actor::behavior_type gate(gate_actor::stateful_pointer<gate_state> self, gate_options options);

} // namespace ledgerd
