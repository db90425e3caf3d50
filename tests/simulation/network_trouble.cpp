// Links that break, servers and nodes that are gone, and what is open all the same.
#include <algorithm>
#include <set>
#include <utility>

#include "tests/simulation/network.hpp"

namespace ledgerd::sim {

time_point network::troubled(owner_id whose) const {
  if (held_.contains(whose))
    return on_.now;
  const auto found = trouble_.find(whose);
  return found == trouble_.end() ? time_point{} : found->second;
}

bool network::has_closed(owner_id whose, time_point from, time_point until) const {
  const auto found = closed_.find(whose);
  if (found == closed_.end())
    return false;
  const auto first = found->second.lower_bound(from);
  return first != found->second.end() && *first <= until;
}

void network::drop_link(connection& one) {
  std::erase_if(standing_, [&](const standing& each) { return each.of == &one; });
  one.out.clear();
  one.in.clear();
  ++one.breaks;
}

void network::cut(owner_id whose) {
  note_trouble(whose);
  for (const auto& each : connections_) {
    if (each->owner != whose || each->at != connection::state::up)
      continue;
    ++seen["connection cut"];
    if (!each->comes_back) {
      close(*each);
      continue;
    }
    drop_link(*each);
    each->at = connection::state::broken;
    each->again = on_.now + on_.random.between(milliseconds{250}, milliseconds{500});
    call(*each, [at = each.get()] {
      if (at->events.disconnected)
        at->events.disconnected();
    });
    for (auto& [sid, one] : each->interests)
      if (!one->hand_over)
        on_.signal(one.get(), true);
    on_.signal(each.get(), true);
  }
}

void network::hold(owner_id whose) {
  held_.insert(whose);
  note_trouble(whose);
}

void network::release(owner_id whose) {
  held_.erase(whose);
  note_trouble(whose);
}

void network::end(owner_id whose) {
  for (const auto& each : connections_)
    if (each->owner == whose && each->at != connection::state::closed) {
      drop_link(*each);
      each->at = connection::state::closed;
      each->calls.clear();
      each->interests.clear();
    }
  held_.erase(whose);
}

void network::server_down() {
  up_ = false;
  std::set<owner_id> all;
  for (const auto& each : connections_)
    all.insert(each->owner);
  for (const auto each : all)
    cut(each);
}

void network::come_back(connection& one) {
  if (!up_ || held_.contains(one.owner)) {
    one.again = on_.now + on_.random.between(milliseconds{250}, milliseconds{500});
    return;
  }
  one.at = connection::state::up;
  note_trouble(one.owner);
  for (auto& [sid, each] : one.interests)
    if (!each->ended && !each->draining)
      to_server(one, {.what = frame::kind::subscribe,
                      .number = sid,
                      .message = {.subject = each->subject},
                      .group = each->group});
  for (auto& each : std::exchange(one.kept, {}))
    to_server(one, {.what = frame::kind::message, .message = std::move(each)});
  one.kept_bytes = 0;
  call(one, [&one] {
    if (one.events.reconnected)
      one.events.reconnected();
  });
}

std::size_t network::connections_of(owner_id whose) const {
  return static_cast<std::size_t>(
      std::count_if(open_.begin(), open_.end(), [=](const connection* each) {
        return each->owner == whose && each->at != connection::state::closed;
      }));
}

std::size_t network::subscriptions_of(owner_id whose) const {
  std::size_t sum = 0;
  for (const auto* each : open_)
    if (each->owner == whose && each->at != connection::state::closed)
      for (const auto& [sid, one] : each->interests)
        sum += one->ended || one->draining ? 0 : 1;
  return sum;
}

} // namespace ledgerd::sim
