// How much goes through a second, and how long each stage takes, of the last seconds: differences
// of what is counted since the start.
//
// Pure; belongs to one thread. What is not known is nothing, never 0.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/common/report.hpp"
#include "app/operations/topology_board.hpp"
#include "domain/boot_id.hpp"

namespace ledgerd {

inline constexpr std::array<std::string_view, 4> entry_outcomes{"applied", "refused", "duplicate",
                                                                "parked"};

// What a node has said of itself.
struct node_count {
  std::uint64_t decided = 0;   // entries
  std::uint64_t uptime_ms = 0; // when it counted them
  // Entries that it took from the stream; nothing: it does not say what became of them.
  std::optional<std::array<std::uint64_t, entry_outcomes.size()>> outcomes{};
};

// What became of entries a second at several nodes together.
struct joint_pace {
  std::size_t nodes = 0; // of which it is the sum: those that have said it at two moments
  std::array<double, entry_outcomes.size()> rates{};
};

// What is counted at one moment.
struct flow_sample {
  std::chrono::steady_clock::time_point at;
  std::array<std::optional<std::int64_t>, entry_outcomes.size()> outcomes; // entries, here
  std::optional<stream_marks> streams;
  std::map<std::string, duration_histogram> stages; // by name
  std::map<boot_id, node_count> nodes;              // as they were heard last
};

// The times of one stage in the window.
struct stage_times {
  std::string name;
  std::int64_t count = 0;
  std::int64_t p50_us = 0; // both within the bucket's bounds
  std::int64_t p99_us = 0;
};

class flow_meter {
public:
  // For so long a rate is taken; a longer pause between two samples begins anew.
  static constexpr std::chrono::seconds window{5};
  static constexpr std::size_t samples_max = 121;

  using rates = std::vector<std::optional<double>>;

  void note(flow_sample sample);

  // A second, in the window. `outcome`: of entry_outcomes.
  std::optional<double> rate(std::size_t outcome) const;
  std::optional<double> published() const;
  // By what the node has said of itself; nothing as long as that is one thing.
  std::optional<double> decided(boot_id node) const;
  // Of the nodes in the last sample, each by its own words in the window.
  joint_pace together() const;

  // Those that have happened in the window, in the order of their names.
  std::vector<stage_times> stages() const;

  // A second, from each sample to the next, the newest last.
  rates outcome_series(std::size_t outcome) const;
  rates published_series() const;
  // The same of all nodes of a sample together; one that has said nothing new since the sample
  // before keeps its pace.
  rates joint_series(std::size_t outcome) const;

private:
  const flow_sample* window_begin() const;
  joint_pace last_step() const;

  std::deque<flow_sample> samples_; // the newest last
  std::deque<joint_pace> steps_;    // to each of them
};

// The duration below which `share` of those lie that are counted in the buckets, within the bounds
// of its bucket by proportion, as Prometheus does it; the last bound for what is above all. There
// must be one at least.
std::int64_t
quantile_us(const std::array<std::int64_t, duration_histogram::bounds_us.size() + 1>& buckets,
            double share);

} // namespace ledgerd
