// What the actors of the ledger side say to each other, on the ground of
// actors/common/protocol.hpp. Third page to read, after README and ARCHITECTURE.
#pragma once

#include <caf/actor_clock.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/common/protocol.hpp"
#include "domain/plan.hpp"
#include "persistence/ledger_store.hpp"

CAF_BEGIN_TYPE_ID_BLOCK(ledgerd, caf::first_custom_type_id + 100)
CAF_ADD_ATOM(ledgerd, ledgerd, apply_atom, "apply")
CAF_ADD_ATOM(ledgerd, ledgerd, post_atom, "post")
CAF_ADD_ATOM(ledgerd, ledgerd, head_atom, "head")
CAF_ADD_ATOM(ledgerd, ledgerd, hold_atom, "hold")
CAF_ADD_ATOM(ledgerd, ledgerd, answer_atom, "answer")
CAF_ADD_ATOM(ledgerd, ledgerd, idle_atom, "idle")
CAF_ADD_ATOM(ledgerd, ledgerd, circuit_atom, "circuit")
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

// FETCHER: holds deliveries from the broker until their result is confirmed, and settles them.
using fetcher_actor = caf::typed_actor<
    // The source or the publisher has something (from their threads).
    caf::reacts_to<wake_atom>,
    // Its own reminder to look, when it was woken too soon after the last look.
    caf::reacts_to<turn_atom>,
    // Time passes: deadlines, leases, republishing.
    caf::reacts_to<tick_atom>,
    // Answers to tickets, from the GATE; from a LEDGER those that say `later`.
    caf::reacts_to<answer_atom, std::vector<ticketed_answer>>,
    // The database is away (true) or back (false), from the ROOT: stop or go on pulling.
    caf::reacts_to<circuit_atom, bool>,
    // Whether the node makes progress, from the ROOT, twice a second: what is old is kept alive at
    // the broker only while it does.
    caf::reacts_to<pulse_atom, bool>,
    // Stop pulling, finish what is held within so many milliseconds, hand back the rest. From the
    // ROOT.
    caf::replies_to<drain_atom, std::int64_t>::with<drain_summary>,
    caf::replies_to<report_atom>::with<actor_report>>;

// Where the answer to an entry goes.
struct origin {
  fetcher_actor fetcher;
  ticket tag = 0;
};

// An entry on its way from the fetcher to the gate.
struct asked_entry {
  entry asked;
  origin from;
};

// As many entries as come.
inline constexpr std::size_t hold_any = static_cast<std::size_t>(-1);

// LEDGER: serialises one account.
using ledger_actor = caf::typed_actor<
    // Entries for this account, from the REGION.
    caf::reacts_to<apply_atom, std::vector<asked_entry>>,
    // The group that was at the gate is answered; the account's head, or nothing when it must be
    // read anew.
    caf::reacts_to<head_atom, std::optional<account_head>>,
    // So many entries may wait here from now on; what is beyond goes back to where it came from.
    // From the GATE: it has set the account aside, or (hold_any) not any more.
    caf::reacts_to<hold_atom, std::size_t>,
    // Go, unless there is work: answered to the REGION with `idle_atom`.
    caf::reacts_to<idle_atom>>;

// A ledger's group at the gate.
struct ledger_group {
  ledger_actor ledger; // empty handle: nobody to tell yet
  account_key account;
  std::optional<account_head> head; // nothing: not known
  std::vector<asked_entry> entries;
};

// REGION: finds the ledger of an account, spawns it on demand, passivates the idle.
using region_actor = caf::typed_actor<
    // Entries from a FETCHER, in order of arrival.
    caf::reacts_to<apply_atom, std::vector<asked_entry>>,
    // A LEDGER's answer to `idle_atom`: true when it has quit.
    caf::reacts_to<idle_atom, account_key, bool>,
    // Time passes: look for idle ledgers.
    caf::reacts_to<tick_atom>, caf::replies_to<report_atom>::with<actor_report>>;

// GATE: collects groups while a commit is under way and posts them as one batch.
using gate_actor = caf::typed_actor<
    // A group from a LEDGER; the next comes only after its `head_atom`.
    caf::reacts_to<post_atom, ledger_group>,
    // Its own reminder to post what waits, since the last batch had begun only just before.
    caf::reacts_to<turn_atom>,
    // Time to try the failed batch again: of the main lane (false) or the next of the side lane
    // (true).
    caf::reacts_to<retry_atom, bool>, caf::replies_to<report_atom>::with<actor_report>>;

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
    // Time passes: subscriptions are renewed.
    caf::reacts_to<tick_atom>,
    // Answered late while the database is.
    caf::replies_to<report_atom>::with<actor_report>>;

// ROOT: spawns everything bottom-up, stops it top-down.
using ledger_root_actor = caf::typed_actor<
    // A GATE's database is away or back: (gate index, open).
    caf::reacts_to<circuit_atom, std::uint32_t, bool>,
    // Time passes: the roll call.
    caf::reacts_to<tick_atom>,
    // Shut down in order within so many milliseconds.
    caf::replies_to<drain_atom, std::int64_t>::with<drain_summary>,
    // The reports of all actors of this node.
    caf::replies_to<report_atom>::with<std::vector<actor_report>>>;

} // namespace ledgerd

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<ledgerd::ticketed_answer>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<ledgerd::asked_entry>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::account_key)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::optional<ledgerd::account_head>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::ledger_group)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::gate_batch_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::posted_batch)
