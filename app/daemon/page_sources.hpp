// What the live page is told of this process.
#pragma once

#include <memory>

#include "app/config/config.hpp"
#include "app/daemon/late_node.hpp"
#include "app/operations/change_board.hpp"
#include "app/operations/readiness.hpp"
#include "app/page/overview_hub.hpp"

namespace ledgerd {

// Name, roles and settings as the process was started with them; URLs without what is secret in
// them.
node_card make_node_card(const config& settings);

// `health` must outlive the hub that is made of them.
overview_sources make_overview_sources(const config& settings,
                                       const std::shared_ptr<late_node>& node,
                                       const readiness& health,
                                       std::shared_ptr<const progress_board> board,
                                       std::shared_ptr<const topology_board> streams,
                                       std::shared_ptr<const change_board> changes);

} // namespace ledgerd
