#include "actors/ledger/region.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "actors/common/child_list.hpp"
#include "actors/common/fail_stop.hpp"
#include "actors/common/log.hpp"
#include "actors/ledger/audit_duty.hpp"
#include "actors/ledger/ledger.hpp"
#include "domain/assert.hpp"
#include "domain/failpoint.hpp"

namespace ledgerd {

namespace {

bool cannot_decide(const node_word& word) {
  return word.doing == node_doing::paused || word.doing == node_doing::stalled;
}

// As far back as it matters who audits, whatever the word says.
std::chrono::steady_clock::time_point started_at(const node_word& word,
                                                 std::chrono::steady_clock::time_point now) {
  constexpr std::chrono::milliseconds most{audit_grown_up};
  const auto up = std::min(word.uptime_ms, static_cast<std::uint64_t>(most.count()));
  return now - std::chrono::milliseconds{static_cast<std::int64_t>(up)};
}

bool reads_our_frames(const node_word& word) {
  return word.link_least <= link_version && link_version <= word.link_most;
}

} // namespace

void region_state::move(tenants::iterator whom, house to) {
  in(to).splice(in(to).end(), in(whom->at), whom);
  whom->at = to;
}

ledger_actor region_state::spawn_ledger(const account_key& account) {
  // In turn, so that none has more accounts than another; an account stays where it is while its
  // ledger lives.
  const auto gate = static_cast<std::size_t>(counters_.spawned++) % options_.gates.size();
  return self_->spawn<caf::lazy_init>(
      guarded(ledger),
      ledger_options{account, options_.gates[gate], region_actor{self_}, options_.group_max});
}

region_state::tenants::iterator region_state::move_in(const account_key& account) {
  auto& staying = in(house::staying);
  const auto whom = staying.emplace(staying.end());
  whom->account = account;
  whom->ledger = spawn_ledger(account);
  by_account_.emplace(account, whom);
  return whom;
}

void region_state::ask_to_leave(tenants::iterator whom) {
  move(whom, house::leaving);
  whom->told = false;
  self_->send(whom->ledger, idle_atom_v);
}

void region_state::flush(tenant& to) {
  if (!to.held.empty())
    self_->send(to.ledger, apply_atom_v, std::exchange(to.held, {}));
}

// Puts each entry to its account's tenant, then sends each tenant what it got.
void region_state::deal_out(std::vector<asked_entry>& arrived) {
  const auto now = self_->clock().now();
  std::vector<tenants::iterator> touched;
  touched.reserve(arrived.size());
  for (auto& next : arrived) {
    const auto found = by_account_.find(next.asked.account);
    const auto whom = found != by_account_.end() ? found->second : move_in(next.asked.account);
    if (whom->held.empty() && whom->at != house::leaving)
      touched.push_back(whom);
    whom->held.push_back(std::move(next));
  }
  for (const auto whom : touched) {
    whom->used = now;
    if (whom->at == house::staying)
      move(whom, house::staying);
    hot_.note(whom->account, whom->heat, whom->held.size());
    flush(*whom);
  }
  // Only those that were not touched just now may go.
  auto& staying = in(house::staying);
  for (auto surplus = staying.size() - std::min(staying.size(), options_.ledgers_max);
       surplus > 0 && staying.front().used < now; --surplus)
    ask_to_leave(staying.begin());
}

void region_state::on_gone(tenants::iterator whom) {
  ++counters_.passivated;
  if (std::exchange(whom->owed, false) && --owed_ == 0)
    say_released();
  if (whom->held.empty()) {
    by_account_.erase(whom->account);
    in(house::leaving).erase(whom);
    return;
  }
  whom->ledger = spawn_ledger(whom->account);
  whom->used = self_->clock().now();
  move(whom, house::staying);
  flush(*whom);
}

void region_state::on_answer(const account_key& account, bool gone) {
  const auto found = by_account_.find(account);
  LEDGERD_ASSERT(found != by_account_.end() && found->second->at == house::leaving);
  const auto whom = found->second;
  if (gone)
    return on_gone(whom);
  whom->used = self_->clock().now();
  const bool is_lost = whom->owed && !whom->told;
  move(whom, !whom->owed ? house::staying : is_lost ? house::lost : house::lingering);
  flush(*whom);
  if (is_lost)
    tell_lost();
}

// Meanwhile its account may have come back, or it was asked to go.
void region_state::on_free(const account_key& account) {
  const auto found = by_account_.find(account);
  if (found != by_account_.end() && found->second->at == house::lingering)
    ask_to_leave(found->second);
}

void region_state::passivate_idle() {
  const auto before = self_->clock().now() - options_.ledger_idle;
  auto& staying = in(house::staying);
  while (!staying.empty() && staying.front().used < before)
    ask_to_leave(staying.begin());
}

// A node alone asks no entry for its shard.
void region_state::route(std::vector<asked_entry>& arrived) {
  if (hands_.all_here())
    return deal_out(arrived);
  auto kept = arrived.begin();
  for (auto next = arrived.begin(); next != arrived.end(); ++next) {
    const auto road = hands_.road_of(shard_of(next->asked.account.user_id));
    const bool theirs = road >= hand_over::first_owner;
    if (theirs && next->hops_left > 0) {
      parts_[road - hand_over::first_owner].push_back(std::move(*next));
    } else if (road == hand_over::waits) {
      ++counters_.held_back;
      waiting_.push_back(std::move(*next));
    } else {
      if (kept != next)
        *kept = std::move(*next);
      ++kept;
    }
  }
  arrived.erase(kept, arrived.end());
  forward();
  deal_out(arrived);
}

void region_state::forward() {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].empty())
      continue;
    counters_.forwarded += static_cast<std::int64_t>(parts_[i].size());
    self_->send(lanes_[i], apply_atom_v, std::exchange(parts_[i], {}));
  }
}

void region_state::spawn_peer(const node_word& word) {
  auto peer = options_.cluster->make_peer(*self_, {.self = options_.cluster->self.boot,
                                                   .peer = word.boot,
                                                   .peer_name = word.name,
                                                   .line = nullptr,
                                                   .region = region_actor{self_},
                                                   .observer = region_actor{self_}});
  name_actor(peer, peer_state::name, word.name);
  self_->link_to(peer);
  neighbours_.push_back({word, std::move(peer), {}, started_at(word, self_->clock().now())});
}

// It gives back what it has before it answers.
void region_state::end_peer(neighbour& one) {
  self_->request(one.peer, caf::infinite, drain_atom_v, std::int64_t{0})
      .then(
          [this, peer = one.peer](const drain_summary&) {
            self_->unlink_from(peer);
            self_->send_exit(peer, caf::exit_reason::user_shutdown);
          },
          [](const caf::error&) {}); // its end is ours
}

// One for each node of the ledger that lives. One that was silent and comes back is trusted at
// once, however often: if it was only stopped, it has taken itself for an owner all the while, and
// whoever doubted it would decide its accounts beside it.
void region_state::keep_peers() {
  for (const auto& word : roster_->others) {
    const auto known = std::find_if(neighbours_.begin(), neighbours_.end(),
                                    [&](const auto& each) { return each.word.boot == word.boot; });
    if (known != neighbours_.end()) {
      // Its gates may try for ever what its database does not take.
      if (cannot_decide(word) && !cannot_decide(known->word))
        self_->send(known->peer, yield_atom_v);
      known->word = word;
    } else if (word.ledger && reads_our_frames(word)) {
      spawn_peer(word);
    }
  }
  const auto lives = [this](const neighbour& one) {
    return std::any_of(roster_->others.begin(), roster_->others.end(),
                       [&](const auto& word) { return word.boot == one.word.boot; });
  };
  const auto dead = std::stable_partition(neighbours_.begin(), neighbours_.end(), lives);
  std::for_each(dead, neighbours_.end(), [this](neighbour& each) { end_peer(each); });
  neighbours_.erase(dead, neighbours_.end());
}

void region_state::on_roster(roster_ptr who) {
  roster_ = std::move(who);
  keep_peers();
  look_around();
}

// A node that is forgotten and comes back has a new peer at once, while its old one may yet say
// something of its own link. Only the peer that is in use counts.
void region_state::on_link(bool up) {
  const auto& whose = self_->current_sender();
  const auto known = std::find_if(neighbours_.begin(), neighbours_.end(), [&](const auto& each) {
    return caf::actor_cast<caf::actor_control_block*>(each.peer) == whose;
  });
  if (known == neighbours_.end())
    return;
  const auto now = self_->clock().now();
  if (up)
    known->link.up(now);
  else
    known->link.down(now);
  look_around();
}

hand_over::view region_state::view(time_point now) const {
  hand_over::view result;
  if (roster_)
    result.doing = roster_->self.doing;
  for (const auto& [word, peer, link, started] : neighbours_)
    result.others.push_back({{word.name, word.boot},
                             word.doing == node_doing::serving,
                             link.is_used(now),
                             word.released,
                             !cannot_decide(word)});
  return result;
}

void region_state::look_around() {
  if (!options_.cluster)
    return;
  const auto now = self_->clock().now();
  const auto seen = view(now);
  const auto change = hands_.look(seen, now);
  note_audit_duty(audits(now), now);
  say_links(seen);
  if (change.owners)
    sort_out();
  if (change.owners || change.roads) {
    auto again = std::exchange(waiting_, {});
    route(again);
  }
  if (change.owners && owed_ == 0)
    say_released();
  remind(now);
}

// Without owners each node decides what comes to it, once it has begun.
bool region_state::audits(time_point now) const {
  if (hands_.owners().empty())
    return hands_.all_here();
  std::vector<audit_candidate> candidates;
  for (const auto& each : hands_.owners()) {
    const auto found = std::find_if(neighbours_.begin(), neighbours_.end(),
                                    [&](const auto& one) { return one.word.boot == each.boot; });
    const auto started = found == neighbours_.end() ? started_ : found->started;
    candidates.push_back(
        {each.boot, std::chrono::duration_cast<std::chrono::milliseconds>(now - started)});
  }
  return auditor_among(candidates) == options_.cluster->self.boot;
}

// The owners have changed: who stays, who goes.
void region_state::sort_out() {
  ++counters_.hand_overs;
  say_shards();
  lanes_.clear();
  for (const auto& each : hands_.owners()) {
    const auto found = std::find_if(neighbours_.begin(), neighbours_.end(),
                                    [&](const auto& one) { return one.word.boot == each.boot; });
    lanes_.push_back(found == neighbours_.end() ? peer_actor{} : found->peer);
  }
  parts_.resize(lanes_.size());
  owed_ = 0;
  const auto now = self_->clock().now();
  for (const auto& [account, whom] : by_account_) {
    whom->owed =
        !hands_.all_here() && hands_.road_of(shard_of(account.user_id)) >= hand_over::first_owner;
    owed_ += whom->owed ? 1 : 0;
    if (whom->at == house::leaving) {
      std::move(whom->held.begin(), whom->held.end(), std::back_inserter(waiting_));
      whom->held.clear();
    } else if (whom->owed && whom->at == house::staying) {
      move(whom, house::lost);
    } else if (!whom->owed && whom->at != house::staying) {
      whom->used = now;
      move(whom, house::staying);
    }
  }
  counters_.yielded += static_cast<std::int64_t>(owed_);
  if (owed_ > 0)
    say_released();
  tell_lost();
}

void region_state::say_shards() {
  const auto before = std::exchange(shards_, hands_.shards());
  const auto nodes = hands_.owners().size();
  log(log_event::shards_moved, {{"shards", shards_}, {"before", before}, {"nodes", nodes}},
      "cluster: this node has {} of {} shards, {} before; nodes that share them: {}", shards_,
      shard_count, before, nodes);
}

// Those that are left are told when its turn comes, whatever happens meanwhile.
void region_state::tell_lost() {
  if (telling_)
    return;
  auto& lost = in(house::lost);
  for (auto left = options_.yields_max; left > 0 && !lost.empty(); --left) {
    const auto whom = lost.begin();
    move(whom, house::leaving);
    whom->told = true;
    self_->send(whom->ledger, yield_atom_v);
  }
  telling_ = !lost.empty();
  if (telling_)
    self_->send(self_, yield_atom_v);
}

// While something is owed, what was said before holds no more.
void region_state::say_released() {
  const auto by = owed_ == 0 ? hands_.digest() : 0;
  if (options_.cluster && said_released_ != by)
    self_->send(options_.cluster->membership, released_atom_v, by);
  said_released_ = by;
}

void region_state::say_links(const hand_over::view& seen) {
  std::vector<boot_id> up;
  for (const auto& each : seen.others)
    if (each.reached)
      up.push_back(each.who.boot);
  if (up == said_links_)
    return;
  said_links_ = up;
  self_->send(options_.cluster->membership, links_atom_v, std::move(up));
}

void region_state::remind(time_point now) {
  auto due = hands_.next_due();
  for (const auto& each : neighbours_)
    if (const auto one = each.link.next_due(now); one && (!due || *one < *due))
      due = one;
  if (!due || (reminder_ && *reminder_ <= *due))
    return;
  reminder_ = due;
  self_->delayed_send(self_, std::max(*due - now, caf::actor_clock::duration_type{0}), turn_atom_v);
}

caf::typed_response_promise<std::vector<actor_report>> region_state::report_peers() {
  using reports = std::vector<actor_report>;
  const auto into = std::make_shared<gathering<reports>>();
  into->promise = self_->make_response_promise<reports>();
  into->left = neighbours_.size();
  const auto add = [into](actor_report one) {
    into->all.push_back(std::move(one));
    if (--into->left == 0)
      into->promise.deliver(std::move(into->all));
  };
  for (const auto& each : neighbours_)
    self_->request(each.peer, std::chrono::seconds{1}, report_atom_v)
        .then([add](actor_report& one) { add(std::move(one)); },
              [add, whom = each.word.name](const caf::error&) {
                add({peer_state::name, whom, {}, {}, {}});
              });
  if (neighbours_.empty())
    into->promise.deliver(reports{});
  return into->promise;
}

actor_report region_state::report() const {
  // While no node serves, each decides what comes to it, and owns nothing.
  const bool serves = !roster_ || roster_->self.doing == node_doing::serving;
  auto result = make_report(name, "",
                            region_numbers{counters_,
                                           {.ledgers = by_account_.size(),
                                            .waiting = waiting_.size(),
                                            .owed = owed_,
                                            .shards = serves ? hands_.shards() : 0,
                                            .peers = neighbours_.size()}});
  result.accounts = hot_.hottest(self_->clock().now());
  return result;
}

region_actor::behavior_type region_state::begin(region_options options) {
  LEDGERD_ASSERT(!options.gates.empty());
  options_ = std::move(options);
  started_ = self_->clock().now();
  hot_.begin(started_);
  if (const auto& cluster = options_.cluster) {
    hands_ = {cluster->self, cluster->patience, self_->clock().now()};
    self_->send(cluster->membership, roster_atom_v, roster_sink{region_actor{self_}});
    remind(self_->clock().now());
  }
  self_->delayed_send(self_, options_.beat, tick_atom_v);
  return {
      [this](apply_atom, std::vector<asked_entry>& arrived) {
        failpoint("region");
        counters_.entries += static_cast<std::int64_t>(arrived.size());
        route(arrived);
      },
      [this](idle_atom, const account_key& account, bool gone) { on_answer(account, gone); },
      [this](yield_atom, const account_key& account) { on_free(account); },
      [this](yield_atom) {
        telling_ = false;
        tell_lost();
      },
      [this](roster_atom, roster_ptr& who) { on_roster(std::move(who)); },
      [this](link_atom, boot_id, bool up) { on_link(up); },
      [this](turn_atom) {
        reminder_.reset();
        look_around();
      },
      [this](tick_atom) {
        hot_.pass(self_->clock().now());
        passivate_idle();
        look_around();
        self_->delayed_send(self_, options_.beat, tick_atom_v);
      },
      [this](report_atom) { return report(); },
      [this](reports_atom) { return report_peers(); },
  };
}

region_actor::behavior_type region(region_actor::stateful_pointer<region_state> self,
                                   region_options options) {
  return self->state.begin(std::move(options));
}

} // namespace ledgerd
