#include "app/page/overview.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "app/base/text.hpp"
#include "app/operations/cluster_report.hpp"
#include "app/page/together.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

constexpr auto marks_age_max = std::chrono::seconds{5};
constexpr std::size_t changes_shown = 30;

const metric* find_metric(const overview_facts& facts, std::string_view name,
                          std::string_view outcome = {}) {
  if (!facts.metrics)
    return nullptr;
  for (const auto& each : *facts.metrics) {
    const auto label = each.labels.empty() ? std::string_view{} : each.labels.front().second;
    if (each.name == name && (outcome.empty() || label == outcome))
      return &each;
  }
  return nullptr;
}

ordered_json number_or_null(std::int64_t value) {
  return value == not_known ? ordered_json{} : ordered_json(value);
}

ordered_json value_of(const overview_facts& facts, std::string_view name) {
  const auto* found = find_metric(facts, name);
  return found != nullptr ? number_or_null(found->value) : ordered_json{};
}

// The ages of the consumers' oldest requests. The snapshot holds them in milliseconds; only the
// text format of /metrics divides.
std::vector<const metric*> undecided_ages(const overview_facts& facts) {
  std::vector<const metric*> result;
  if (facts.metrics)
    for (const auto& each : *facts.metrics)
      if (each.name == "ledgerd_oldest_undecided_seconds")
        result.push_back(&each);
  return result;
}

// Not known while that of one consumer is not: the one that hands nothing out may have the oldest.
ordered_json oldest_json(const std::vector<const metric*>& ages) {
  std::int64_t oldest = 0;
  for (const auto* each : ages) {
    if (each->value == not_known)
      return nullptr;
    oldest = std::max(oldest, each->value);
  }
  return ages.empty() ? ordered_json{} : ordered_json(oldest);
}

// Null when this node has none that answer.
ordered_json consumers_json(const std::vector<const metric*>& ages) {
  if (ages.empty())
    return nullptr;
  auto items = ordered_json::array();
  for (const auto* each : ages)
    items.push_back({{"name", each->labels.front().second},
                     {"oldestUndecidedMs", number_or_null(each->value)}});
  return items;
}

constexpr std::string_view stage_prefix = "ledgerd_";
constexpr std::string_view stage_suffix = "_seconds";

// A stage on a message's way, and no size, part of a stage or actor.
bool is_stage(const metric& one) {
  return one.name.starts_with(stage_prefix) && one.name.ends_with(stage_suffix)
         && (one.labels.empty() || one.labels.front().first == "stage");
}

// A family's only histogram is a stage of the family's name, one of several that of its label.
std::string stage_of(const metric& one) {
  if (!one.labels.empty())
    return one.labels.front().second;
  return one.name.substr(stage_prefix.size(),
                         one.name.size() - stage_prefix.size() - stage_suffix.size());
}

std::string doing_of(const overview_facts& facts) {
  const auto draining = std::any_of(facts.checks.begin(), facts.checks.end(),
                                    [](const auto& each) { return each.name == "draining"; });
  return draining ? "draining" : facts.started ? "serving" : "starting";
}

ordered_json node_json(const node_card& node, const overview_facts& facts) {
  return {{"name", node.name},
          {"version", node.version},
          {"roles", node.roles},
          {"startedAt", format_time(node.started_us)},
          {"uptimeMs", std::max<std::int64_t>(0, (facts.at_us - node.started_us) / 1000)},
          {"doing", doing_of(facts)}};
}

ordered_json checks_json(const std::vector<readiness_check>& checks) {
  auto items = ordered_json::array();
  for (const auto& each : checks) {
    items.push_back({{"name", each.name}, {"ok", each.ok}});
    if (!each.detail.empty())
      items.back()["detail"] = each.detail;
  }
  return items;
}

ordered_json entries_json(const overview_facts& facts) {
  auto result = ordered_json::object();
  for (const auto outcome : entry_outcomes) {
    const auto* found = find_metric(facts, "ledgerd_entries_total", outcome);
    result[std::string{outcome}] = found != nullptr ? ordered_json(found->value) : ordered_json{};
  }
  return result;
}

// By reason; null when nobody knows.
ordered_json refusals_json(const overview_facts& facts) {
  if (find_metric(facts, "ledgerd_refused_total") == nullptr)
    return nullptr;
  auto items = ordered_json::array();
  for (const auto& each : *facts.metrics)
    if (each.name == "ledgerd_refused_total")
      items.push_back({{"reason", each.labels.front().second}, {"count", each.value}});
  return items;
}

ordered_json flow_json(const flow_meter& flow) {
  ordered_json rates{{"windowMs", std::chrono::milliseconds{flow_meter::window}.count()}};
  auto series = ordered_json::object();
  for (std::size_t i = 0; i < entry_outcomes.size(); ++i) {
    const std::string name{entry_outcomes.at(i)};
    rates[name] = rounded(flow.rate(i));
    series[name] = rounded(flow.outcome_series(i));
  }
  rates["published"] = rounded(flow.published());
  series["published"] = rounded(flow.published_series());
  rates["series"] = std::move(series);
  return rates;
}

ordered_json stages_json(const flow_meter& flow) {
  auto items = ordered_json::array();
  for (const auto& each : flow.stages())
    items.push_back({{"name", each.name},
                     {"count", each.count},
                     {"p50Us", each.p50_us},
                     {"p99Us", each.p99_us}});
  return items;
}

ordered_json standing_json(const std::vector<standing_actor>& standing) {
  auto items = ordered_json::array();
  for (const auto& each : standing)
    items.push_back({{"who", each.who},
                     {"what", each.wait.what},
                     {"sinceMs", each.wait.since.count()},
                     {"silent", each.silent},
                     {"movesMoney", each.what == duty::moves_money && !each.wait.aside}});
  return items;
}

ordered_json streams_json(const overview_facts& facts) {
  const auto marks = to_sample(facts).streams;
  return {{"problem", facts.topology_problem},
          {"madeAgain", facts.topology.made_again},
          {"deletedUnread", facts.topology.deleted_unread},
          {"published", marks ? ordered_json(marks->requests) : ordered_json{}},
          {"deadLetters", marks ? ordered_json(marks->dead_letters) : ordered_json{}}};
}

// Null when this node has no audit. What it has not looked at, or another node looks at now, is
// null in it.
ordered_json audit_json(const overview_facts& facts) {
  const auto* on_duty = find_metric(facts, "ledgerd_audit_on_duty");
  if (on_duty == nullptr)
    return nullptr;
  return {{"onDuty", on_duty->value != 0},
          {"findings", value_of(facts, "ledgerd_audit_findings")},
          {"ageSeconds", value_of(facts, "ledgerd_audit_age_seconds")},
          {"behindSeconds", value_of(facts, "ledgerd_audit_behind_seconds")},
          {"rows", value_of(facts, "ledgerd_audit_rows_total")}};
}

// Null when nobody has answered: not even this node is known to be there.
ordered_json nodes_json(const overview_facts& facts, const flow_meter& flow) {
  if (!facts.nodes || facts.nodes->empty())
    return nullptr;
  auto result = cluster_json(*facts.nodes);
  auto& items = result["nodes"];
  for (std::size_t i = 0; i < items.size(); ++i)
    items[i]["decidedPerSecond"] = rounded(flow.decided(facts.nodes->at(i).word.boot));
  return result;
}

ordered_json changes_json(const std::vector<node_change>& changes) {
  auto items = ordered_json::array();
  for (std::size_t i = 0; i < std::min(changes.size(), changes_shown); ++i) {
    const auto& each = changes[i];
    items.push_back({{"at", format_time(each.at_us)},
                     {"level", each.level},
                     {"what", each.what},
                     {"text", each.text}});
  }
  return items;
}

} // namespace

flow_sample to_sample(const overview_facts& facts) {
  flow_sample sample;
  sample.at = facts.at;
  for (std::size_t i = 0; i < entry_outcomes.size(); ++i)
    if (const auto* found = find_metric(facts, "ledgerd_entries_total", entry_outcomes.at(i)))
      sample.outcomes.at(i) = found->value;
  if (facts.streams && facts.at - facts.streams->at <= marks_age_max)
    sample.streams = facts.streams;
  if (facts.metrics)
    for (const auto& each : *facts.metrics)
      if (each.kind == metric_kind::histogram && is_stage(each))
        sample.stages[stage_of(each)].add(each.durations);
  if (facts.nodes)
    for (const auto& each : *facts.nodes)
      if (!each.silent)
        sample.nodes[each.word.boot] = count_of(each);
  return sample;
}

ordered_json overview_json(const node_card& node, const overview_facts& facts,
                           const flow_meter& flow) {
  const auto ready = facts.started
                     && std::all_of(facts.checks.begin(), facts.checks.end(),
                                    [](const auto& each) { return each.ok; });
  const auto ages = undecided_ages(facts);
  return {{"at", format_time(facts.at_us)},
          {"node", node_json(node, facts)},
          {"ready", ready},
          {"checks", checks_json(facts.checks)},
          {"entries", entries_json(facts)},
          {"refusals", refusals_json(facts)},
          {"flow", flow_json(flow)},
          {"inFlight", value_of(facts, "ledgerd_in_flight")},
          {"oldestUndecidedMs", oldest_json(ages)},
          {"consumers", consumers_json(ages)},
          {"circuitOpen", value_of(facts, "ledgerd_circuit_open")},
          {"aside",
           {{"accounts", value_of(facts, "ledgerd_aside_accounts")},
            {"waiting", value_of(facts, "ledgerd_aside_waiting")},
            {"oldestMs", value_of(facts, "ledgerd_aside_oldest_milliseconds")}}},
          {"stages", stages_json(flow)},
          {"standing", standing_json(facts.standing)},
          {"streams", streams_json(facts)},
          {"audit", audit_json(facts)},
          {"cluster", nodes_json(facts, flow)},
          {"together", facts.nodes ? together_json(*facts.nodes, flow) : ordered_json{}},
          {"changes", changes_json(facts.changes)}};
}

ordered_json settings_json(const node_card& node) {
  auto items = ordered_json::array();
  for (const auto& each : node.settings)
    items.push_back({{"name", each.name}, {"value", each.value}, {"why", each.why}});
  return items;
}

} // namespace ledgerd
