// The state of the metrics at one moment, as plain values: what the exporters read.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "actors/common/report.hpp"

namespace ledgerd {

// One series. Series of the same name share kind and help, and differ in their labels.
struct metric {
  std::string name; // as exported: ledgerd_entries_total; durations end in _seconds
  std::string help; // a sentence
  metric_kind kind = metric_kind::gauge;
  std::vector<std::pair<std::string, std::string>> labels;
  std::int64_t value = 0;         // for counters and gauges; of a gauge perhaps `not_known`
  duration_histogram durations{}; // for histograms
  size_histogram sizes{};         // for sizes
  bool in_milliseconds = false;   // the value is, and is exported in seconds
};

using metrics_snapshot = std::vector<metric>;

} // namespace ledgerd
