// The region's peers: how they come and go, and what the region says of the links to them.
#define CAF_SUITE region_peers

#include "tests/actors/ledger/region_cluster_fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

CAF_TEST_FIXTURE_SCOPE(region_peers_tests, region_cluster_fixture)

CAF_TEST(the links that carry entries are said at every change) {
  serve_with({bea, cid});
  CAF_CHECK(*links == (std::vector<boot_id>{bea.boot, cid.boot}));
  link(bea, false);
  CAF_CHECK(*links == std::vector<boot_id>{cid.boot});
  forget(cid);
  tell();
  CAF_CHECK(links->empty());
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

CAF_TEST(a peer that cannot decide any more gives back what it has) {
  for (const auto trouble : {node_doing::paused, node_doing::stalled}) {
    region_cluster_fixture one;
    one.serve_with({bea});
    one.apply({beas});
    CAF_CHECK_EQUAL(one.at(bea), lines{beas + " 1"});
    one.other(bea).doing = trouble;
    one.other(bea).released = digest_of({ann});
    one.tell();
    CAF_CHECK(one.at(bea).empty());
    CAF_CHECK_EQUAL(one.at_gate(), lines{beas + " 1"});
    CAF_CHECK_EQUAL(one.groups->at(0).entries.at(0).hops_left, 1);
  }
}

CAF_TEST(a peer that leaves finishes what it has) {
  serve_with({bea});
  apply({beas});
  other(bea).doing = node_doing::leaving;
  tell();
  CAF_CHECK_EQUAL(at(bea), lines{beas + " 1"});
  apply({beas});
  other(bea).released = digest_of({ann});
  tell();
  CAF_CHECK_EQUAL(at_gate(), lines{beas + " 2"});
}

CAF_TEST(a link that flaps is not said to carry entries until it does) {
  serve_with({bea});
  for (const bool up : {false, true, false, true})
    link(bea, up);
  CAF_CHECK(links->empty());
  pass(1100ms);
  CAF_CHECK(*links == std::vector<boot_id>{bea.boot});
}

// A node that was stopped and goes on takes itself for an owner at once, and does not know that it
// was missed. Who believed it only later would decide its accounts beside it for so long.
CAF_TEST(a node that was silent again and again owns its accounts as soon as it is reached) {
  serve_with({bea});
  pass(3100ms);
  const auto before = value("hand_overs_total");
  for (int round = 0; round < 10; ++round) {
    forget(bea);
    tell();
    pass(3000ms);
    apply({beas});
    CAF_CHECK_EQUAL(at_gate().size(), 1U);
    answer_all();
    serve_with({bea});
    apply({beas, mine});
    CAF_CHECK_EQUAL(at(bea).size(), 1U);
    CAF_CHECK_EQUAL(at_gate().size(), 1U);
    answer_all();
    (*peers)[bea.boot].got.clear();
  }
  CAF_CHECK_EQUAL(value("hand_overs_total") - before, 20);
  CAF_CHECK_EQUAL(value("held_back_total"), 0); // nothing waits for a node that is gone
}

CAF_TEST(what the old peer of a node that came back says of its link is not taken for the new one) {
  serve_with({bea});
  const auto old = (*peers)[bea.boot].handle;
  forget(bea);
  tell();
  CAF_CHECK(links->empty());
  other(bea);
  tell();
  const auto anew = (*peers)[bea.boot].handle;
  CAF_REQUIRE(old != anew);
  link(old, bea, true); // late
  CAF_CHECK(links->empty());
  link(anew, bea, true);
  CAF_CHECK(*links == std::vector<boot_id>{bea.boot});
  link(old, bea, false); // it was drained only now
  CAF_CHECK(*links == std::vector<boot_id>{bea.boot});
  apply({beas});
  CAF_CHECK_EQUAL(at(bea), lines{beas + " 1"});
  link(anew, bea, false);
  CAF_CHECK(links->empty());
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

CAF_TEST_FIXTURE_SCOPE_END()
