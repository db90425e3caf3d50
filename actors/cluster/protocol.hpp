// What the MEMBERSHIP says to the rest of its node, on the ground of actors/common/protocol.hpp.
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <memory>
#include <vector>

#include "actors/common/protocol.hpp"
#include "messaging/cluster_answer.hpp"
#include "messaging/cluster_codec.hpp"

CAF_BEGIN_TYPE_ID_BLOCK(ledgerd_cluster, caf::first_custom_type_id + 300)
CAF_ADD_ATOM(ledgerd_cluster, ledgerd, roster_atom, "roster")
CAF_ADD_ATOM(ledgerd_cluster, ledgerd, doing_atom, "doing")
CAF_ADD_ATOM(ledgerd_cluster, ledgerd, released_atom, "released")
CAF_ADD_ATOM(ledgerd_cluster, ledgerd, links_atom, "links")
CAF_ADD_ATOM(ledgerd_cluster, ledgerd, tally_atom, "tally")
CAF_END_TYPE_ID_BLOCK(ledgerd_cluster)

namespace ledgerd {

// Who lives, by this node's monotonic clock: its own word, and the last of every other node that it
// hears. A node that has said `gone` or has been silent is not in it.
struct roster {
  node_word self;
  std::vector<node_word> others;
};
using roster_ptr = std::shared_ptr<const roster>;

// Hears who lives, at once and at every change of what anybody says, from the MEMBERSHIP: the
// REGION.
using roster_sink = caf::typed_actor<caf::reacts_to<roster_atom, roster_ptr>>;

// Takes what this node is to say of itself: the MEMBERSHIP.
using word_sink = caf::typed_actor<
    // What it is doing, from the ROOT.
    caf::reacts_to<doing_atom, node_doing>,
    // The digest of the ownership by which it holds nothing that another node owns, from the
    // REGION.
    caf::reacts_to<released_atom, std::uint64_t>,
    // The nodes to which entries can be forwarded, at every change, from the REGION.
    caf::reacts_to<links_atom, std::vector<boot_id>>,
    // What the node has counted, from time to time, from the ROOT.
    caf::reacts_to<tally_atom, node_tally>,
    // Who is to hear who lives.
    caf::reacts_to<roster_atom, roster_sink>>;

} // namespace ledgerd

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::node_doing)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::node_tally)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::roster_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<ledgerd::boot_id>)
