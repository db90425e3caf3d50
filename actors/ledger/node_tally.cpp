#include "actors/ledger/node_tally.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "actors/ledger/fetcher.hpp"
#include "actors/ledger/gate.hpp"
#include "actors/ledger/peer.hpp"
#include "actors/ledger/receiver.hpp"
#include "actors/ledger/region.hpp"

namespace ledgerd {

namespace {

// Nothing: it is not there, or not known.
std::optional<std::uint64_t> known_value(const actor_report& report, std::string_view name) {
  for (const auto& [what, value] : report.values)
    if (what->name == name && value != not_known)
      return static_cast<std::uint64_t>(value);
  return std::nullopt;
}

std::uint64_t value_of(const actor_report& report, std::string_view name) {
  return known_value(report, name).value_or(0);
}

// Of all fetchers together: what one of them does not say is missing in the sum.
std::optional<entry_counts> entries_of(const std::vector<actor_report>& reports) {
  std::optional<entry_counts> sum;
  for (const auto& one : reports) {
    if (one.actor != fetcher_state::name)
      continue;
    if (!one.answered)
      return std::nullopt;
    auto& counts = sum ? *sum : sum.emplace();
    counts.applied += value_of(one, "applied_total");
    counts.refused += value_of(one, "refused_total");
    counts.duplicate += value_of(one, "duplicate_total");
    counts.parked += value_of(one, "parked_total");
  }
  return sum;
}

// Of a consumer's fetchers the oldest that one of them knows, as in /metrics; not known while one
// does not answer.
std::vector<consumer_age> undecided_of(const std::vector<actor_report>& reports) {
  std::map<std::string, std::optional<std::uint64_t>> oldest;
  for (const auto& one : reports)
    if (one.actor == fetcher_state::name && !one.instance.empty()) {
      auto& age = oldest[one.instance.substr(0, one.instance.find('/'))];
      age = std::max(age, known_value(one, "oldest_undecided_ms"));
    }
  for (const auto& one : reports)
    if (one.actor == fetcher_state::name && !one.answered)
      oldest[one.instance.substr(0, one.instance.find('/'))].reset();
  std::vector<consumer_age> result;
  for (const auto& [consumer, age] : oldest)
    result.push_back({consumer, age});
  return result;
}

} // namespace

node_tally tally_of(const std::vector<actor_report>& reports) {
  node_tally sum;
  sum.entries = entries_of(reports);
  sum.undecided = undecided_of(reports);
  for (const auto& one : reports) {
    if (one.actor == region_state::name) {
      sum.shards += value_of(one, "shards");
      sum.hand_overs += value_of(one, "hand_overs_total");
      // An entry that comes back is counted each time, and so is each time it is forwarded.
      sum.decided += value_of(one, "entries_total") - value_of(one, "forwarded_total");
    } else if (one.actor == gate_state::name) {
      sum.fence_rejections += value_of(one, "fence_rejections_total");
    } else if (one.actor == receiver_state::name) {
      sum.returned += value_of(one, "returned_total");
      for (const auto* name :
           {"frames_damaged_total", "frames_version_total", "frames_stranger_total",
            "frames_overflow_total", "frames_foreign_total"})
        sum.frames_dropped += value_of(one, name);
    } else if (one.actor == peer_state::name) {
      sum.forwarded.push_back({one.instance, value_of(one, "forwarded_total")});
    }
  }
  return sum;
}

} // namespace ledgerd
