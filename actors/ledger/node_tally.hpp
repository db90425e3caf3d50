// What a node has counted, for whoever asks how the cluster is: a few sums over its actors'
// reports. Pure; any thread.
#pragma once

#include <vector>

#include "actors/common/report.hpp"
#include "messaging/cluster_answer.hpp"

namespace ledgerd {

node_tally tally_of(const std::vector<actor_report>& reports);

} // namespace ledgerd
