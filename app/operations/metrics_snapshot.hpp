// The state of the metrics at one moment, as plain values: what the exporters read.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ledgerd {

enum class metric_kind {
  counter,   // only grows
  gauge,     // goes up and down
  histogram, // durations
};

// Durations in fixed buckets. Invariant: buckets.size() == bounds_us.size() + 1.
struct duration_buckets {
  std::vector<std::int64_t> bounds_us; // upper bounds, growing
  std::vector<std::int64_t>
      buckets; // how many fell into each, not cumulative; the last lies above all bounds
  std::int64_t sum_us = 0;
};

// One series. Series of the same name share kind and help, and differ in their labels.
struct metric {
  std::string name; // as exported: ledgerd_entries_total; durations end in _seconds
  std::string help; // a sentence
  metric_kind kind = metric_kind::gauge;
  std::vector<std::pair<std::string, std::string>> labels;
  std::int64_t value = 0;     // for counters and gauges
  duration_buckets durations; // for histograms
};

using metrics_snapshot = std::vector<metric>;

} // namespace ledgerd
