#include "tests/simulation/troubles.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "messaging/names.hpp"

namespace ledgerd::sim {

void troubles::count(const std::string& what) {
  ++of_.result_.seen[what];
  of_.note(what);
}

nanoseconds troubles::some(milliseconds most) {
  return of_.machine_.random.between(milliseconds{20}, most);
}

// Unless everything has been made whole meanwhile.
void troubles::later(nanoseconds after, std::function<void()> what) {
  of_.machine_.start(nobody, [after, what = std::move(what), of = &of_] {
    of->machine_.sleep(after);
    if (!of->healed_)
      what();
  });
}

// Some seeds have fair weather: then what is left has nothing to hide behind.
void troubles::set_weather() {
  auto& dice = of_.machine_.random;
  const auto chance = [&](int most) {
    return dice.one_in(2) ? 0 : static_cast<int>(dice.below(static_cast<std::size_t>(most) + 1));
  };
  of_.network_.faults = {chance(20), chance(20), chance(10), chance(20),
                         chance(20), chance(10), chance(10), chance(10)};
  of_.database_.faults = {chance(10), chance(5), chance(4), chance(2), chance(20)};
}

void troubles::begin() {
  auto& dice = of_.machine_.random;
  auto& one = of_.nodes_[dice.below(of_.nodes_.size())];
  switch (dice.below(11)) {
  case 0:
  case 8:
    return befall_server();
  case 10:
    return dice.one_in(3) ? leave_consumer_unled() : delete_consumer();
  case 9:
    return dice.one_in(2) ? limit_stream() : part_nodes();
  case 1:
  case 2:
    if (one.now != nullptr)
      befall_link(*one.now);
    return;
  case 3:
  case 4:
    if (one.now != nullptr)
      befall_database(*one.now);
    return;
  default:
    return befall_node(one);
  }
}

void troubles::befall_node(world::node& one) {
  auto& dice = of_.machine_.random;
  auto* who = one.now;
  if (who == nullptr)
    return;
  const auto again = [this, which = static_cast<std::size_t>(&one - of_.nodes_.data())] {
    auto& now = of_.nodes_[which];
    if (now.now == nullptr)
      of_.start(now);
  };
  switch (dice.below(4)) {
  case 0:
    count("node killed");
    of_.kill(one);
    return later(some(milliseconds{5000}), again);
  case 1:
    if (who->leaving)
      return;
    count("node drained");
    of_.leave(one, milliseconds{1000});
    return later(some(milliseconds{8000}), again);
  case 2: {
    if (who->stopped)
      return;
    count("node stopped");
    of_.freeze(*who, true);
    const auto time = some(milliseconds{9000});
    if (time > std::chrono::seconds{5}) // a session that is idle in a transaction is ended
      later(std::chrono::seconds{5}, [this, id = who->id] { of_.database_.end(id); });
    return later(time, [this, who] {
      if (!who->dead)
        of_.freeze(*who, false);
    });
  }
  default:
    count("wall clock set");
    const std::chrono::seconds steps[] = {std::chrono::seconds{3600}, std::chrono::seconds{-3600},
                                          std::chrono::seconds{40}, std::chrono::seconds{-40}};
    of_.machine_.wall_skew[who->id] += steps[dice.below(4)];
    who->steady = false;
    of_.network_.note_trouble(who->id);
    return;
  }
}

void troubles::befall_server() {
  auto& dice = of_.machine_.random;
  if (!of_.network_.is_up())
    return;
  for (const auto& each : of_.lives_)
    of_.network_.note_trouble(each->id);
  switch (dice.below(5)) {
  case 0:
    count("nats-server killed");
    of_.network_.server_down();
    return later(some(milliseconds{3000}), [this] {
      of_.jetstream_.restart();
      of_.network_.server_up();
    });
  case 1:
    count("leader changed");
    return of_.jetstream_.change_leader(dice.one_in(2));
  case 2: {
    if (of_.jetstream_.streams.empty())
      return;
    auto found = of_.jetstream_.streams.begin();
    std::advance(found, static_cast<std::ptrdiff_t>(dice.below(of_.jetstream_.streams.size())));
    if (found->first == "TRANSACTION_EXHAUSTED")
      return; // announcements are published once
    count("stream full");
    found->second->full = true;
    return later(some(milliseconds{4000}), [this, name = found->first] {
      if (auto* one = of_.jetstream_.find(name))
        one->full = false;
    });
  }
  case 3: {
    count("server's wall clock set");
    const std::chrono::seconds steps[] = {std::chrono::seconds{3600}, std::chrono::seconds{-3600},
                                          std::chrono::seconds{40}, std::chrono::seconds{-40}};
    of_.machine_.wall_skew[nobody] += steps[dice.below(4)];
    return;
  }
  default:
    count("other weather");
    return set_weather();
  }
}

// Two nodes of which one does not hear the other, or neither does; both reach JetStream.
void troubles::part_nodes() {
  auto& dice = of_.machine_.random;
  auto* one = of_.nodes_[dice.below(of_.nodes_.size())].now;
  auto* other = of_.nodes_[dice.below(of_.nodes_.size())].now;
  if (one == nullptr || other == nullptr || one == other)
    return;
  const bool told = dice.one_in(2);
  const bool both = dice.one_in(2);
  count(both ? "nodes parted" : "nodes parted one way");
  auto& network = of_.network_;
  network.part(one->id, other->id, told);
  if (both)
    network.part(other->id, one->id, told);
  later(some(milliseconds{9000}), [&network, one = one->id, other = other->id] {
    network.join(one, other);
    network.join(other, one);
  });
}

// Somebody gives a stream less room than it needs. Requests are refused by then, as the program
// would have it; of what has been published the oldest may be deleted.
void troubles::limit_stream() {
  auto& dice = of_.machine_.random;
  const std::string_view names[] = {names::request_stream, names::result_stream,
                                    names::dead_letter_stream};
  auto* of = of_.jetstream_.find(names[dice.below(3)]);
  if (of == nullptr)
    return;
  const bool requests = of->name == names::request_stream;
  switch (dice.below(3)) {
  case 0:
    count("stream limited in messages");
    of->discards_new = requests || dice.one_in(2);
    of->messages_max = of->discards_new ? of->messages.size() + dice.below(20) : 1 + dice.below(30);
    break;
  case 1:
    count("stream limited in bytes");
    of->discards_new = requests || dice.one_in(2);
    of->bytes_max = of->discards_new ? of->bytes + dice.below(4000) : 1000 + dice.below(8000);
    break;
  default:
    // What is older than the clock of the server was set ahead by expires at once.
    count("stream limited in age");
    of->age_max = std::chrono::minutes{61};
    if (dice.one_in(2)) {
      count("server's wall clock set");
      of_.machine_.wall_skew[nobody] += std::chrono::hours{2};
    }
    break;
  }
  of->tell_limits();
  of_.jetstream_.trim(*of);
  later(some(milliseconds{6000}), [this, name = of->name] {
    auto* one = of_.jetstream_.find(name);
    if (one == nullptr || !one->discards_new)
      return;
    one->messages_max = one->bytes_max = 0;
    one->tell_limits();
  });
}

void troubles::leave_unled(const std::string& stream_name, const std::string& name,
                           nanoseconds time) {
  const auto note_trouble = [this] {
    for (const auto& each : of_.lives_)
      of_.network_.note_trouble(each->id);
  };
  auto* which = of_.jetstream_.find(stream_name, name);
  if (which == nullptr || !which->settles || !which->led)
    return;
  count("consumer without a leader");
  note_trouble();
  of_.jetstream_.leave_unled(*which);
  later(time, [this, stream_name, name, note_trouble] {
    note_trouble();
    if (auto* found = of_.jetstream_.find(stream_name, name))
      found->led = true;
  });
}

void troubles::leave_consumer_unled() {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [name, of] : of_.jetstream_.streams)
    for (const auto& [consumer_name, each] : of->consumers)
      all.emplace_back(name, consumer_name);
  if (all.empty() || !of_.network_.is_up())
    return;
  const auto& [stream_name, name] = all[of_.machine_.random.below(all.size())];
  leave_unled(stream_name, name, some(milliseconds{9000}));
}

void troubles::silence_one_consumer(time_point end) {
  auto& machine = of_.machine_;
  const auto has_begun = [this] {
    return std::any_of(of_.lives_.begin(), of_.lives_.end(),
                       [](const auto& each) { return each->running && each->ledger; });
  };
  while (!has_begun() && machine.now < end)
    machine.sleep(milliseconds{100});
  machine.sleep(milliseconds{1000});
  std::string silent = "deposit-consumer";
  std::string other = "withdrawal-consumer";
  if (machine.random.one_in(2))
    std::swap(silent, other);
  const bool one_begins_anew = machine.random.one_in(2);
  if (one_begins_anew)
    end = std::max(end, machine.now + milliseconds{20000});
  const std::string stream_name{names::request_stream};
  leave_unled(stream_name, silent, end - machine.now);
  const auto* silenced = of_.jetstream_.find(stream_name, silent);
  if (silenced == nullptr || silenced->led)
    return of_.fail("there is no " + silent + " to be silenced");
  if (one_begins_anew)
    begin_anew_beside(silent);
  watch_other_consumer(silent, other, end);
}

// Its start asks twice about the silent one, and waits 6.5 s each time.
void troubles::begin_anew_beside(const std::string& silent) {
  auto& machine = of_.machine_;
  machine.sleep(milliseconds{1000});
  auto& one = of_.nodes_[machine.random.below(of_.nodes_.size())];
  if (one.now == nullptr || !one.now->has_ledger)
    return;
  count("node begins while a consumer is silent");
  of_.kill(one);
  of_.start(one);
  const auto until = machine.now + milliseconds{15000};
  while (!one.now->running && machine.now < until)
    machine.sleep(milliseconds{100});
  if (!one.now->running)
    of_.fail("a node does not begin although only " + silent + " has no leader");
}

void troubles::watch_other_consumer(const std::string& silent, const std::string& other,
                                    time_point end) {
  auto& machine = of_.machine_;
  const std::string stream_name{names::request_stream};
  auto served_at = machine.now;
  std::uint64_t served = 0;
  for (; machine.now < end; machine.sleep(milliseconds{100})) {
    const auto* at = of_.jetstream_.find(stream_name, other);
    if (at == nullptr || at->waiting == 0
        || std::exchange(served, at->delivered_stream) != at->delivered_stream)
      served_at = machine.now;
    if (machine.now - served_at < milliseconds{3000})
      continue;
    of_.fail("requests of " + other + " wait although only " + silent + " has no leader");
    return;
  }
}

// An operator's mistake: who holds messages of it does not know which, and all come again from the
// one that the nodes make in its place.
void troubles::delete_consumer() {
  std::vector<std::pair<stream*, consumer*>> all;
  for (const auto& [name, of] : of_.jetstream_.streams)
    for (const auto& [consumer_name, each] : of->consumers)
      if (each->settles)
        all.emplace_back(of.get(), each.get());
  if (all.empty() || !of_.network_.is_up())
    return;
  const auto [of, which] = all[of_.machine_.random.below(all.size())];
  count("consumer deleted");
  if (!which->pending.empty())
    count("consumer deleted while messages are held");
  of_.jetstream_.remove(*of, std::string{which->name});
}

void troubles::befall_database(life& at) {
  auto& dice = of_.machine_.random;
  auto& database = of_.database_;
  switch (dice.below(8)) {
  case 6:
  case 7:
    return terminate_sessions(at.id);
  case 0:
    count("database restarted");
    database.go_down();
    return later(some(milliseconds{4000}), [&database] { database.come_up(); });
  case 1:
    count("database read-only");
    database.be_read_only(true);
    return later(some(milliseconds{4000}), [&database] { database.be_read_only(false); });
  case 2:
    count("database cut off");
    database.cut(at.id);
    return later(some(milliseconds{9000}), [&database, id = at.id] { database.mend(id); });
  case 3:
    count("database silent");
    database.silence(at.id);
    return later(some(milliseconds{9000}), [&database, id = at.id] { database.mend(id); });
  case 4:
    database.lock_records();
    return later(some(milliseconds{9000}), [&database] { database.unlock(); });
  default:
    database.lock({of_.user(dice.below(of_.users_)), *currency_code::parse("KRW")});
    return later(some(milliseconds{6000}), [&database] { database.unlock(); });
  }
}

// One by one, once to twenty times a second.
void troubles::terminate_sessions(owner_id whose) {
  auto& dice = of_.machine_.random;
  const auto until = of_.machine_.now + some(milliseconds{9000});
  const milliseconds pause{50 + static_cast<std::int64_t>(dice.below(950))};
  of_.note("sessions of the database are terminated");
  of_.machine_.start(nobody, [=, this] {
    for (; of_.machine_.now < until && !of_.healed_; of_.machine_.sleep(pause))
      of_.database_.terminate_one(whose);
  });
}

void troubles::befall_link(life& at) {
  at.steady = false;
  if (of_.machine_.random.one_in(2)) {
    count("link cut");
    return of_.network_.cut(at.id);
  }
  count("link silent");
  of_.network_.hold(at.id);
  later(some(milliseconds{9000}), [this, id = at.id] {
    if (of_.machine_.random.one_in(2))
      of_.network_.cut(id); // what was on the way is lost
    of_.network_.release(id);
  });
}

} // namespace ledgerd::sim
