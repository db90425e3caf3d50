// The region among other nodes, whose peers and membership the test plays.
#define CAF_SUITE region_cluster

#include "actors/ledger/region.hpp"

#include <map>
#include <set>

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

const owner ann{"ann", boot_id{1}}; // this node
const owner bea{"bea", boot_id{2}};
const owner cid{"cid", boot_id{3}};

// A node that the test plays.
struct played_peer {
  peer_options about{};
  peer_actor handle;
  std::vector<asked_entry> got;
  bool gives_back = false; // at its end, what it got
  bool ended = false;
};
using played_peers = std::map<boot_id, played_peer>;

peer_actor::behavior_type play_peer(peer_actor::pointer me,
                                    const std::shared_ptr<played_peers>& all, boot_id which) {
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
                               .group_max = usual::batch_max,
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

  void link(const owner& one, bool up) {
    caf::anon_send(subject, link_atom_v, one.boot, up);
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

std::uint64_t digest_of(std::vector<owner> among) {
  return ownership{std::move(among)}.digest();
}

// The first users, counted up, whose accounts these nodes give to one of them.
std::vector<std::string> users_of(const owner& whose, std::vector<owner> among,
                                  std::size_t count = 1) {
  const ownership by{std::move(among)};
  std::vector<std::string> result;
  for (int i = 0; result.size() < count; ++i)
    if (auto user = "user-" + std::to_string(i); by.owner_of(shard_of(user)) == whose.boot)
      result.push_back(user);
  return result;
}

const auto mine = users_of(ann, {ann, bea}).front();
const auto beas = users_of(bea, {ann, bea}).front();

} // namespace

CAF_TEST_FIXTURE_SCOPE(region_cluster_tests, region_cluster_fixture)

CAF_TEST(what comes before it is known who is there waits for the first roster) {
  apply({mine});
  CAF_CHECK(at_gate().empty());
  CAF_CHECK_EQUAL(value("waiting"), 1);
  tell();
  CAF_CHECK_EQUAL(at_gate(), lines{mine + " 1"});
  CAF_CHECK_EQUAL(value("waiting"), 0);
}

CAF_TEST(without any roster it goes on alone) {
  apply({mine});
  pass(2900ms);
  CAF_CHECK(at_gate().empty());
  pass(200ms);
  CAF_CHECK_EQUAL(at_gate(), lines{mine + " 1"});
}

CAF_TEST(each entry goes to its owner and what has no hops left is decided here) {
  serve_with({bea, cid});
  pass(3100ms);
  const std::vector<owner> all{ann, bea, cid};
  const auto one = users_of(ann, all).front();
  const auto two = users_of(bea, all).front();
  const auto three = users_of(cid, all).front();
  apply({one, two, three, two, one});
  CAF_CHECK_EQUAL(at_gate(), (lines{one + " 1", one + " 5"}));
  CAF_CHECK_EQUAL(at(bea), (lines{two + " 2", two + " 4"}));
  CAF_CHECK_EQUAL(at(cid), (lines{three + " 3"}));
  CAF_CHECK_EQUAL(value("forwarded_total"), 3);
  apply({two}, 0);
  CAF_CHECK(at_gate().contains(two + " 6"));
  CAF_CHECK_EQUAL(at(bea).size(), 2U);
}

CAF_TEST(nothing is forwarded to a node that) {
  struct row {
    const char* what;
    void (*is)(region_cluster_fixture&);
  };
  const row table[] = {
      {"has no link", [](region_cluster_fixture& f) { f.other(bea); }},
      {"pauses",
       [](region_cluster_fixture& f) {
         f.other(bea).doing = node_doing::paused;
         f.serve_with({bea});
       }},
      {"has no ledger",
       [](region_cluster_fixture& f) {
         f.other(bea).ledger = false;
         f.serve_with({bea});
       }},
      {"reads no frames yet",
       [](region_cluster_fixture& f) {
         f.other(bea).link_least = f.other(bea).link_most = 0;
         f.serve_with({bea});
       }},
      {"reads only later frames",
       [](region_cluster_fixture& f) {
         f.other(bea).link_least = f.other(bea).link_most = link_version + 1;
         f.serve_with({bea});
       }},
      {"has lost its link",
       [](region_cluster_fixture& f) {
         f.serve_with({bea});
         f.link(bea, false);
       }},
      {"is dead",
       [](region_cluster_fixture& f) {
         f.serve_with({bea});
         f.forget(bea);
       }},
  };
  for (const auto& [what, is] : table) {
    CAF_MESSAGE(what);
    region_cluster_fixture one;
    is(one);
    one.tell();
    one.apply({beas});
    CAF_CHECK_EQUAL(one.at_gate(), lines{beas + " 1"});
  }
}

CAF_TEST(the links that carry entries are said at every change) {
  serve_with({bea, cid});
  CAF_CHECK(*links == (std::vector<boot_id>{bea.boot, cid.boot}));
  link(bea, false);
  CAF_CHECK(*links == std::vector<boot_id>{cid.boot});
  forget(cid);
  tell();
  CAF_CHECK(links->empty());
}

CAF_TEST(a lost account gives back what waits and its end is said) {
  tell();
  CAF_CHECK_EQUAL(*released, std::vector<std::uint64_t>{digest_of({ann})});
  apply({mine, beas});
  apply({beas, mine});
  serve_with({bea});
  // What is at the gate is the old owner's; what waited has gone to the new one.
  CAF_CHECK_EQUAL(at_gate(), (lines{mine + " 1", beas + " 2"}));
  CAF_CHECK_EQUAL(at(bea), lines{beas + " 3"});
  CAF_CHECK_EQUAL(released->back(), 0U);
  CAF_CHECK_EQUAL(value("owed"), 1);
  apply({beas});
  CAF_CHECK_EQUAL(at(bea), (lines{beas + " 3", beas + " 5"}));
  answer_all();
  CAF_CHECK_EQUAL(value("owed"), 0);
  CAF_CHECK_EQUAL(value("ledgers"), 1);
  CAF_CHECK_EQUAL(released->back(), digest_of({ann, bea}));
  CAF_CHECK_EQUAL(at_gate(), lines{mine + " 4"});
}

CAF_TEST(what must be decided here does not wait for the end of a lost account) {
  tell();
  apply({beas});
  serve_with({bea});
  apply({beas}, 0);
  CAF_CHECK_EQUAL(value("owed"), 1);
  answer_all();
  CAF_CHECK_EQUAL(at_gate(), lines{beas + " 2"});
  answer_all();
  CAF_CHECK_EQUAL(value("owed"), 0);
  // A ledger made anew by such an entry is not owed, until the owners change again.
  apply({beas}, 0);
  CAF_CHECK_EQUAL(value("owed"), 0);
  CAF_CHECK_EQUAL(released->back(), digest_of({ann, bea}));
  answer_all();
  other(bea).doing = node_doing::paused;
  other(cid);
  tell();
  link(cid, true);
  CAF_CHECK_EQUAL(value("owed"), 0);
}

CAF_TEST(many lost accounts go in several turns) {
  tell();
  const auto many = users_of(bea, {ann, bea}, 45);
  apply(many);
  answer_all();
  CAF_CHECK_EQUAL(value("ledgers"), 45);
  serve_with({bea});
  CAF_CHECK_EQUAL(value("ledgers"), 0);
  CAF_CHECK_EQUAL(value("ledgers_yielded_total"), 45);
  CAF_CHECK_EQUAL(*released,
                  (std::vector<std::uint64_t>{digest_of({ann}), 0, digest_of({ann, bea})}));
}

CAF_TEST(what is gained waits until the old owner has let go) {
  who.self.doing = node_doing::starting;
  serve_with({bea});
  apply({mine});
  CAF_CHECK_EQUAL(at(bea), lines{mine + " 1"});
  who.self.doing = node_doing::serving;
  tell();
  apply({mine, beas});
  CAF_CHECK(at_gate().empty());
  CAF_CHECK_EQUAL(value("waiting"), 1);
  // From another peer: the same.
  apply({mine}, 0);
  CAF_CHECK_EQUAL(value("waiting"), 2);
  other(bea).released = digest_of({ann, bea});
  tell();
  CAF_CHECK_EQUAL(at_gate(), (lines{mine + " 2", mine + " 4"}));
  CAF_CHECK_EQUAL(value("waiting"), 0);
}

CAF_TEST(what is gained waits three seconds at most) {
  who.self.doing = node_doing::starting;
  serve_with({bea});
  who.self.doing = node_doing::serving;
  tell();
  apply({mine});
  pass(2900ms);
  CAF_CHECK(at_gate().empty());
  pass(200ms);
  CAF_CHECK_EQUAL(at_gate(), lines{mine + " 1"});
}

CAF_TEST(what waits goes on by the owners of the moment) {
  who.self.doing = node_doing::starting;
  serve_with({bea});
  who.self.doing = node_doing::serving;
  tell();
  apply({mine});
  who.self.doing = node_doing::paused;
  tell();
  CAF_CHECK_EQUAL(at(bea), lines{mine + " 1"});
  CAF_CHECK_EQUAL(value("waiting"), 0);
}

CAF_TEST(a dead peer gives back what it had and ends) {
  serve_with({bea});
  apply({beas});
  (*peers)[bea.boot].gives_back = true;
  forget(bea);
  tell();
  CAF_CHECK((*peers)[bea.boot].ended);
  CAF_CHECK_EQUAL(at_gate(), lines{beas + " 1"});
  CAF_CHECK_EQUAL(groups->at(0).entries.at(0).hops_left, 1);
  CAF_CHECK_EQUAL(value("peers"), 0);
  CAF_CHECK(!caf::actor_cast<caf::abstract_actor*>(subject)->getf(
      caf::abstract_actor::is_terminated_flag));
}

CAF_TEST(peers end with the region) {
  serve_with({bea});
  auto ended = std::make_shared<bool>(false);
  caf::actor_cast<caf::abstract_actor*>((*peers)[bea.boot].handle)->attach_functor([ended] {
    *ended = true;
  });
  caf::anon_send_exit(subject, caf::exit_reason::user_shutdown);
  consume_messages();
  CAF_CHECK(*ended);
}

// Nothing is lost, nothing is done twice, whatever the links do.
CAF_TEST(owners that change again and again leave every entry at one place) {
  serve_with({bea, cid});
  lines expected;
  std::minstd_rand random{7};
  const std::vector<owner> others{bea, cid};
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> users;
    for (int i = 0; i < 5; ++i) {
      users.push_back("user-" + std::to_string(random() % 20));
      expected.insert(users.back() + " " + std::to_string(next_id + i + 1));
    }
    apply(users, static_cast<std::uint8_t>(random() % 3));
    const auto& some = others[random() % 2];
    switch (random() % 6) {
    case 0:
      link(some, random() % 2 == 0);
      break;
    case 1:
      other(some).doing = random() % 2 == 0 ? node_doing::serving : node_doing::paused;
      break;
    case 2:
      who.self.doing = random() % 3 == 0 ? node_doing::paused : node_doing::serving;
      break;
    case 3:
      other(some).released = ownership{{ann, bea, cid}}.digest();
      break;
    case 4:
      (*peers)[some.boot].gives_back = true;
      forget(some);
      break;
    default:
      pass(500ms);
    }
    tell();
    if (random() % 3 == 0) {
      // What the gate has is decided, as well as what the peers have.
      for (const auto& each : at_gate())
        CAF_CHECK(expected.erase(each) == 1);
      answer_all();
    }
  }
  pass(4000ms);
  for (int i = 0; i < 10; ++i) {
    for (const auto& each : at_gate())
      CAF_CHECK(expected.erase(each) == 1);
    answer_all();
  }
  CAF_CHECK_EQUAL(value("waiting"), 0);
  CAF_CHECK_EQUAL(value("owed"), 0);
  lines with_peers = at(bea);
  with_peers.merge(at(cid));
  CAF_CHECK_EQUAL(expected, with_peers);
}

CAF_TEST_FIXTURE_SCOPE_END()
