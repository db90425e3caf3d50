#include "app/verbs/status_conclusion.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "app/verbs/histogram_view.hpp"

namespace ledgerd {

namespace {

// A request that came just now is no sign that nothing moves.
constexpr std::int64_t stuck_after_ms = 2000;
// From here on money is late: the goal of docs/runbooks/LedgerdUndecidedFastBurn.md.
constexpr std::int64_t late_after_ms = 10000;

// Nothing: not all of its fetchers answer, or it has none.
std::optional<std::uint64_t> decided_of(const node_tally& tally) {
  if (!tally.entries)
    return std::nullopt;
  const auto& [applied, refused, duplicate, parked] = *tally.entries;
  return applied + refused + duplicate + parked;
}

// The greatest that is known: what one consumer has here is no younger for what nobody knows of
// another.
std::optional<std::int64_t> oldest_of(const node_tally& tally) {
  std::optional<std::int64_t> result;
  for (const auto& each : tally.undecided)
    if (tally.entries && each.oldest_ms)
      result = std::max(result.value_or(0), static_cast<std::int64_t>(*each.oldest_ms));
  return result;
}

std::string requests(std::uint64_t count) {
  return count == 1 ? "1 request waits" : std::to_string(count) + " requests wait";
}

// Each name once, whatever how many have it.
std::vector<std::string> names_of(const std::vector<node_state>& nodes, auto which) {
  std::vector<std::string> result;
  for (const auto& each : nodes)
    if (which(each) && std::find(result.begin(), result.end(), each.name) == result.end())
      result.push_back(each.name);
  return result;
}

// `node x VERB`, or `nodes x, y VERBS`; empty: there are none.
std::string nodes_that(const std::vector<node_state>& nodes, auto which, const char* one,
                       const char* several) {
  const auto names = names_of(nodes, which);
  std::string listed;
  for (const auto& each : names)
    listed.append(listed.empty() ? "" : ", ").append(each);
  if (names.empty())
    return {};
  return names.size() == 1 ? "node " + listed + " " + one : "nodes " + listed + " " + several;
}

std::string silent_nodes(const system_state& state) {
  return nodes_that(
      state.nodes, [](const node_state& each) { return each.silent; }, "is silent", "are silent");
}

// One that leaves frees the name, and one that starts waits for it: neither troubles the other.
bool has_its_name(const node_state& node) {
  return !node.silent && node.doing != node_doing::leaving && node.doing != node_doing::starting;
}

std::string namesakes(const system_state& state) {
  for (const auto& name : names_of(state.nodes, has_its_name)) {
    const auto count =
        std::count_if(state.nodes.begin(), state.nodes.end(), [&](const node_state& each) {
          return has_its_name(each) && each.name == name;
        });
    if (count > 1)
      return (count == 2 ? "two" : std::to_string(count)) + " nodes are named " + name + ": "
             + (count == 2 ? "both are unready until one of them is stopped"
                           : "all are unready until one is left")
             + "; give each a --node-name of its own";
  }
  return {};
}

// Why nothing is decided, by whoever says so first.
std::string reason_of(const system_state& state) {
  if (!state.daemon_fault.empty())
    return state.daemon_fault;
  for (const auto& each : state.nodes)
    if (each.ledger && each.doing == node_doing::paused && !each.silent)
      return "node " + each.name + " is paused, since its database is away"
             + (state.ledger_fault.empty() ? "" : " (" + state.ledger_fault + ")");
  for (const auto& each : state.nodes)
    if (each.ledger && each.doing != node_doing::serving && !each.silent)
      return "node " + each.name + " is " + std::string{to_text(each.doing)};
  if (!state.ledger_fault.empty())
    return state.ledger_fault;
  if (const auto silent = silent_nodes(state); !silent.empty())
    return silent;
  if (state.aside > 0)
    return (state.aside == 1 ? "1 account is" : std::to_string(state.aside) + " accounts are")
           + " set aside, locked, refused or slow in the database: `ledgerd locks list` says who "
             "holds locks, `ledgerd metrics` what each account waits for";
  return "no node says why, see `ledgerd metrics`";
}

bool is_known_ledger(const node_state& node) {
  return node.ledger && !node.silent;
}

std::string standstill(const system_state& state) {
  if (!stands_still(state))
    return {};
  const auto pace = decided_per_second(state.nodes);
  const auto waits = waiting_text(state);
  if (std::none_of(state.nodes.begin(), state.nodes.end(), is_known_ledger))
    return "nothing is being decided although " + waits + ": "
           + (silent_nodes(state).empty() ? "no node with the role ledger answers"
                                          : silent_nodes(state));
  return (pace ? "nothing is being decided although " : "nobody knows what is being decided, and ")
         + waits + ": " + reason_of(state);
}

// What nobody has to get up for; empty: there is nothing.
std::string remark(const system_state& state) {
  for (const auto& each : state.nodes)
    if (!each.silent && each.doing != node_doing::serving)
      return "node " + each.name + " is " + std::string{to_text(each.doing)};
  return nodes_that(
      state.nodes, [](const node_state& each) { return !each.silent && !each.answers; },
      "does not say its numbers", "do not say their numbers");
}

std::string fault_of(const system_state& state) {
  if (!state.broker_fault.empty())
    return "NATS does not answer, so nobody knows what waits: " + state.broker_fault;
  if (!state.cluster_fault.empty())
    return "the nodes cannot be asked: " + state.cluster_fault;
  if (state.nodes.empty())
    return "no node answers, and " + waiting_text(state);
  if (auto stands = standstill(state); !stands.empty())
    return stands;
  if (auto twins = namesakes(state); !twins.empty())
    return twins;
  if (auto silent = silent_nodes(state); !silent.empty())
    return silent;
  if (!state.silent_fault.empty()) // the daemon is not ready for that
    return state.ledger_fault.empty() ? state.silent_fault : state.ledger_fault;
  return state.daemon_fault.empty() ? state.ledger_fault : state.daemon_fault;
}

} // namespace

node_pace pace_of(const node_tally* earlier, const node_tally& now) {
  node_pace result{.decided_per_second = std::nullopt, .oldest_ms = oldest_of(now)};
  const auto after = decided_of(now);
  const auto before = earlier == nullptr ? std::nullopt : decided_of(*earlier);
  if (before && after && *after >= *before && now.counted_ms > earlier->counted_ms)
    result.decided_per_second = static_cast<double>(*after - *before) * 1000
                                / static_cast<double>(now.counted_ms - earlier->counted_ms);
  return result;
}

std::optional<double> decided_per_second(const std::vector<node_state>& nodes) {
  double sum = 0;
  bool all = true;
  bool any = false;
  for (const auto& each : nodes) {
    if (!is_known_ledger(each))
      continue;
    all = all && each.pace.decided_per_second.has_value();
    any = any || each.pace.decided_per_second.has_value();
    sum += each.pace.decided_per_second.value_or(0);
  }
  return any && (all || sum > 0) ? std::optional{sum} : std::nullopt;
}

bool stands_still(const system_state& state) {
  return state.waiting.value_or(0) > 0 && state.oldest_ms.value_or(stuck_after_ms) >= stuck_after_ms
         && decided_per_second(state.nodes).value_or(0) <= 0;
}

std::uint64_t aside_accounts_in(const nlohmann::ordered_json& document) {
  std::uint64_t sum = 0;
  if (const auto actors = document.find("actors"); actors != document.end())
    for (const auto& each : *actors)
      if (const auto values = each.find("values"); values != each.end() && values->is_object())
        if (const auto found = values->find("aside_accounts");
            found != values->end() && found->is_number_unsigned())
          sum += found->get<std::uint64_t>();
  return sum;
}

status_conclusion conclude(const system_state& state) {
  if (auto fault = fault_of(state); !fault.empty())
    return {std::move(fault), true};
  const auto pace = decided_per_second(state.nodes);
  const auto decided = pace ? rounded(*pace) + " a second are decided" : "";
  if (state.oldest_ms.value_or(0) >= late_after_ms)
    return {"requests are late: " + waiting_text(state) + (pace ? ", and " : "") + decided, false,
            pace.has_value()};
  if (auto mark = remark(state); !mark.empty())
    return {std::move(mark), false};
  return {"all is well: " + waiting_text(state) + (pace ? ", " : "") + decided, false,
          pace.has_value()};
}

std::string age_text(std::int64_t milliseconds) {
  constexpr std::int64_t second = 1000;
  struct unit {
    std::int64_t ms;
    const char* name;
  };
  static constexpr std::array<unit, 3> units{
      {{86400 * second, " d"}, {3600 * second, " h"}, {60 * second, " min"}}};
  const auto ms = std::max<std::int64_t>(milliseconds, 0);
  for (const auto& each : units)
    if (ms >= 2 * each.ms)
      return std::to_string(ms / each.ms) + each.name;
  return ms >= 10 * second
             ? std::to_string(ms / second) + " s"
             : std::to_string(ms / second) + "." + std::to_string(ms % second / 100) + " s";
}

std::string waiting_text(const system_state& state) {
  if (!state.waiting)
    return "nobody knows how many requests wait";
  if (*state.waiting == 0)
    return "no request waits";
  return requests(*state.waiting)
         + (state.oldest_ms ? ", the oldest for " + age_text(*state.oldest_ms) : "");
}

} // namespace ledgerd
