// The cluster as it is shown to people and programs: GET /v1/cluster and `ledgerd status`. Pure;
// any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "messaging/cluster_answer.hpp"

namespace ledgerd {

// {"known", "answered", "silent", "nodes": [...]}, as docs/openapi.json describes it. What nobody
// knows of a node is null.
nlohmann::ordered_json cluster_json(const std::vector<node_view>& nodes);

} // namespace ledgerd
