// What the live page shows of this node and its cluster, as one JSON document: GET /v1/overview,
// and what goes to whoever listens to GET /v1/events. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "actors/common/progress.hpp"
#include "actors/common/report.hpp"
#include "app/operations/change_board.hpp"
#include "app/operations/metrics_snapshot.hpp"
#include "app/operations/routes.hpp"
#include "app/operations/topology_board.hpp"
#include "app/page/flow_meter.hpp"
#include "messaging/cluster_answer.hpp"

namespace ledgerd {

// A setting as the node was started with it. Never a secret.
struct shown_setting {
  std::string name;
  std::string value;
  std::string why; // given, default, or what it is derived from
};

// What does not change while the process lives.
struct node_card {
  std::string name;
  std::string version;
  std::vector<std::string> roles;
  std::int64_t started_us = 0; // by the wall clock, since 1970
  std::vector<shown_setting> settings;
};

// What is known at one moment; what is not known is nothing.
struct overview_facts {
  std::chrono::steady_clock::time_point at;
  std::int64_t at_us = 0; // the same by the wall clock, since 1970
  bool started = false;   // the start is complete, and the shutdown has not come to its end
  std::vector<readiness_check> checks;
  std::optional<metrics_snapshot> metrics;
  std::vector<standing_actor> standing;
  std::string topology_problem; // empty: none
  topology_counts topology;
  std::optional<stream_marks> streams;
  std::optional<std::vector<node_view>> nodes;
  std::vector<node_change> changes; // the newest first
};

// What the meter needs of them. Marks of streams that are older than a few seconds are not known.
flow_sample to_sample(const overview_facts& facts);

// As docs/openapi.json describes it, without the settings. `flow` has noted these facts already.
nlohmann::ordered_json overview_json(const node_card& node, const overview_facts& facts,
                                     const flow_meter& flow);

nlohmann::ordered_json settings_json(const node_card& node);

} // namespace ledgerd
