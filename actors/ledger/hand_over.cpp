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
  const auto before = waiting_;
  wait last; // most shards wait for the same node, since the same moment
  bool last_is_over = false;
  if (waiting_ > 0)
    for (auto& each : waits_) {
      if (each.from == boot_id{})
        continue;
      if (each.from != last.from || each.until != last.until) {
        last = each;
        last_is_over = is_over(each, seen, now);
      }
      if (last_is_over) {
        each = {};
        --waiting_;
      }
    }
  return waiting_ != before;
}

// Without owners a node decides what comes to it.
bool hand_over::decides(const ownership& by, std::size_t shard) const {
  return by.owners().empty() || by.owners()[by.place_of(shard)].boot == self_.boot;
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
  for (std::size_t shard = 0; shard < shard_count; ++shard) {
    if (!decides(owned_, shard))
      waits_[shard] = {};
    else if (!decides(before, shard))
      waits_[shard] = {*before.owner_of(shard), now + patience_};
  }
  waiting_ = static_cast<std::size_t>(std::count_if(
      waits_.begin(), waits_.end(), [](const wait& each) { return each.from != boot_id{}; }));
  return true;
}

bool hand_over::is_over(const wait& one, const view& seen, time_point now) const {
  const auto* from = find(seen, one.from);
  return now >= one.until || from == nullptr || !from->reached || !from->lets_go
         || from->released == digest();
}

hand_over::road hand_over::find_road(std::size_t shard) const {
  if (owned_.owners().empty() && starting_until_)
    return waits;
  if (decides(owned_, shard))
    return waits_[shard].from == boot_id{} ? here : waits;
  return static_cast<road>(first_owner + owned_.place_of(shard));
}

bool hand_over::lay_roads() {
  const auto before = roads_;
  for (std::size_t shard = 0; shard < shard_count; ++shard)
    roads_[shard] = find_road(shard);
  all_here_ = std::all_of(roads_.begin(), roads_.end(), [](road each) { return each == here; });
  return roads_ != before;
}

std::size_t hand_over::shards() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(roads_.begin(), roads_.end(), [](road each) { return each < first_owner; }));
}

std::optional<hand_over::time_point> hand_over::next_due() const {
  auto result = starting_until_;
  if (waiting_ > 0)
    for (const auto& each : waits_)
      if (each.from != boot_id{} && (!result || each.until < *result))
        result = each.until;
  return result;
}

} // namespace ledgerd
