// ROOT: the root of the ledger's actors. Spawns bottom-up (posters, gates, membership, region,
// receiver, fetchers, responder, shadow), passes the state of the circuits on, and has the
// membership say what the node is doing; all else follows from the list of its children: fetchers
// and receiver drain first, then all go, the last spawned first.
//
// With the account root, the only place that constructs actors and chooses `detached`; the region
// makes ledgers, and peers by what this one gives it.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/cluster/protocol.hpp"
#include "actors/common/child_list.hpp"
#include "actors/ledger/protocol.hpp"
#include "actors/ledger/shadow.hpp"
#include "domain/currency_lookup.hpp"
#include "messaging/cluster_ports.hpp"
#include "messaging/codec.hpp"
#include "messaging/ports.hpp"
#include "persistence/ledger_reader.hpp"

namespace ledgerd {

// What makes a node one among others.
struct ledger_cluster {
  node_word self;
  std::shared_ptr<word_line> words;
  std::shared_ptr<question_desk> asks;    // of those who ask how the node is; null: nobody may
  std::shared_ptr<question_desk> entries; // on this node's own subject
  std::function<std::shared_ptr<peer_line>(boot_id)> make_line; // to another node
  capacity received; // entries of other nodes that are held at most
  // As of membership_options.
  std::function<bool(const api_question&)> other_questions = nullptr;
};

struct ledger_root_options {
  struct fetcher_ports {
    std::string instance;
    std::shared_ptr<delivery_source> source;
    std::shared_ptr<publisher> results;
    capacity credit; // what it holds at most
  };

  std::string node_name;
  std::vector<fetcher_ports> fetchers; // one fetcher for each
  // One gate for each, and as many again for the gates' side lanes.
  std::vector<std::shared_ptr<ledger_store>> stores;
  std::vector<std::shared_ptr<ledger_store>> side_stores;
  // For questions about the ledger; null: none are answered.
  std::shared_ptr<question_desk> desk = nullptr;
  std::shared_ptr<ledger_reader> reader = nullptr;
  std::shared_ptr<const currency_table> currencies;
  request_rules rules;
  std::shared_ptr<currency_lookup> lookup = nullptr; // may be null
  std::size_t batch_max;                             // entries of one transaction
  std::size_t ledgers_max;
  std::chrono::milliseconds ledger_idle;
  std::uint32_t attempts_max;
  std::chrono::milliseconds lease;                      // the consumers' acknowledgement wait
  std::shared_ptr<progress_board> board = nullptr;      // null: nobody watches
  std::optional<ledger_cluster> cluster = std::nullopt; // nothing: the node is alone
  // What compares this node's verdicts with those of the present service; nothing: it is no shadow.
  std::optional<shadow_options> shadow = std::nullopt;
  bool detach = true; // whoever blocks; false only in deterministic tests
};

class ledger_root_state {
public:
  static inline const char* name = "node";
  using pointer = ledger_root_actor::stateful_pointer<ledger_root_state>;

  explicit ledger_root_state(ledger_root_actor::pointer self) : self_(self) {}

  ledger_root_actor::behavior_type begin(pointer self, const ledger_root_options& options);

  const std::vector<child>& children() const { return children_.all(); }

private:
  void spawn_gates(const ledger_root_options& options);
  void spawn_membership(const ledger_root_options& options);
  void spawn_region(const ledger_root_options& options);
  void spawn_receiver(const ledger_root_options& options);
  void spawn_fetchers(const ledger_root_options& options);
  void spawn_responder(const ledger_root_options& options);
  void spawn_shadow(const ledger_root_options& options);
  void on_circuit(std::uint32_t index, bool open);
  void call_the_roll();
  void look_at_database();
  void tell_doing();
  void tell_fetchers();
  void tell_tally();
  struct look_under_way;
  void look_for(const look_question& asked, const std::string& reply);
  void ask_gates(const std::shared_ptr<look_under_way>& one);
  void end_look(const look_under_way& one);

  const ledger_root_actor::pointer self_;
  child_list<pointer> children_;
  std::vector<group_sink> gates_;
  word_sink membership_; // null: the node is alone
  entry_sink region_;
  std::vector<pausable_actor> fetchers_;
  std::vector<holding_actor> holders_; // the same
  std::vector<waiting_actor> waiters_; // the gates
  node_word word_;                     // as the node began
  std::shared_ptr<question_desk> asks_;
  std::size_t looks_ = 0; // under way

  std::vector<bool> circuits_; // by gate: open
  bool paused_ = false;
  bool starting_ = false; // until it is known who else is there
  bool stopped_ = false;  // the fetchers were told to pull nothing
  bool moving_ = true;
  bool leaving_ = false;
  node_doing told_ = node_doing::serving;
  bool tally_under_way_ = false;

  // The database, as health sees it; `away_`: for longer than a moment.
  std::optional<caf::actor_clock::time_point> away_since_;
  bool away_ = false;
};

ledger_root_actor::behavior_type ledger_root(ledger_root_state::pointer self,
                                             const ledger_root_options& options);

} // namespace ledgerd
