// The cluster as it is shown to people and programs: GET /v1/cluster and `ledgerd status`. Pure;
// any thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "messaging/cluster_answer.hpp"

namespace ledgerd {

// {"known", "answered", "silent", "nodes": [...]}, as docs/openapi.json describes it. What nobody
// knows of a node is null.
nlohmann::ordered_json cluster_json(const std::vector<node_view>& nodes);

// How long something lasts, in the largest unit that tells enough: 119s, 2m, 119m, 2h, 47h, 2d.
std::string rough_time(std::uint64_t milliseconds);

// A living node that has the name which another one wants, in one sentence.
std::string describe_namesake(const cluster_answer& other);

// The same for a node of another ledger than `database`.
std::string describe_stranger(const cluster_answer& other, std::uint64_t database);

} // namespace ledgerd
