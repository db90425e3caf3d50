// What the actors of the ledger side say to each other, on the ground of
// actors/common/protocol.hpp: each handle says only what its
// holder wants, and what an actor says to itself stands beside it. Third page to read, after README
// and ARCHITECTURE.
#pragma once

#include <caf/actor_clock.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/cluster/protocol.hpp"
#include "actors/common/protocol.hpp"
#include "actors/common/report.hpp"
#include "domain/boot_id.hpp"
#include "domain/plan.hpp"
#include "messaging/ports.hpp"
#include "messaging/record_look.hpp"
#include "persistence/ledger_store.hpp"

CAF_BEGIN_TYPE_ID_BLOCK(ledgerd, caf::first_custom_type_id + 100)
CAF_ADD_ATOM(ledgerd, ledgerd, apply_atom, "apply")
CAF_ADD_ATOM(ledgerd, ledgerd, post_atom, "post")
CAF_ADD_ATOM(ledgerd, ledgerd, head_atom, "head")
CAF_ADD_ATOM(ledgerd, ledgerd, hold_atom, "hold")
CAF_ADD_ATOM(ledgerd, ledgerd, answer_atom, "answer")
CAF_ADD_ATOM(ledgerd, ledgerd, idle_atom, "idle")
CAF_ADD_ATOM(ledgerd, ledgerd, yield_atom, "yield")
CAF_ADD_ATOM(ledgerd, ledgerd, link_atom, "link")
CAF_ADD_ATOM(ledgerd, ledgerd, circuit_atom, "circuit")
CAF_ADD_ATOM(ledgerd, ledgerd, held_atom, "held")
CAF_END_TYPE_ID_BLOCK(ledgerd)

namespace ledgerd {

// The answer to a ticket: a verdict, or the entry's own failure (`verdict` empty, `failure` says
// why), or `later`: there is no room for it now, let the broker deliver it again.
struct ticketed_answer {
  ticket tag = 0;
  std::optional<answer> verdict;
  std::string failure;
  bool later = false;
};

// Takes the answers to its tickets, from the GATE; from a LEDGER those that say `later`; from a
// PEER both. A FETCHER, or the RECEIVER of what peers send.
using answer_sink = caf::typed_actor<caf::reacts_to<answer_atom, std::vector<ticketed_answer>>>;

// Stops pulling while the database is away (true) and goes on when it is back (false), as the ROOT
// says: a FETCHER.
using pausable_actor = caf::typed_actor<caf::reacts_to<circuit_atom, bool>>;

// What a FETCHER says of a record: whether it holds a request for it, and how far it has pulled.
struct fetcher_look {
  std::optional<held_request> held;
  pulled_subject pulled;
  std::optional<account_key> account; // of what is held and undecided
};

// Says what it knows of the record with this id: a FETCHER, to its ROOT.
using holding_actor =
    caf::typed_actor<caf::replies_to<held_atom, std::int64_t>::with<fetcher_look>>;

// Says for how long what it has of this account has been waiting, and why: a GATE, to its ROOT.
using waiting_actor =
    caf::typed_actor<caf::replies_to<held_atom, account_key>::with<std::vector<noted_account>>>;

// Where the answer to an entry goes.
struct origin {
  answer_sink asker;
  ticket tag = 0;
};

// An entry on its way from the fetcher to the gate.
struct asked_entry {
  entry asked;
  origin from;
  // Its place in the request stream: an account's entries are decided in this order as far as they
  // are here together. 0: not known.
  std::uint64_t stream_seq = 0;
  // How often it may still be forwarded to a peer; 0: this node decides it, whoever owns its
  // account.
  std::uint8_t hops_left = 2;
  // What its message counts, in bytes, of the credit of the node that has pulled it. 0: not known.
  std::uint32_t bytes = 0;
};

// As many entries as come, however large.
inline constexpr capacity hold_any{std::numeric_limits<std::size_t>::max()};

// LEDGER: serialises one account.
using ledger_actor = caf::typed_actor<
    // Entries for this account, from the REGION.
    caf::reacts_to<apply_atom, std::vector<asked_entry>>,
    // The group that was at the gate is answered; the account's head, or nothing when it must be
    // read anew.
    caf::reacts_to<head_atom, std::optional<account_head>>,
    // So many entries may wait here from now on, and weigh so much together with those at the gate;
    // what is beyond goes back to where it came from. From the GATE: it has set the account aside,
    // or (hold_any) not any more.
    caf::reacts_to<hold_atom, capacity>,
    // Go, unless there is work: answered to the REGION with `idle_atom`.
    caf::reacts_to<idle_atom>,
    // The account goes to another node: what waits and may be forwarded goes back to the REGION.
    // Answered to it with `idle_atom`; after false, `yield_atom` follows once there is no work any
    // more. It quits only as its answer.
    caf::reacts_to<yield_atom>>;

// A ledger's group at the gate.
struct ledger_group {
  ledger_actor ledger; // empty handle: nobody to tell yet
  account_key account;
  std::optional<account_head> head; // nothing: not known
  std::vector<asked_entry> entries;
};

// Takes entries, in order of arrival: the REGION, from a FETCHER, from the RECEIVER what peers
// send, and what a LEDGER or a PEER gives back; a PEER, from the REGION, what another node is to
// decide.
using entry_sink = caf::typed_actor<caf::reacts_to<apply_atom, std::vector<asked_entry>>>;

// Hears a LEDGER's answer to `idle_atom`, true when it has quit: the REGION.
using idle_sink = caf::typed_actor<caf::reacts_to<idle_atom, account_key, bool>>;

// Both, for a LEDGER that may have to give back what waits; and hears that one that was told to
// yield has no work any more: the REGION.
using ledger_keeper =
    idle_sink::extend_with<entry_sink>::extend<caf::reacts_to<yield_atom, account_key>>;

// Hears whether the link to a peer, by its boot id, carries entries and answers: the REGION.
using link_sink = caf::typed_actor<caf::reacts_to<link_atom, boot_id, bool>>;

// Takes a group from a LEDGER; the next comes only after its `head_atom`. A GATE.
using group_sink = caf::typed_actor<caf::reacts_to<post_atom, ledger_group>>;

// Hears that a GATE's database is away or back (its index, and whether it is away): the ROOT.
using circuit_sink = caf::typed_actor<caf::reacts_to<circuit_atom, std::uint32_t, bool>>;

// How far the search for the account that makes a batch fail has come.
enum class culprit_search : std::uint8_t {
  none,
  one_by_one, // posted account by account
  halving,    // that did not find it
};

// A batch on its way to the database. Owned by the gate, lent to the poster while it is posted.
struct gate_batch : posting_batch {
  std::vector<ledger_actor> ledgers; // one for each head
  std::vector<origin> origins;       // one for each entry
  post_limits limits;
  culprit_search search = culprit_search::none;
  caf::actor_clock::time_point formed; // when its oldest group came
};
using gate_batch_ptr = std::shared_ptr<gate_batch>;

struct posted_batch {
  post_result result;
  std::int64_t microseconds = 0; // how long the store took
};

// POSTER: owns one database connection and runs one batch at a time; detached, since it blocks.
// Each gate has two: one for its main lane, one for accounts that it has set aside.
using poster_actor =
    caf::typed_actor<caf::replies_to<post_atom, gate_batch_ptr>::with<posted_batch>,
                     // Answered late while the database is.
                     caf::replies_to<report_atom>::with<actor_report>>;

// RESPONDER: answers questions about the ledger that come over NATS; detached, since it
// waits for the database.
using responder_actor = caf::typed_actor<
    // The desk has something (from its thread).
    caf::reacts_to<wake_atom>,
    // The next few questions.
    caf::reacts_to<turn_atom>,
    // Time passes: subscriptions are renewed.
    caf::reacts_to<tick_atom>,
    // Answered late while the database is.
    caf::replies_to<report_atom>::with<actor_report>>;

// ROOT: spawns everything bottom-up, stops it top-down.
using ledger_root_actor = circuit_sink::extend_with<drainable_actor, roster_sink>::extend<
    // Time passes: the roll call.
    caf::reacts_to<tick_atom>,
    // The reports of all actors of this node.
    caf::replies_to<report_atom>::with<std::vector<actor_report>>,
    // Somebody asks all nodes about a record, and where the answer goes; from the MEMBERSHIP's
    // thread.
    caf::reacts_to<held_atom, look_question, std::string>>;

} // namespace ledgerd

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<ledgerd::ticketed_answer>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<ledgerd::asked_entry>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::account_key)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::capacity)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::boot_id)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::optional<ledgerd::account_head>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::ledger_group)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::gate_batch_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::posted_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::fetcher_look)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::look_question)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<ledgerd::noted_account>)
