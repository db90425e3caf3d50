#include "actors/ledger/node_tally.hpp"

#include <string_view>

#include "actors/ledger/gate.hpp"
#include "actors/ledger/peer.hpp"
#include "actors/ledger/receiver.hpp"
#include "actors/ledger/region.hpp"

namespace ledgerd {

namespace {

std::uint64_t value_of(const actor_report& report, std::string_view name) {
  for (const auto& [what, value] : report.values)
    if (what->name == name)
      return static_cast<std::uint64_t>(value);
  return 0;
}

} // namespace

node_tally tally_of(const std::vector<actor_report>& reports) {
  node_tally sum;
  for (const auto& one : reports) {
    if (one.actor == region_state::name) {
      sum.shards += value_of(one, "shards");
      sum.hand_overs += value_of(one, "hand_overs_total");
      // An entry that comes back is counted each time, and so is each time it is forwarded.
      sum.decided += value_of(one, "entries_total") - value_of(one, "forwarded_total");
    } else if (one.actor == gate_state::name) {
      sum.fence_rejections += value_of(one, "fence_rejections_total");
    } else if (one.actor == receiver_state::name) {
      sum.returned += value_of(one, "returned_total");
      for (const auto* name :
           {"frames_damaged_total", "frames_version_total", "frames_stranger_total",
            "frames_overflow_total", "frames_foreign_total"})
        sum.frames_dropped += value_of(one, name);
    } else if (one.actor == peer_state::name) {
      sum.forwarded.push_back({one.instance, value_of(one, "forwarded_total")});
    }
  }
  return sum;
}

} // namespace ledgerd
