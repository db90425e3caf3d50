#include "actors/ledger/root.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "actors/cluster/membership.hpp"
#include "actors/cluster/name_board.hpp"
#include "actors/common/log.hpp"
#include "actors/ledger/database_board.hpp"
#include "actors/ledger/fetcher.hpp"
#include "actors/ledger/gate.hpp"
#include "actors/ledger/node_tally.hpp"
#include "actors/ledger/poster.hpp"
#include "actors/ledger/receiver.hpp"
#include "actors/ledger/region.hpp"
#include "actors/ledger/responder.hpp"
#include "domain/assert.hpp"
#include "domain/failpoint.hpp"

namespace ledgerd {

namespace {

// A database that was only slow to answer a look is no reason to hand everything over.
constexpr std::chrono::milliseconds database_patience{3000};

// An account that becomes stuck has a group at the gate already, and others may have one, too.
constexpr std::size_t groups_per_credit = 8;

// What all fetchers may hold together.
capacity credit_of(const std::vector<ledger_root_options::fetcher_ports>& fetchers) {
  capacity sum{0, 0};
  for (const auto& [instance, source, results, credit] : fetchers) {
    sum.messages += credit.messages;
    sum.bytes += std::min(credit.bytes, std::numeric_limits<std::size_t>::max() - sum.bytes);
  }
  return sum;
}

// What is set aside must leave most of the credit to all others: what each gate may hold of it.
capacity aside_part(const capacity& credit, std::size_t gates) {
  return {std::max<std::size_t>(1, credit.messages / 4 / gates), credit.bytes / 4 / gates};
}

} // namespace

// An answer to somebody who asks about a record.
struct ledger_root_state::look_under_way {
  record_look said;
  std::optional<account_key> account;
  std::string reply;
  std::size_t open; // who has not answered yet
};

void ledger_root_state::spawn_gates(const ledger_root_options& options) {
  for (std::size_t i = 0; i < options.stores.size(); ++i) {
    const auto spawn_poster = [&](const std::shared_ptr<ledger_store>& store, const char* kind,
                                  duty what) {
      return children_.add(options.detach ? self_->spawn<caf::detached>(guarded(poster), store)
                                          : self_->spawn(guarded(poster), store),
                           {kind, std::to_string(i), what, false});
    };
    gate_options gate_config{
        .poster = spawn_poster(options.stores[i], "poster", duty::moves_money),
        .side_poster = spawn_poster(options.side_stores[i], "side poster", duty::answers),
        .node = ledger_root_actor{self_},
        .index = static_cast<std::uint32_t>(i),
        .batch_max = options.batch_max,
        .aside_max = aside_part(credit_of(options.fetchers), options.stores.size())};
    const auto one = children_.add(self_->spawn(guarded(gate), std::move(gate_config)),
                                   {gate_state::name, std::to_string(i)});
    gates_.push_back(one);
    waiters_.push_back(one);
  }
  circuits_.assign(gates_.size(), false);
}

void ledger_root_state::spawn_membership(const ledger_root_options& options) {
  if (!options.cluster)
    return;
  word_ = options.cluster->self;
  asks_ = options.cluster->asks;
  membership_options config{
      .self = word_,
      .line = options.cluster->words,
      .desk = asks_,
      .other_questions = [root = caf::actor_cast<caf::weak_actor_ptr>(self_),
                          others = options.cluster->other_questions](const auto& asked) {
        const auto look = decode_look_question(asked.payload);
        const auto to = root.lock();
        if (look && to)
          caf::anon_send(caf::actor_cast<ledger_root_actor>(to), held_atom_v, *look,
                         std::string{asked.reply});
        return look.has_value() || (others && others(asked));
      }};
  membership_ =
      children_.add(self_->spawn(guarded(membership), std::move(config)), {membership_state::name});
  starting_ = stopped_ = true;
  self_->send(membership_, roster_atom_v, roster_sink{ledger_root_actor{self_}});
}

void ledger_root_state::spawn_region(const ledger_root_options& options) {
  region_options config{
      .gates = gates_,
      .ledgers_max = options.ledgers_max,
      .ledger_idle = options.ledger_idle,
      .group_max = {options.batch_max, credit_of(options.fetchers).bytes / groups_per_credit}};
  if (const auto& cluster = options.cluster)
    config.cluster = region_cluster{
        .self = {cluster->self.name, cluster->self.boot},
        .membership = membership_,
        .make_peer = [make_line = cluster->make_line](caf::local_actor& parent, peer_options one) {
          one.line = make_line(one.peer);
          return parent.spawn(guarded(peer), std::move(one));
        }};
  region_ = children_.add(self_->spawn(guarded(region), std::move(config)), {region_state::name});
}

void ledger_root_state::spawn_receiver(const ledger_root_options& options) {
  if (!options.cluster)
    return;
  receiver_options config{.self = options.cluster->self.boot,
                          .desk = options.cluster->entries,
                          .region = region_,
                          .room = options.cluster->received};
  children_.add(self_->spawn(guarded(receiver), std::move(config)), {receiver_state::name});
}

void ledger_root_state::spawn_fetchers(const ledger_root_options& options) {
  for (const auto& ports : options.fetchers) {
    fetcher_options config{.instance = ports.instance,
                           .node_name = options.node_name,
                           .source = ports.source,
                           .results = ports.results,
                           .currencies = options.currencies,
                           .rules = options.rules,
                           .lookup = options.lookup,
                           .region = region_,
                           .credit = ports.credit,
                           .paused = stopped_,
                           .attempts_max = options.attempts_max,
                           .lease = options.lease,
                           .stragglers = std::chrono::milliseconds{options.detach ? 250 : 0}};
    const auto one = children_.add(self_->spawn(guarded(fetcher), std::move(config)),
                                   {fetcher_state::name, ports.instance});
    fetchers_.push_back(one);
    holders_.push_back(one);
  }
}

void ledger_root_state::spawn_responder(const ledger_root_options& options) {
  if (!options.desk)
    return;
  responder_options config{options.desk, options.reader, options.currencies};
  children_.add(options.detach ? self_->spawn<caf::detached>(guarded(responder), std::move(config))
                               : self_->spawn(guarded(responder), std::move(config)),
                {responder_state::name, {}, duty::answers});
}

void ledger_root_state::spawn_shadow(const ledger_root_options& options) {
  if (!options.shadow)
    return;
  auto config = *options.shadow;
  children_.add(options.detach
                    ? self_->spawn<caf::detached>(guarded(ledgerd::shadow), std::move(config))
                    : self_->spawn(guarded(ledgerd::shadow), std::move(config)),
                {shadow_state::name, {}, duty::answers});
}

// Fetchers pull only while every gate can reach the database: an entry may need any of them.
void ledger_root_state::on_circuit(std::uint32_t index, bool open) {
  LEDGERD_ASSERT(index < circuits_.size());
  circuits_[index] = open;
  const auto paused = std::find(circuits_.begin(), circuits_.end(), true) != circuits_.end();
  if (paused == paused_)
    return;
  paused_ = paused;
  if (paused)
    log(log_event::circuit_opened,
        "the database takes no batch: pulling stops, what is held is kept alive");
  else
    log(log_event::circuit_closed, "the database takes batches again: pulling goes on");
  tell_fetchers();
  tell_doing();
}

// What would be pulled beside nodes of another ledger would land in one ledger or the other, and
// before it is known who else is there nothing is pulled.
void ledger_root_state::tell_fetchers() {
  const auto stop = paused_ || starting_ || (membership_ && !stranger_found().empty());
  if (std::exchange(stopped_, stop) == stop)
    return;
  for (const auto& to : fetchers_)
    self_->send(to, circuit_atom_v, stop);
}

void ledger_root_state::call_the_roll() {
  failpoint("node");
  moving_ = children_.call_the_roll();
  look_at_database();
  tell_fetchers();
  tell_doing();
  tell_tally();
  self_->delayed_send(self_, roll_call_pause, tick_atom_v);
}

// A gate finds out only when it has something to post.
void ledger_root_state::look_at_database() {
  const auto now = self_->clock().now();
  if (database_fault_found().empty())
    away_since_.reset();
  else if (!away_since_)
    away_since_ = now;
  away_ = away_since_ && now - *away_since_ >= database_patience;
}

void ledger_root_state::tell_doing() {
  const auto now = leaving_           ? node_doing::leaving
                   : paused_ || away_ ? node_doing::paused
                   : !moving_         ? node_doing::stalled
                                      : node_doing::serving;
  if (membership_ && std::exchange(told_, now) != now)
    self_->send(membership_, doing_atom_v, now);
}

// One that cannot be had within its time is not missed: the next is soon.
void ledger_root_state::tell_tally() {
  if (!membership_ || std::exchange(tally_under_way_, true))
    return;
  self_->request(ledger_root_actor{self_}, std::chrono::seconds{2}, report_atom_v)
      .then(
          [this](const std::vector<actor_report>& all) {
            tally_under_way_ = false;
            self_->send(membership_, tally_atom_v, tally_of(all));
          },
          [this](const caf::error&) { tally_under_way_ = false; });
}

// A question that comes while several are under way is not answered: whoever asks knows that a node
// may be silent. So many at once cannot keep the fetchers from their work.
void ledger_root_state::look_for(const look_question& asked, const std::string& reply) {
  constexpr std::size_t looks_max = 4;
  if (looks_ == looks_max)
    return;
  ++looks_;
  const auto all = std::make_shared<look_under_way>(
      look_under_way{{word_.boot, word_.name, {}, {}}, asked.account, reply, holders_.size()});
  const auto done = [this, all] {
    if (--all->open == 0)
      ask_gates(all);
  };
  for (const auto& each : holders_)
    self_->request(each, std::chrono::seconds{1}, held_atom_v, to_int(asked.record))
        .then(
            [all, done](fetcher_look& got) {
              if (got.held)
                all->said.held.push_back(*std::move(got.held));
              if (got.pulled.to > 0)
                all->said.pulled.push_back(std::move(got.pulled));
              if (got.account)
                all->account = std::move(got.account);
              done();
            },
            [done](const caf::error&) { done(); });
}

// Why its account waits, where that is known.
void ledger_root_state::ask_gates(const std::shared_ptr<look_under_way>& one) {
  if (!one->account)
    return end_look(*one);
  one->open = waiters_.size();
  const auto done = [this, one] {
    if (--one->open == 0)
      end_look(*one);
  };
  for (const auto& each : waiters_)
    self_->request(each, std::chrono::seconds{1}, held_atom_v, *one->account)
        .then(
            [one, done](const std::vector<noted_account>& waits) {
              auto& longest = one->said.wait;
              for (const auto& [what, account, entries, time, reason] : waits)
                if (const auto ms = static_cast<std::uint64_t>(time.count());
                    !longest || longest->for_ms < ms)
                  longest = account_wait{reason, ms};
              done();
            },
            [done](const caf::error&) { done(); });
}

void ledger_root_state::end_look(const look_under_way& one) {
  --looks_;
  asks_->answer(one.reply, encode_look(one.said), {});
}

ledger_root_actor::behavior_type ledger_root_state::begin(pointer self,
                                                          const ledger_root_options& options) {
  LEDGERD_ASSERT(!options.fetchers.empty() && !options.stores.empty());
  LEDGERD_ASSERT(options.side_stores.size() == options.stores.size());
  children_.begin(self, "ledger", options.board);
  spawn_gates(options);
  spawn_membership(options);
  spawn_region(options);
  spawn_receiver(options);
  spawn_fetchers(options);
  spawn_responder(options);
  spawn_shadow(options);
  call_the_roll();
  return {
      [this](circuit_atom, std::uint32_t index, bool open) { on_circuit(index, open); },
      [this](tick_atom) { call_the_roll(); },
      [this](roster_atom, const roster_ptr& who) {
        if (leaving_) // perhaps before it has begun
          return;
        starting_ = who->self.doing == node_doing::starting;
        tell_fetchers();
      },
      [this](drain_atom, std::int64_t deadline_ms) {
        leaving_ = true;
        tell_doing();
        return children_.drain(deadline_ms);
      },
      [this](report_atom) { return children_.report(); },
      [this](held_atom, const look_question& asked, const std::string& reply) {
        look_for(asked, reply);
      },
  };
}

ledger_root_actor::behavior_type ledger_root(ledger_root_state::pointer self,
                                             const ledger_root_options& options) {
  return self->state.begin(self, options);
}

} // namespace ledgerd
