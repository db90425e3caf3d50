#include "app/page/together.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "app/operations/cluster_report.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

using outcome_counts = std::array<std::uint64_t, entry_outcomes.size()>;

std::optional<outcome_counts> outcomes_of(const node_tally& tally) {
  if (!tally.entries)
    return std::nullopt;
  const auto& [applied, refused, duplicate, parked] = *tally.entries;
  return outcome_counts{applied, refused, duplicate, parked}; // in the order of entry_outcomes
}

// What the nodes that have answered have counted.
struct joint_count {
  std::size_t nodes = 0;    // with the role ledger, also silent ones
  std::size_t answered = 0; // of which the rest is the sum
  outcome_counts outcomes{};
  std::vector<consumer_age> undecided; // a row for each consumer
};

// Whoever took the last request knows that none waits, so of what nodes know of a consumer the
// greatest is right.
joint_count sum_of(const std::vector<node_view>& nodes) {
  joint_count sum;
  std::map<std::string, std::optional<std::uint64_t>> by_consumer;
  for (const auto& node : nodes) {
    if (!node.word.ledger)
      continue;
    ++sum.nodes;
    const auto outcomes = node.silent ? std::nullopt : outcomes_of(node.tally);
    if (!outcomes)
      continue;
    ++sum.answered;
    for (std::size_t i = 0; i < outcomes->size(); ++i)
      sum.outcomes.at(i) += outcomes->at(i);
    for (const auto& each : node.tally.undecided) {
      auto& oldest = by_consumer[each.consumer];
      oldest = std::max(oldest, each.oldest_ms);
    }
  }
  for (const auto& [consumer, oldest] : by_consumer)
    sum.undecided.push_back({consumer, oldest});
  return sum;
}

ordered_json entries_json(const joint_count& sum) {
  auto result = ordered_json::object();
  for (std::size_t i = 0; i < entry_outcomes.size(); ++i)
    result[std::string{entry_outcomes.at(i)}] =
        sum.answered > 0 ? ordered_json(sum.outcomes.at(i)) : ordered_json{};
  return result;
}

ordered_json flow_json(const flow_meter& flow) {
  const auto pace = flow.together();
  ordered_json result{{"windowMs", std::chrono::milliseconds{flow_meter::window}.count()},
                      {"nodes", pace.nodes}};
  auto series = ordered_json::object();
  for (std::size_t i = 0; i < entry_outcomes.size(); ++i) {
    const std::string name{entry_outcomes.at(i)};
    result[name] =
        rounded(pace.nodes > 0 ? std::optional{pace.rates.at(i)} : std::optional<double>{});
    series[name] = rounded(flow.joint_series(i));
  }
  result["series"] = std::move(series);
  return result;
}

ordered_json consumers_json(const joint_count& sum) {
  if (sum.undecided.empty())
    return nullptr;
  auto items = ordered_json::array();
  for (const auto& [consumer, oldest] : sum.undecided)
    items.push_back({{"name", consumer},
                     {"oldestUndecidedMs", oldest ? ordered_json(*oldest) : ordered_json{}}});
  return items;
}

// Not known while that of one consumer or of one node is not.
ordered_json oldest_json(const joint_count& sum) {
  const auto oldest = oldest_of_all(sum.undecided);
  return oldest && sum.answered == sum.nodes ? ordered_json(*oldest) : ordered_json{};
}

} // namespace

node_count count_of(const node_view& node) {
  const auto& tally = node.tally;
  // An earlier version does not say when it counted.
  const auto at = tally.counted_ms > 0 ? tally.counted_ms : node.word.uptime_ms;
  return {tally.decided, at, node.word.ledger ? outcomes_of(tally) : std::nullopt};
}

ordered_json together_json(const std::vector<node_view>& nodes, const flow_meter& flow) {
  if (nodes.empty())
    return nullptr;
  const auto sum = sum_of(nodes);
  return {{"nodes", sum.nodes},
          {"answered", sum.answered},
          {"entries", entries_json(sum)},
          {"flow", flow_json(flow)},
          {"oldestUndecidedMs", oldest_json(sum)},
          {"consumers", consumers_json(sum)}};
}

ordered_json rounded(const std::optional<double>& rate) {
  return rate ? ordered_json(std::round(*rate * 10) / 10) : ordered_json{};
}

ordered_json rounded(const flow_meter::rates& series) {
  auto result = ordered_json::array();
  for (const auto& each : series)
    result.push_back(rounded(each));
  return result;
}

} // namespace ledgerd
