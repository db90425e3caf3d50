// The operations endpoints of a running daemon: /livez, /readyz, /metrics, /v1/actors and
// /v1/cluster.
#pragma once

#include <caf/actor_system.hpp>

#include <memory>
#include <vector>

#include "actors/common/progress.hpp"
#include "actors/ledger/protocol.hpp"
#include "actors/submissions/protocol.hpp"
#include "app/operations/cluster_question.hpp"
#include "app/operations/metrics_snapshot.hpp"
#include "app/operations/routes.hpp"
#include "app/operations/topology_board.hpp"

namespace ledgerd {

// What the HTTP routes ask of a running daemon. Never blocks: the actors answer when they do.
// Those whom it asks; each may be empty.
struct operations_sources {
  ledger_root_actor ledger;
  submission_root_actor account;
  responder_actor nats_api;
  cluster_asker_actor cluster;
  node_identity self;
};
http_routes make_operations(caf::actor_system& system, const operations_sources& from,
                            std::shared_ptr<const progress_board> board,
                            std::shared_ptr<const topology_board> streams);

// The exported metrics (contract section 6) from the actors' own reports, summed over the actors of
// a kind.
metrics_snapshot to_snapshot(const std::vector<actor_report>& reports);

// The metrics of what stands still.
metrics_snapshot to_snapshot(const std::vector<standing_actor>& standing);
// The metrics of streams and consumers.
metrics_snapshot to_snapshot(const topology_counts& counts);

metrics_snapshot to_snapshot(const std::vector<stream_fill>& fills);

} // namespace ledgerd
