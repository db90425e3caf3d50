// What all nodes of the cluster with the role ledger do together, for the main picture of the live
// page: sums over those that have answered, and how many these are. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "app/page/flow_meter.hpp"
#include "messaging/cluster_answer.hpp"

namespace ledgerd {

// What a node that has answered has counted, for the meter.
node_count count_of(const node_view& node);

// Null when nobody has answered. A node that has not, or that does not say what became of its
// entries, is in no sum and never counts as 0; `answered` and the flow's `nodes` say how many are.
// `flow` has noted these nodes already.
nlohmann::ordered_json together_json(const std::vector<node_view>& nodes, const flow_meter& flow);

// Rates with one digit after the point: more is noise.
nlohmann::ordered_json rounded(const std::optional<double>& rate);
nlohmann::ordered_json rounded(const flow_meter::rates& series);

} // namespace ledgerd
