// What all actors say to each other, whichever side they belong to.
//
// Everything stays inside one process: payloads are moved, not serialised. All sends between these
// actors are fire and forget unless `replies_to` says otherwise; nothing uses `.await` (it holds
// back exit messages in CAF 0.17).
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <vector>

#include "actors/common/report.hpp"

CAF_BEGIN_TYPE_ID_BLOCK(ledgerd_common, caf::first_custom_type_id)
CAF_ADD_ATOM(ledgerd_common, ledgerd, wake_atom, "wake")
CAF_ADD_ATOM(ledgerd_common, ledgerd, turn_atom, "turn")
CAF_ADD_ATOM(ledgerd_common, ledgerd, tick_atom, "tick")
CAF_ADD_ATOM(ledgerd_common, ledgerd, retry_atom, "retry")
CAF_ADD_ATOM(ledgerd_common, ledgerd, pulse_atom, "pulse")
CAF_ADD_ATOM(ledgerd_common, ledgerd, drain_atom, "drain")
CAF_ADD_ATOM(ledgerd_common, ledgerd, report_atom, "report")
CAF_ADD_ATOM(ledgerd_common, ledgerd, reports_atom, "reports")
CAF_END_TYPE_ID_BLOCK(ledgerd_common)

namespace ledgerd {

// An actor's own name for a delivery that it holds; whoever is given one answers it exactly once.
using ticket = std::uint64_t;

// What an actor could not finish when the shutdown deadline came.
struct drain_summary {
  std::uint64_t settled = 0;
  std::uint64_t handed_back = 0;
};

// An actor's handle as those hold it who want only this of it.

// Tells how it is.
using reporting_actor = caf::typed_actor<caf::replies_to<report_atom>::with<actor_report>>;

// Has actors of its own, and tells how each of them is.
using reporting_parent =
    caf::typed_actor<caf::replies_to<reports_atom>::with<std::vector<actor_report>>>;

// Hears whether the node makes progress, from its ROOT, twice a second: what is old is kept alive
// at the broker only while it does.
using pulsed_actor = caf::typed_actor<caf::reacts_to<pulse_atom, bool>>;

// Takes nothing more, finishes what it holds within so many milliseconds and hands back the rest.
// From its ROOT.
using drainable_actor =
    caf::typed_actor<caf::replies_to<drain_atom, std::int64_t>::with<drain_summary>>;

} // namespace ledgerd

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::drain_summary)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::actor_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<ledgerd::actor_report>)
