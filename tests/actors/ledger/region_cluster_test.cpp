// Which entries a region among other nodes decides, forwards and holds, as the owners change.
#define CAF_SUITE region_cluster

#include <limits>

#include "actors/common/log.hpp"
#include "actors/ledger/audit_duty.hpp"
#include "tests/actors/ledger/region_cluster_fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

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

CAF_TEST(it says how many shards it has when the owners change) {
  std::vector<std::string> said;
  on_change([&](const log_change& line) {
    if (line.event == log_event::shards_moved)
      said.emplace_back(line.sentence);
  });
  tell();
  serve_with({bea});
  pass(3100ms);
  on_change(nullptr);
  CAF_REQUIRE_EQUAL(said.size(), 2U);
  CAF_CHECK_EQUAL(said[0], "cluster: this node has 16384 of 16384 shards, 0 before; nodes that "
                           "share them: 1");
  const ownership both{{ann, bea}};
  std::size_t here = 0;
  for (std::size_t shard = 0; shard < shard_count; ++shard)
    here += both.owner_of(shard) == ann.boot ? 1 : 0;
  CAF_CHECK_EQUAL(said[1], "cluster: this node has " + std::to_string(here)
                               + " of 16384 shards, 16384 before; nodes that share them: 2");
}

CAF_TEST(one node audits for all) {
  tell();
  CAF_REQUIRE(audit_duty_since());
  const auto since = *audit_duty_since();
  serve_with({bea}); // the first by name keeps it
  pass(3100ms);
  CAF_CHECK(audit_duty_since() == since);
  other(cid).uptime_ms =
      std::numeric_limits<std::uint64_t>::max(); // unless another one has been there for long
  serve_with({cid});
  CAF_CHECK(!audit_duty_since());
  pass(14min);
  CAF_CHECK(!audit_duty_since());
  pass(1min);
  CAF_CHECK(audit_duty_since());
  who.self.doing = node_doing::paused; // and serves
  tell();
  CAF_CHECK(!audit_duty_since());
  forget(bea);
  forget(cid);
  tell();
  pass(3100ms);
  CAF_CHECK(audit_duty_since()); // or is alone
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

CAF_TEST(answers of those that are busy do not hurry the turns) {
  tell();
  apply(users_of(bea, {ann, bea}, 100));
  other(bea);
  tell();
  caf::send_as((*peers)[bea.boot].handle, subject, link_atom_v, bea.boot, true);
  step();
  CAF_CHECK_EQUAL(told(), 10U);
  let_ledgers_answer();
  for (int i = 0; i < 11; ++i) // the next turn, and ten answers
    step();
  CAF_CHECK_EQUAL(told(), 10U);
  consume_messages();
  CAF_CHECK_EQUAL(value("owed"), 100);
  answer_all();
  CAF_CHECK_EQUAL(value("owed"), 0);
  CAF_CHECK_EQUAL(value("ledgers"), 0);
}

CAF_TEST(an account that was asked to go when it was lost is told so) {
  tell();
  apply(users_of(bea, {ann, bea}, 30));
  other(bea);
  tell();
  pass(4900ms);
  for (int i = 0; i < 12; ++i) {
    advance_time(100ms);
    step_all();
  }
  CAF_CHECK_EQUAL(told(), 30U);
  caf::send_as((*peers)[bea.boot].handle, subject, link_atom_v, bea.boot, true);
  step_all();
  consume_messages();
  CAF_CHECK_EQUAL(value("owed"), 30);
  answer_all();
  CAF_CHECK_EQUAL(value("owed"), 0);
}

CAF_TEST(turns leave no reminders behind) {
  tell();
  apply(users_of(bea, {ann, bea}, 100));
  other(bea);
  other(cid);
  tell();
  for (const bool up : {true, false, true, false, true}) // used in a second
    link(cid, up);
  const auto before = sched.clock().schedule().size();
  caf::send_as((*peers)[bea.boot].handle, subject, link_atom_v, bea.boot, true);
  step_all();
  CAF_CHECK_EQUAL(sched.clock().schedule().size(), before);
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

CAF_TEST(a node that does not serve owns no shard although it decides what comes to it) {
  serve_with({bea});
  CAF_CHECK(value("shards") > 0);
  who.self.doing = node_doing::paused;
  other(bea).doing = node_doing::paused;
  tell();
  apply({mine});
  CAF_CHECK_EQUAL(at_gate(), lines{mine + " 1"});
  CAF_CHECK_EQUAL(value("shards"), 0);
  who.self.doing = node_doing::serving;
  tell();
  CAF_CHECK(value("shards") == static_cast<std::int64_t>(shard_count));
}

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
