#include "app/operations/cluster_report.hpp"

#include <algorithm>
#include <cmath>

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

// Entries a second, over the life of the node.
double rate_of(const node_view& node) {
  return node.silent || node.word.uptime_ms == 0 ? 0
                                                 : static_cast<double>(node.tally.decided) * 1000
                                                       / static_cast<double>(node.word.uptime_ms);
}

ordered_json roles_of(const node_word& word) {
  auto roles = ordered_json::array();
  if (word.ledger)
    roles.push_back("ledger");
  if (word.account)
    roles.push_back("account");
  return roles;
}

ordered_json exchanges_json(const std::vector<node_exchange>& exchanges) {
  auto items = ordered_json::array();
  for (const auto& each : exchanges)
    items.push_back({{"node", each.node}, {"entries", each.entries}});
  return items;
}

ordered_json entries_json(const node_tally& tally) {
  if (!tally.entries)
    return nullptr;
  const auto& counts = *tally.entries;
  return {{"applied", counts.applied},
          {"refused", counts.refused},
          {"duplicate", counts.duplicate},
          {"parked", counts.parked}};
}

template <class T>
ordered_json or_null(bool known, const T& value) {
  return known ? ordered_json(value) : ordered_json{};
}

ordered_json node_json(const node_view& node, double all) {
  const bool said = !node.silent;
  const auto& tally = node.tally;
  constexpr double thousand = 1000;
  const auto share = all > 0 ? std::round(rate_of(node) / all * thousand) / thousand : 0;
  const auto oldest = oldest_of_all(tally.undecided);
  return {{"name", node.word.name},
          {"boot", to_text(node.word.boot)},
          {"version", node.word.version},
          {"roles", roles_of(node.word)},
          {"doing", to_text(node.word.doing)},
          {"silent", node.silent},
          {"uptimeMs", or_null(said, node.word.uptime_ms)},
          {"ageMs", or_null(node.age_ms.has_value(), node.age_ms.value_or(0))},
          {"linkUp", or_null(node.link_up.has_value(), node.link_up.value_or(false))},
          {"shards", or_null(said, tally.shards)},
          {"shareOfWork", or_null(said, share)},
          {"decided", or_null(said, tally.decided)},
          {"entries", entries_json(tally)},
          {"oldestUndecidedMs", or_null(oldest.has_value(), oldest.value_or(0))},
          {"forwardedTo", exchanges_json(tally.forwarded)},
          {"receivedFrom", exchanges_json(node.received)},
          {"returned", or_null(said, tally.returned)},
          {"fenceRejections", or_null(said, tally.fence_rejections)},
          {"handOvers", or_null(said, tally.hand_overs)},
          {"framesDropped", or_null(said, tally.frames_dropped)}};
}

} // namespace

ordered_json cluster_json(const std::vector<node_view>& nodes) {
  const auto silent =
      std::count_if(nodes.begin(), nodes.end(), [](const auto& n) { return n.silent; });
  double all = 0;
  for (const auto& node : nodes)
    all += rate_of(node);
  auto items = ordered_json::array();
  for (const auto& node : nodes)
    items.push_back(node_json(node, all));
  return {{"known", nodes.size()},
          {"answered", nodes.size() - static_cast<std::size_t>(silent)},
          {"silent", silent},
          {"nodes", std::move(items)}};
}

std::optional<std::uint64_t> oldest_of_all(std::span<const consumer_age> consumers) {
  std::uint64_t oldest = 0;
  for (const auto& each : consumers) {
    if (!each.oldest_ms)
      return std::nullopt;
    oldest = std::max(oldest, *each.oldest_ms);
  }
  return consumers.empty() ? std::nullopt : std::optional{oldest};
}

std::string rough_time(std::uint64_t milliseconds) {
  const auto seconds = milliseconds / 1000;
  return seconds < 120      ? std::to_string(seconds) + "s"
         : seconds < 7200   ? std::to_string(seconds / 60) + "m"
         : seconds < 172800 ? std::to_string(seconds / 3600) + "h"
                            : std::to_string(seconds / 86400) + "d";
}

std::string describe_namesake(const cluster_answer& other) {
  const auto& word = other.word;
  return "another node has the name " + word.name + " and is " + std::string{to_text(word.doing)}
         + ": boot id " + to_text(word.boot) + ", version " + word.version + ", up for "
         + rough_time(word.uptime_ms) + "; each node needs a --node-name of its own";
}

std::string describe_stranger(const cluster_answer& other, std::uint64_t database) {
  const auto& word = other.word;
  return "the node " + word.name + " serves another ledger (database "
         + to_text(boot_id{word.database}) + ", this node's is " + to_text(boot_id{database})
         + ") and is " + std::string{to_text(word.doing)} + ": boot id " + to_text(word.boot)
         + "; a cluster has one ledger, see --database-url and --nats-url";
}

} // namespace ledgerd
