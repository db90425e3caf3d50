// What `ledgerd status` asks, each part by itself: what one of them says, or {"error": why}.
// Blocks.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/config/config.hpp"
#include "app/verbs/status_conclusion.hpp"

namespace ledgerd {

// Everything that is shown, and what the conclusion is drawn from.
struct status_view {
  nlohmann::ordered_json broker;  // {"streams", "consumers"}
  nlohmann::ordered_json ledger;  // {"schemaVersion", "schemaKnown", ...}
  nlohmann::ordered_json cluster; // as of GET /v1/cluster, with the pace of each node
  nlohmann::ordered_json daemon;  // {"ready", "checks" or "detail"}
  system_state state;
};

// Takes a second, since the pace of the nodes is the difference of two of their answers.
// `count`: have the database count all rows.
status_view look_at_system(const config& settings, bool count);

} // namespace ledgerd
