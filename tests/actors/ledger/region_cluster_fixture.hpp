// A region among other nodes, whose peers and membership the test plays.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/ledger/ledger.hpp"
#include "actors/ledger/region.hpp"

#include "tests/actors/fixture.hpp"

namespace ledgerd::test {

using namespace std::chrono_literals;

inline const owner ann{"ann", boot_id{1}}; // this node
inline const owner bea{"bea", boot_id{2}};
inline const owner cid{"cid", boot_id{3}};

// A node that the test plays.
struct played_peer {
  peer_options about{};
  peer_actor handle;
  std::vector<asked_entry> got;
  bool gives_back = false; // at its end, what it got
  bool ended = false;
};
using played_peers = std::map<boot_id, played_peer>;

inline peer_actor::behavior_type
play_peer(peer_actor::pointer me, const std::shared_ptr<played_peers>& all, boot_id which) {
  return {
      [=](apply_atom, std::vector<asked_entry>& entries) {
        auto& got = all->at(which).got;
        std::move(entries.begin(), entries.end(), std::back_inserter(got));
      },
      [=](report_atom) {
        return actor_report{.actor = "peer", .instance = all->at(which).about.peer_name};
      },
      [=](drain_atom, std::int64_t) {
        auto& mine = all->at(which);
        if (mine.gives_back) {
          for (auto& each : mine.got)
            --each.hops_left;
          me->send(mine.about.region, apply_atom_v, std::exchange(mine.got, {}));
        }
        mine.ended = true;
        return drain_summary{};
      },
      [=](yield_atom) {
        auto& mine = all->at(which);
        for (auto& each : mine.got)
          --each.hops_left;
        me->send(mine.about.region, apply_atom_v, std::exchange(mine.got, {}));
      },
      [](wake_atom) {},
      [](tick_atom) {},
  };
}

struct region_cluster_fixture : fixture {
  std::shared_ptr<std::vector<ledger_group>> groups = std::make_shared<std::vector<ledger_group>>();
  std::shared_ptr<played_peers> peers = std::make_shared<played_peers>();
  std::shared_ptr<std::vector<std::uint64_t>> released =
      std::make_shared<std::vector<std::uint64_t>>();
  std::shared_ptr<std::vector<boot_id>> links = std::make_shared<std::vector<boot_id>>();
  std::shared_ptr<roster_sink> listener = std::make_shared<roster_sink>();
  roster who;
  region_actor subject;
  std::int64_t next_id = 0;

  region_cluster_fixture() {
    const auto membership =
        spawn_fake<word_sink>([r = released, l = listener, n = links](word_sink::pointer) {
          return word_sink::behavior_type{
              [](doing_atom, node_doing) {},
              [r](released_atom, std::uint64_t by) { r->push_back(by); },
              [l](roster_atom, const roster_sink& to) { *l = to; },
              [n](links_atom, const std::vector<boot_id>& up) { *n = up; },
              [](tally_atom, const node_tally&) {},
          };
        });
    const auto make_peer = [this](caf::local_actor&, peer_options about) {
      auto& made = (*peers)[about.peer];
      made.handle = started_actor(peer_actor{sys.spawn(play_peer, peers, about.peer)});
      made.about = std::move(about);
      return made.handle;
    };
    subject = started_actor(sys.spawn(
        region, region_options{.gates = {started_actor(sys.spawn(recording_gate, groups))},
                               .ledgers_max = 1000,
                               .ledger_idle = 5s,
                               .group_max = {usual::batch_max},
                               .cluster = region_cluster{ann, membership, make_peer},
                               .yields_max = 10}));
    consume_messages();
    who.self = word_of(ann);
    CAF_REQUIRE(*listener);
  }

  ~region_cluster_fixture() override { *listener = roster_sink{}; }

  static node_word word_of(const owner& one) {
    return {.boot = one.boot,
            .name = one.name,
            .link_least = link_version_least,
            .link_most = link_version,
            .ledger = true,
            .doing = node_doing::serving};
  }

  node_word& other(const owner& one) {
    for (auto& each : who.others)
      if (each.boot == one.boot)
        return each;
    return who.others.emplace_back(word_of(one));
  }

  void forget(const owner& one) {
    std::erase_if(who.others, [&](const auto& each) { return each.boot == one.boot; });
  }

  void tell() {
    caf::anon_send(*listener, roster_atom_v, std::make_shared<const roster>(who));
    consume_messages();
  }

  void link(const owner& one, bool up) { link((*peers)[one.boot].handle, one, up); }

  void link(const peer_actor& says, const owner& of, bool up) {
    caf::send_as(says, subject, link_atom_v, of.boot, up);
    consume_messages();
  }

  // This node and others serve, and all links work.
  void serve_with(const std::vector<owner>& others) {
    for (const auto& each : others)
      other(each);
    tell();
    for (const auto& each : others)
      link(each, true);
  }

  void apply(const std::vector<std::string>& accounts, std::uint8_t hops = 2) {
    std::vector<asked_entry> batch;
    for (const auto& user : accounts) {
      ++next_id;
      batch.push_back({.asked = deposit(next_id, user, 1),
                       .from = {{}, static_cast<ticket>(next_id)},
                       .stream_seq = static_cast<std::uint64_t>(next_id),
                       .hops_left = hops});
    }
    caf::anon_send(subject, apply_atom_v, std::move(batch));
    consume_messages();
  }

  // The gate answers what it has.
  void answer_all() {
    for (auto& group : std::exchange(*groups, {}))
      caf::anon_send(group.ledger, head_atom_v, std::optional{account_head{money{1}, 1}});
    consume_messages();
  }

  // The region takes one message, or all that it has; nobody else does anything.
  void step() {
    CAF_REQUIRE(sched.prioritize(subject));
    sched.run_once();
  }
  void step_all() {
    while (sched.prioritize(subject))
      sched.run_once();
  }

  static bool is_ledger(const caf::resumable* job) {
    const auto* who = dynamic_cast<const caf::local_actor*>(job);
    return who != nullptr && who->name() == std::string_view{ledger_state::name};
  }

  // How many ledgers were told something and have not looked at it.
  std::size_t told() const {
    return static_cast<std::size_t>(std::count_if(sched.jobs.begin(), sched.jobs.end(), is_ledger));
  }

  void let_ledgers_answer() { sched.run_jobs_filtered(is_ledger); }

  // Such as {"user-1 1", "user-4 2"}: the entries that are at the gate.
  std::multiset<std::string> at_gate() const {
    std::multiset<std::string> result;
    for (const auto& group : *groups)
      for (const auto& each : group.entries)
        result.insert(each.asked.account.user_id + " " + std::to_string(to_int(each.asked.id)));
    return result;
  }

  std::multiset<std::string> at(const owner& one) const {
    std::multiset<std::string> result;
    for (const auto& each : (*peers)[one.boot].got)
      result.insert(each.asked.account.user_id + " " + std::to_string(to_int(each.asked.id)));
    return result;
  }

  std::int64_t value(const std::string& name) {
    auto report = std::make_shared<actor_report>();
    ask(
        subject, [report](const actor_report& got) { *report = got; }, report_atom_v);
    consume_messages();
    for (const auto& each : report->values)
      if (each.what->name == name)
        return each.value;
    CAF_FAIL("no value " << name);
    return 0;
  }
};

using lines = std::multiset<std::string>;

inline std::uint64_t digest_of(std::vector<owner> among) {
  return ownership{std::move(among)}.digest();
}

// The first users, counted up, whose accounts these nodes give to one of them.
inline std::vector<std::string> users_of(const owner& whose, std::vector<owner> among,
                                         std::size_t count = 1) {
  const ownership by{std::move(among)};
  std::vector<std::string> result;
  for (int i = 0; result.size() < count; ++i)
    if (auto user = "user-" + std::to_string(i); by.owner_of(shard_of(user)) == whose.boot)
      result.push_back(user);
  return result;
}

inline const auto mine = users_of(ann, {ann, bea}).front();
inline const auto beas = users_of(bea, {ann, bea}).front();

} // namespace ledgerd::test
