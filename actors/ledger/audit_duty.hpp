// Whether it is this node that audits what is new for all nodes of the cluster, which the REGION
// says. Nodes that do not know of each other both do, and for a moment none may: an audit that
// takes over looks back. Any thread.
#pragma once

#include <chrono>
#include <optional>
#include <span>

#include "domain/boot_id.hpp"

namespace ledgerd {

// One of the nodes that own accounts.
struct audit_candidate {
  boot_id boot{};
  std::chrono::milliseconds up; // since it started
};

// From then on a node can look back as far as it should: see app/daemon/audit_looks.hpp.
inline constexpr std::chrono::minutes audit_grown_up{15};

// Who audits: the first that is grown up, so that one that has just come back does not take over
// from those that remember more; while none is, the first. Of several nodes of one opinion about
// the owners and their order one does. Precondition: not empty.
boot_id auditor_among(std::span<const audit_candidate> owners);

// For the process: said at every change of the owners, and regularly.
void note_audit_duty(bool ours, std::chrono::steady_clock::time_point now);

// Since when it has been this node's; nothing: it is another one's, or nobody has said yet.
std::optional<std::chrono::steady_clock::time_point> audit_duty_since();

} // namespace ledgerd
