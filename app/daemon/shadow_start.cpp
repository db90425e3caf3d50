#include "app/daemon/shadow_start.hpp"

#include <algorithm>

#include "messaging/shadow_topology.hpp"

namespace ledgerd {

namespace {

// `nats consumer rm` for each that is there.
std::string removal_of(std::span<const consumer_state> found) {
  std::string result;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (found[i].exists)
      result.append(result.empty() ? "" : " and ")
          .append("`nats consumer rm ")
          .append(shadow_consumers.at(i).stream)
          .append(" ")
          .append(shadow_consumers.at(i).name)
          .append("`");
  return result;
}

} // namespace

left_consumers judge_left_consumers(std::span<const consumer_state> found, const shadow_past& past,
                                    std::uint64_t shadow_from) {
  // One that has parked all it got has no row either, but its consumers are younger than its mark.
  const bool fresh = !past.decided && past.since_ns != 0;
  const bool left = std::any_of(found.begin(), found.end(), [&](const consumer_state& each) {
    return each.exists && each.delivered > 0 && each.created_at_ns < past.since_ns;
  });
  left_consumers result;
  if (fresh && left)
    result.refusal =
        "the database is new, and another shadow has made the consumers, which stand where it has "
        "come to: stop it if it still runs, delete them with "
        + removal_of(found) + ", and this one makes its own";
  else if (shadow_from > 1
           && std::any_of(found.begin(), found.end(), [](const auto& each) { return each.exists; }))
    result.warning = "--shadow-from " + std::to_string(shadow_from)
                     + " does not count: the shadow's consumers exist, and it goes on where they "
                       "stand; to begin anew, take a new database and delete them with "
                     + removal_of(found);
  return result;
}

} // namespace ledgerd
