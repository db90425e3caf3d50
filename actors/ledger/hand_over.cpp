#include "actors/ledger/hand_over.hpp"

#include <algorithm>
#include <utility>

namespace ledgerd {

namespace {

const hand_over::neighbour* find(const hand_over::view& seen, boot_id node) {
  const auto found = std::find_if(seen.others.begin(), seen.others.end(),
                                  [&](const auto& each) { return each.who.boot == node; });
  return found == seen.others.end() ? nullptr : &*found;
}

} // namespace

hand_over::hand_over(owner self, std::chrono::milliseconds patience, time_point now)
    : self_(std::move(self)), patience_(patience), starting_until_(now + patience) {
  lay_roads();
}

hand_over::change hand_over::look(const view& seen, time_point now) {
  change result;
  const bool begun =
      starting_until_ && (seen.doing != node_doing::starting || now >= *starting_until_);
  if (begun)
    starting_until_.reset();
  result.owners = replace_owners(seen, now);
  const bool ended = end_waits(seen, now);
  result.roads = (begun || result.owners || ended) && lay_roads();
  return result;
}

bool hand_over::end_waits(const view& seen, time_point now) {
  std::vector<wait> going_on;
  std::vector<wait_number> renumbered{0};
  for (const auto& each : waits_) {
    const bool over = is_over(each, seen, now);
    if (!over)
      going_on.push_back(each);
    renumbered.push_back(over ? wait_number{0} : static_cast<wait_number>(going_on.size()));
  }
  if (going_on.size() == waits_.size())
    return false;
  waits_ = std::move(going_on);
  for (auto& each : waits_for_)
    each = renumbered[each];
  return true;
}

// Where this node stands among the owners, or nowhere.
std::size_t hand_over::own_place(const ownership& by) const {
  const auto& owners = by.owners();
  const auto found = std::find_if(owners.begin(), owners.end(),
                                  [&](const owner& each) { return each.boot == self_.boot; });
  return static_cast<std::size_t>(found - owners.begin());
}

bool hand_over::replace_owners(const view& seen, time_point now) {
  std::vector<owner> owners;
  if (seen.doing == node_doing::serving)
    owners.push_back(self_);
  for (const auto& each : seen.others)
    if (each.serves && each.reached)
      owners.push_back(each.who);
  std::sort(owners.begin(), owners.end());
  if (owners == owned_.owners())
    return false;
  const auto before = std::exchange(owned_, ownership{std::move(owners)});
  // Without owners a node decides what comes to it.
  const bool all_before = before.owners().empty(), all_now = owned_.owners().empty();
  const auto place_before = own_place(before), place_now = own_place(owned_);
  std::vector<wait_number> made(before.owners().size(), 0); // for each of them
  for (std::size_t shard = 0; shard < shard_count; ++shard) {
    const auto from = before.place_of(shard);
    if (!all_now && owned_.place_of(shard) != place_now) {
      waits_for_[shard] = 0;
    } else if (!all_before && from != place_before) {
      if (made[from] == 0) {
        waits_.push_back({before.owners()[from].boot, now + patience_});
        made[from] = static_cast<wait_number>(waits_.size());
      }
      waits_for_[shard] = made[from];
    }
  }
  return true;
}

bool hand_over::is_over(const wait& one, const view& seen, time_point now) const {
  const auto* from = find(seen, one.from);
  return now >= one.until || from == nullptr || !from->reached || !from->lets_go
         || from->released == digest();
}

bool hand_over::lay_roads() {
  const auto before = roads_;
  if (owned_.owners().empty() && starting_until_)
    roads_.fill(waits);
  else {
    const auto place = owned_.owners().empty() ? 0 : own_place(owned_);
    for (std::size_t shard = 0; shard < shard_count; ++shard) {
      const auto of = owned_.place_of(shard);
      roads_[shard] = of != place              ? static_cast<road>(first_owner + of)
                      : waits_for_[shard] == 0 ? here
                                               : waits;
    }
  }
  all_here_ = std::all_of(roads_.begin(), roads_.end(), [](road each) { return each == here; });
  shards_ = static_cast<std::size_t>(
      std::count_if(roads_.begin(), roads_.end(), [](road each) { return each < first_owner; }));
  return roads_ != before;
}

std::optional<hand_over::time_point> hand_over::next_due() const {
  auto result = starting_until_;
  for (const auto& each : waits_)
    if (!result || each.until < *result)
      result = each.until;
  return result;
}

} // namespace ledgerd
