// The cluster as it is shown to people and programs: GET /v1/cluster and `ledgerd status`. Pure;
// any thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "messaging/cluster_answer.hpp"

namespace ledgerd {

// {"known", "answered", "silent", "nodes": [...]}, as docs/openapi.json describes it. What nobody
// knows of a node is null.
nlohmann::ordered_json cluster_json(const std::vector<node_view>& nodes);

// Of several consumers the greatest age; nothing: there are none, or that of one is not known.
std::optional<std::uint64_t> oldest_of_all(std::span<const consumer_age> consumers);

// How long something lasts, in the largest unit that tells enough: 119s, 2m, 119m, 2h, 47h, 2d.
std::string rough_time(std::uint64_t milliseconds);

// A living node that has the name which another one wants, in one sentence.
std::string describe_namesake(const cluster_answer& other);

// The same for a node of another ledger than `database`.
std::string describe_stranger(const cluster_answer& other, std::uint64_t database);

} // namespace ledgerd
