// A root's list of children as a test asserts it, and the order in which they end.
#pragma once

#include <caf/abstract_actor.hpp>
#include <caf/actor_cast.hpp>

#include <memory>
#include <string>
#include <vector>

#include "actors/common/child_list.hpp"

namespace ledgerd::test {

using child_lines = std::vector<std::string>;

// Such as "fetcher a/0: moves money, reports, pulsed, drains", in the order of spawning.
inline child_lines lines_of(const std::vector<child>& all) {
  child_lines result;
  for (const auto& each : all) {
    auto line = each.role.who();
    line += each.role.what == duty::moves_money ? ": moves money" : ": answers";
    line += each.role.reports ? ", reports" : "";
    line += each.pulsed ? ", pulsed" : "";
    line += each.drains ? ", drains" : "";
    result.push_back(line);
  }
  return result;
}

// Filled with the children's names as they end.
inline std::shared_ptr<child_lines> watch_ends(const std::vector<child>& all) {
  auto ended = std::make_shared<child_lines>();
  for (const auto& each : all)
    caf::actor_cast<caf::abstract_actor*>(each.handle)
        ->attach_functor([ended, who = each.role.who()] { ended->push_back(who); });
  return ended;
}

} // namespace ledgerd::test
