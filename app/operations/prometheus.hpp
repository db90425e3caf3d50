// The Prometheus text format. Pure; any thread.
#pragma once

#include <string>

#include "app/operations/metrics_snapshot.hpp"

namespace ledgerd {

inline constexpr char prometheus_content_type[] = "text/plain; version=0.0.4; charset=utf-8";

// Series of one name become one family, in the order in which the names first occur. Durations are
// given in seconds.
std::string to_prometheus(const metrics_snapshot& snapshot);

} // namespace ledgerd
