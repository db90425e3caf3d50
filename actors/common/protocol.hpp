// What all actors say to each other, whichever side they belong to.
//
// Everything stays inside one process: payloads are moved, not serialised. All sends between these
// actors are fire and forget unless `replies_to` says otherwise; nothing uses `.await` (it holds
// back exit messages in CAF 0.17).
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

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
CAF_END_TYPE_ID_BLOCK(ledgerd_common)

namespace ledgerd {

// What an actor could not finish when the shutdown deadline came.
struct drain_summary {
  std::uint64_t settled = 0;
  std::uint64_t handed_back = 0;
};

} // namespace ledgerd

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::drain_summary)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::actor_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<ledgerd::actor_report>)
