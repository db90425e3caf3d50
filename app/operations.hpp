// The operations endpoints of a running daemon: /livez, /readyz, /metrics and /v1/actors.
#pragma once

#include <caf/actor_system.hpp>

#include <memory>
#include <vector>

#include "actors/account_protocol.hpp"
#include "actors/progress.hpp"
#include "app/http_routes.hpp"
#include "app/metrics_snapshot.hpp"
#include "app/topology_watch.hpp"

namespace ledgerd {

// What the HTTP routes ask of a running daemon. Never blocks: the actors answer when they do.
// One of the roots may be empty, and `nats_api` with `account`.
http_routes make_operations(caf::actor_system& system, const node_actor& ledger,
                            const account_actor& account, const teller_actor& nats_api,
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
