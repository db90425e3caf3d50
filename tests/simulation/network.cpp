#include "tests/simulation/network.hpp"

#include <algorithm>
#include <utility>

#include "domain/assert.hpp"

namespace ledgerd::sim {

namespace {

constexpr std::size_t kept_bytes_max = 1 << 20; // as the library is told

bool is_own(std::string_view subject) {
  return subject.starts_with("$");
}

} // namespace

bool falls_under(std::string_view pattern, std::string_view subject) {
  // Most differ before the first wildcard, which begins a token.
  const auto same = std::mismatch(pattern.begin(), pattern.end(), subject.begin(), subject.end());
  const auto length = static_cast<std::size_t>(same.first - pattern.begin());
  if (length == pattern.size() || (pattern[length] != '*' && pattern[length] != '>'))
    return length == pattern.size() && length == subject.size();
  pattern.remove_prefix(length);
  subject.remove_prefix(length);
  for (;;) {
    const auto wanted = pattern.substr(0, pattern.find('.'));
    if (wanted == ">")
      return !subject.empty();
    const auto token = subject.substr(0, subject.find('.'));
    if (token.empty() || (wanted != "*" && wanted != token))
      return false;
    const bool last_wanted = wanted.size() == pattern.size();
    const bool last = token.size() == subject.size();
    if (last_wanted || last)
      return last_wanted && last;
    pattern.remove_prefix(wanted.size() + 1);
    subject.remove_prefix(token.size() + 1);
  }
}

network*& network::present() {
  static network* one = nullptr;
  return one;
}

std::string_view packet::value_of(std::string_view name) const {
  for (const auto& each : headers)
    if (each.name == name)
      return each.value;
  return {};
}

nanoseconds network::latency() {
  return on_.random.one_in(20) ? on_.random.between(milliseconds{1}, milliseconds{20})
                               : on_.random.between(microseconds{20}, microseconds{800});
}

// -- the client's side

connection* network::connect(owner_id owner, bool comes_back, client_events events) {
  if (!up_ || held_.contains(owner))
    return nullptr;
  auto& one = *connections_.emplace_back(std::make_unique<connection>());
  one.owner = owner;
  one.comes_back = comes_back;
  one.events = std::move(events);
  open_.push_back(&one);
  on_open(owner);
  return &one;
}

void network::close(connection& one) {
  if (one.at == connection::state::closed)
    return;
  drop_link(one);
  one.at = connection::state::closed;
  closed_[one.owner].insert(on_.now);
  for (auto& [sid, each] : one.interests)
    on_.signal(each.get(), true);
  on_.signal(&one, true);
  call(one, [&one] {
    for (auto& [sid, each] : one.interests)
      finish(*each);
    if (one.events.closed)
      one.events.closed();
  });
}

// On the library's own thread, which a closed connection has again for it.
void network::call(connection& at, std::function<void()> what) {
  at.calls.push_back(std::move(what));
  if (at.at == connection::state::closed
      && std::find(open_.begin(), open_.end(), &at) == open_.end())
    open_.push_back(&at);
}

interest* network::subscribe(connection& at, std::string subject, std::string group,
                             std::function<void(packet&&)> hand_over) {
  if (at.at == connection::state::closed)
    return nullptr;
  auto& one = *(at.interests[++at.last_sid] = std::make_unique<interest>());
  one.sid = at.last_sid;
  one.subject = std::move(subject);
  one.group = std::move(group);
  one.hand_over = std::move(hand_over);
  on_open(at.owner);
  if (at.at == connection::state::up)
    to_server(at, {.what = frame::kind::subscribe,
                   .number = one.sid,
                   .message = {.subject = one.subject},
                   .group = one.group});
  return &one;
}

void network::unsubscribe(connection& at, interest& one, bool drain) {
  if (one.ended)
    return;
  if (at.at == connection::state::up && !one.draining)
    to_server(at, {.what = frame::kind::unsubscribe, .number = one.sid});
  if (drain) {
    one.draining = true;
    return;
  }
  one.ended = true;
  call(at, [&one] { finish(one); });
  on_.signal(&one, true);
}

void network::forget(connection& at, interest& one) {
  if (at.at == connection::state::up)
    to_server(at, {.what = frame::kind::unsubscribe, .number = one.sid});
  at.interests.erase(one.sid);
}

void network::finish(interest& one) {
  one.arrived.clear();
  if (!std::exchange(one.told, true) && one.completed)
    one.completed();
}

bool network::publish(connection& by, packet one) {
  if (by.at == connection::state::closed)
    return false;
  if (by.at == connection::state::up) {
    to_server(by, {.what = frame::kind::message, .message = std::move(one)});
    return true;
  }
  const auto bytes = one.payload.size() + one.subject.size() + one.reply.size();
  if (by.kept_bytes + bytes > kept_bytes_max)
    return false;
  by.kept_bytes += bytes;
  by.kept.push_back(std::move(one));
  return true;
}

std::uint64_t network::ping(connection& by) {
  if (by.at == connection::state::up)
    to_server(by, {.what = frame::kind::ping, .number = ++by.last_ping});
  return by.last_ping;
}

void network::to_server(connection& from, frame one) {
  one.due = on_.now + latency();
  if (!from.out.empty())
    one.due = std::max(one.due, from.out.back().due);
  from.out.push_back(std::move(one));
  on_waiting(from.owner, from.out.size());
}

void network::send(connection& to, frame one) {
  one.due = on_.now + latency();
  if (!to.in.empty())
    one.due = std::max(one.due, to.in.back().due);
  to.in.push_back(std::move(one));
  on_waiting(to.owner, to.in.size());
}

// -- the server's side

void network::listen(std::string subject, std::function<void(const packet&)> hear) {
  standing_.push_back({nullptr, 0, std::move(subject), {}, std::move(hear)});
}

bool network::listens(const std::string& subject) const {
  return std::any_of(standing_.begin(), standing_.end(),
                     [&](const standing& each) { return falls_under(each.subject, subject); });
}

owner_id network::listener(const std::string& subject) const {
  for (const auto& each : standing_)
    if (each.of != nullptr && falls_under(each.subject, subject))
      return each.of->owner;
  return nobody;
}

bool network::deliver(const std::string& to, packet one) {
  for (auto& each : standing_)
    if (falls_under(each.subject, to)) {
      if (one.subject.empty())
        one.subject = to;
      if (each.of == nullptr)
        each.hear(one);
      else
        send(*each.of,
             {.what = frame::kind::message, .number = each.sid, .message = std::move(one)});
      return true;
    }
  return false;
}

bool network::route(const packet& one, owner_id from) {
  std::map<std::string, std::vector<standing*>> groups;
  std::vector<standing*> chosen;
  bool swallowed = false;
  for (auto& each : standing_)
    if (falls_under(each.subject, one.subject)) {
      const auto to = each.of == nullptr ? nobody : each.of->owner;
      if (const auto gap = parted_.find({from, to}); gap != parted_.end()) {
        ++seen["message between parted nodes"];
        swallowed = swallowed || !gap->second;
        continue;
      }
      if (each.group.empty())
        chosen.push_back(&each);
      else
        groups[each.group].push_back(&each);
    }
  for (auto& [name, members] : groups)
    chosen.push_back(members[on_.random.below(members.size())]);
  for (auto* each : chosen) {
    if (each->of == nullptr)
      each->hear(one);
    else
      send(*each->of, {.what = frame::kind::message, .number = each->sid, .message = one});
  }
  return !chosen.empty() || swallowed;
}

void network::publish_from_outside(packet one) {
  if (up_)
    published(nullptr, std::move(one));
}

// JetStream's own loses nothing here: what it does to acknowledgements it does itself.
void network::published(connection* by, packet one) {
  if (takes && takes(by, one))
    return;
  if (by != nullptr && !is_own(one.subject)) {
    if (on_.random.percent(faults.lose_message)) {
      ++seen["message lost"];
      note_trouble(by->owner);
      return;
    }
    if (on_.random.percent(faults.double_message)) {
      ++seen["message twice"];
      delayed_.emplace(on_.now + on_.random.between(nanoseconds{0}, milliseconds{500}),
                       delayed{one, by->owner});
    }
    if (on_.random.percent(faults.late_message)) {
      ++seen["message late"];
      delayed_.emplace(on_.now + on_.random.between(nanoseconds{0}, milliseconds{5000}),
                       delayed{std::move(one), by->owner});
      return;
    }
  }
  if (!route(one, by == nullptr ? nobody : by->owner) && !one.reply.empty()) {
    ++seen["nobody answers"];
    route({.subject = one.reply, .headers = {{"Status", "503"}}});
  }
}

void network::serve(connection& at) {
  while (!at.out.empty() && at.out.front().due <= on_.now) {
    auto one = std::move(at.out.front());
    at.out.pop_front();
    switch (one.what) {
    case frame::kind::message:
      published(&at, std::move(one.message));
      break;
    case frame::kind::subscribe:
      standing_.push_back({&at, one.number, one.message.subject, one.group, nullptr});
      break;
    case frame::kind::unsubscribe:
      std::erase_if(standing_,
                    [&](const standing& each) { return each.of == &at && each.sid == one.number; });
      break;
    case frame::kind::ping:
      send(at, {.what = frame::kind::pong, .number = one.number});
      break;
    case frame::kind::pong:
      break;
    }
  }
}

void network::arrive(connection& at) {
  while (!at.in.empty() && at.in.front().due <= on_.now) {
    auto one = std::move(at.in.front());
    at.in.pop_front();
    if (one.what == frame::kind::pong) {
      at.last_pong = std::max(at.last_pong, one.number);
      on_.signal(&at, true);
      continue;
    }
    const auto found = at.interests.find(one.number);
    if (found == at.interests.end() || found->second->ended)
      continue;
    auto& to = *found->second;
    to.arrived.push_back(std::move(one.message));
    at.may_hand_over = true;
    on_waiting(at.owner, to.arrived.size());
    if (!to.hand_over)
      on_.signal(&to, false);
  }
}

// -- steps

void network::ready(std::vector<step>& into) {
  std::erase_if(open_, [](const connection* each) {
    return each->at == connection::state::closed && each->calls.empty();
  });
  for (auto* each : open_) {
    const bool may = on_.may_run(each->owner);
    if (!each->calls.empty() && may)
      into.push_back({each, step::kind::call, nullptr});
    if (each->at == connection::state::closed)
      continue;
    if (!held_.contains(each->owner)) {
      if (!each->out.empty() && each->out.front().due <= on_.now)
        into.push_back({each, step::kind::to_server, nullptr});
      if (!each->in.empty() && each->in.front().due <= on_.now && may)
        into.push_back({each, step::kind::to_client, nullptr});
    }
    if (may && each->may_hand_over)
      find_hand_overs(*each, into);
  }
}

void network::find_hand_overs(connection& at, std::vector<step>& into) {
  const auto before = into.size();
  for (const auto& [sid, one] : at.interests)
    if (one->hand_over && !one->ended && !one->arrived.empty())
      into.push_back({&at, step::kind::hand_over, one.get()});
  at.may_hand_over = into.size() > before;
}

void network::take(const step& one) {
  auto& at = *one.at;
  const auto before = std::exchange(on_.running, at.owner);
  switch (one.what) {
  case step::kind::to_server:
    on_.running = nobody;
    serve(at);
    break;
  case step::kind::to_client:
    arrive(at);
    break;
  case step::kind::call: {
    const auto call = std::move(at.calls.front());
    at.calls.pop_front();
    call();
    break;
  }
  case step::kind::hand_over:
    for (auto left = 1 + on_.random.below(16); left > 0 && !one.whose->arrived.empty(); --left) {
      auto next = std::move(one.whose->arrived.front());
      one.whose->arrived.pop_front();
      one.whose->hand_over(std::move(next));
    }
    break;
  }
  on_.running = before;
}

// What is due already is ready, or its owner is stopped.
time_point network::next_due() const {
  auto next = delayed_.empty() ? time_point::max() : delayed_.begin()->first;
  const auto consider = [&](time_point due) {
    if (due > on_.now)
      next = std::min(next, due);
  };
  for (const auto* each : open_) {
    if (each->at == connection::state::broken)
      consider(each->again);
    if (each->at != connection::state::up || held_.contains(each->owner))
      continue;
    if (!each->out.empty())
      consider(each->out.front().due);
    if (!each->in.empty())
      consider(each->in.front().due);
  }
  return next;
}

void network::pass() {
  for (auto* each : open_)
    if (each->at == connection::state::broken && each->again <= on_.now)
      come_back(*each);
  while (!delayed_.empty() && delayed_.begin()->first <= on_.now) {
    const auto one = std::move(delayed_.extract(delayed_.begin()).mapped());
    if (up_)
      route(one.what, one.from);
  }
}

} // namespace ledgerd::sim
