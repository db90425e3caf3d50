// A series that the reconciler and the redriver fill, each with its own outcome.
#pragma once

#include <string_view>

#include "actors/common/report.hpp"

namespace ledgerd {

constexpr exposure contrary_verdicts(std::string_view where) {
  return exported("ledgerd_contrary_verdicts_total",
                  "Verdicts that say otherwise than their record, by where they were met: one of "
                  "the two is false.",
                  where);
}

} // namespace ledgerd
