// REGION: one per node. Finds the ledger of each account, spawns it on demand, and passivates
// ledgers that have been idle for long or that are too many, the least recently used first.
//
// A ledger is asked to go and may refuse; what arrives for it meanwhile is held here, so nothing is
// sent to an actor that has quit.
//
// Among other nodes it decides what this node owns and forwards the rest, over one PEER for each of
// them; what has been forwarded too often is decided here, whoever owns it. When the owners change,
// the ledgers of lost accounts give back what waits and go when the gate has answered them; when
// the last of them has gone, the MEMBERSHIP says so to all. A ledger that such an entry makes anew
// afterwards does not count: the fence protects its account. What is gained waits here until the
// old owner has let go; see hand_over.hpp. Every entry is at one place: here, with a ledger, with a
// peer, or at the gate.
//
// Spawned by the node; never blocks.
#pragma once

#include <caf/local_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "actors/cluster/protocol.hpp"
#include "actors/ledger/hand_over.hpp"
#include "actors/ledger/link_trust.hpp"
#include "actors/ledger/noted_accounts.hpp"
#include "actors/ledger/peer.hpp"
#include "actors/ledger/protocol.hpp"
#include "actors/ledger/region_counters.hpp"

namespace ledgerd {

using region_actor =
    ledger_keeper::extend_with<reporting_actor, reporting_parent, link_sink, roster_sink>::extend<
        // Its own reminder: more ledgers are to be told that their account is lost.
        caf::reacts_to<yield_atom>,
        // Its own reminder: a wait is over.
        caf::reacts_to<turn_atom>,
        // Time passes: look for idle ledgers.
        caf::reacts_to<tick_atom>>;

// Constructs a PEER; all but its line is given.
using peer_factory = std::function<peer_actor(caf::local_actor& parent, peer_options about)>;

// What a node among others needs.
struct region_cluster {
  owner self;
  word_sink membership;
  peer_factory make_peer;
  // For how long what is gained waits for its old owner; and at the start for the first roster.
  std::chrono::milliseconds patience{3000};
};

struct region_options {
  std::vector<group_sink> gates; // at least one
  std::size_t ledgers_max;
  std::chrono::milliseconds ledger_idle;
  std::chrono::milliseconds beat{1000};
  capacity group_max; // of an account, what goes to its gate at once
  std::optional<region_cluster> cluster = std::nullopt; // nothing: the node is alone
  // Ledgers told in one turn that their account is lost, so that a change does not hold up entries.
  std::size_t yields_max = 2000;
};

class region_state {
public:
  static inline const char* name = "region";

  explicit region_state(region_actor::pointer self) : self_(self) {}

  region_actor::behavior_type begin(region_options options);

private:
  using time_point = caf::actor_clock::time_point;

  enum class house : std::uint8_t {
    staying,   // least recently used first
    lost,      // another node's now; to be told so
    lingering, // was told so and has work
    leaving,   // asked to go or told to, has not answered yet
  };

  // An account in use.
  struct tenant {
    account_key account;
    ledger_actor ledger;
    time_point used;
    house at = house::staying;
    bool owed = false; // its end is part of what this node has to let go
    bool told = false; // while leaving: it was told that its account is lost
    account_heat heat;
    std::vector<asked_entry> held; // arrived while leaving, or in the batch that is being split
  };
  using tenants = std::list<tenant>;

  struct neighbour {
    node_word word;
    peer_actor peer;
    link_trust link;
    time_point started;
  };

  // Accounts.
  tenants& in(house where) { return houses_[static_cast<std::size_t>(where)]; }
  void move(tenants::iterator whom, house to);
  tenants::iterator move_in(const account_key& account);
  ledger_actor spawn_ledger(const account_key& account);
  void flush(tenant& to);
  void deal_out(std::vector<asked_entry>& arrived);
  void ask_to_leave(tenants::iterator whom);
  void on_gone(tenants::iterator whom);
  void on_answer(const account_key& account, bool gone);
  void on_free(const account_key& account);
  void passivate_idle();

  // Other nodes.
  void route(std::vector<asked_entry>& arrived);
  void forward();
  void on_roster(roster_ptr who);
  void on_link(bool up); // says the sender
  void spawn_peer(const node_word& word);
  void end_peer(neighbour& one);
  void keep_peers();
  hand_over::view view(time_point now) const;
  void look_around();
  bool audits(time_point now) const;
  void sort_out();
  void tell_lost();
  void say_released();
  void say_links(const hand_over::view& seen);
  void say_shards();
  void remind(time_point now);

  caf::typed_response_promise<std::vector<actor_report>> report_peers();
  actor_report report() const;

  const region_actor::pointer self_;
  region_options options_{};

  std::array<tenants, 4> houses_;
  std::unordered_map<account_key, tenants::iterator, account_key_hash> by_account_;
  std::size_t owed_ = 0; // ledgers
  bool telling_ = false; // a reminder is on its way for those that are to be told
  hot_accounts hot_;
  std::optional<std::uint64_t> said_released_;
  std::vector<boot_id> said_links_;

  time_point started_;
  roster_ptr roster_;
  std::vector<neighbour> neighbours_;
  hand_over hands_;
  std::size_t shards_ = 0; // that this node has, as it said last
  // By place among the owners: the peer (null for this node), and its part of the batch that is
  // being split.
  std::vector<peer_actor> lanes_;
  std::vector<std::vector<asked_entry>> parts_;
  std::vector<asked_entry> waiting_; // for the old owner of their accounts
  std::optional<time_point> reminder_;

  region_counters counters_;
};

region_actor::behavior_type region(region_actor::stateful_pointer<region_state> self,
                                   region_options options);

} // namespace ledgerd
