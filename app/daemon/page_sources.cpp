#include "app/daemon/page_sources.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "app/config/options.hpp"

namespace ledgerd {

namespace {

std::string why_of(const config& settings, const option& one, const config& defaults) {
  for (const auto& each : settings.derived)
    if (each.option == one.name)
      return each.why;
  return one.show(settings) == one.show(defaults) ? "default" : "given";
}

} // namespace

node_card make_node_card(const config& settings) {
  node_card card{.name = settings.node_name,
                 .version = LEDGERD_VERSION,
                 .roles = {},
                 .started_us = std::chrono::duration_cast<std::chrono::microseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count(),
                 .settings = {}};
  for (const auto each : settings.roles)
    card.roles.emplace_back(to_text(each));
  const config defaults;
  for (const auto& one : options()) {
    const auto value = one.show(settings);
    const bool shown = one.kind == option_kind::value || one.kind == option_kind::flag;
    if (shown && !value.empty())
      card.settings.push_back({std::string{one.name}, value, why_of(settings, one, defaults)});
    else if (one.kind == option_kind::secret && !value.empty())
      card.settings.push_back(
          {std::string{one.name}, redact_url(value), why_of(settings, one, defaults)});
  }
  return card;
}

overview_sources make_overview_sources(const config& settings,
                                       const std::shared_ptr<late_node>& node,
                                       const readiness& health,
                                       std::shared_ptr<const progress_board> board,
                                       std::shared_ptr<const topology_board> streams,
                                       std::shared_ptr<const change_board> changes) {
  return {.node = make_node_card(settings),
          .operations =
              [node] {
                std::string why;
                return node->operations(why);
              },
          .checks = [&health] { return health.latest(); },
          .standing = std::move(board),
          .streams = std::move(streams),
          .changes = std::move(changes)};
}

} // namespace ledgerd
