// The operations endpoints of a running daemon: /livez, /readyz, /metrics and /v1/actors.
#pragma once

#include <caf/actor_system.hpp>

#include <memory>
#include <vector>

#include "actors/common/progress.hpp"
#include "actors/ledger/protocol.hpp"
#include "actors/submissions/protocol.hpp"
#include "app/operations/metrics_snapshot.hpp"
#include "app/operations/routes.hpp"
#include "app/operations/topology_board.hpp"

namespace ledgerd {

// What the HTTP routes ask of a running daemon. Never blocks: the actors answer when they do.
// One of the roots may be empty, and `nats_api` with `account`.
http_routes make_operations(caf::actor_system& system, const ledger_root_actor& ledger,
                            const submission_root_actor& account, const responder_actor& nats_api,
                            std::shared_ptr<const progress_board> board,
                            std::shared_ptr<const topology_board> streams);

// The exported metrics (contract section 6) from the actors' own reports, summed over the actors of
// a kind.
metrics_snapshot to_snapshot(const std::vector<actor_report>& reports);

// The metrics of what stands still.
metrics_snapshot to_snapshot(const std::vector<standing_actor>& standing);
// The metrics of streams and consumers.
metrics_snapshot to_snapshot(const topology_counts& counts);

} // namespace ledgerd
