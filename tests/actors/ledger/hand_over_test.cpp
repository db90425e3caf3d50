#define CAF_SUITE hand_over

#include "actors/ledger/hand_over.hpp"

#include <string>

#include "actors/ledger/link_trust.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 3000ms;
const owner self{"self", boot_id{1}};
const owner bea{"bea", boot_id{2}};
const owner cid{"cid", boot_id{3}};

struct hand_over_fixture {
  hand_over::time_point now{1h};
  hand_over subject{self, patience, now};
  hand_over::view seen;
  hand_over::change last;

  hand_over::neighbour& other(const owner& who) {
    for (auto& each : seen.others)
      if (each.who.boot == who.boot)
        return each;
    return seen.others.emplace_back(hand_over::neighbour{who, true, true, 0});
  }

  void leave(const owner& who) {
    std::erase_if(seen.others, [&](const auto& each) { return each.who.boot == who.boot; });
  }

  void look(std::chrono::milliseconds later = 0ms) {
    now += later;
    last = subject.look(seen, now);
  }

  void look_as(node_doing doing) {
    seen.doing = doing;
    look();
  }

  std::size_t count(hand_over::road wanted) const {
    std::size_t result = 0;
    for (std::size_t shard = 0; shard < shard_count; ++shard)
      result += subject.road_of(shard) == wanted ? 1 : 0;
    return result;
  }

  std::size_t forwarded_to(const owner& who) const {
    for (std::size_t i = 0; i < subject.owners().size(); ++i)
      if (subject.owners()[i] == who)
        return count(static_cast<hand_over::road>(hand_over::first_owner + i));
    return 0;
  }

  // Such as "here 3, waits 0, bea 500", without what is 0.
  std::string picture() const {
    std::string result;
    const auto add = [&](const char* what, std::size_t how_many) {
      if (how_many > 0)
        result += (result.empty() ? "" : ", ") + std::string{what} + " " + std::to_string(how_many);
    };
    add("here", count(hand_over::here));
    add("waits", count(hand_over::waits));
    add("bea", forwarded_to(bea));
    add("cid", forwarded_to(cid));
    return result;
  }
};

// How many shards a node has among some.
std::string share(const owner& who, std::vector<owner> among) {
  return std::to_string(ownership{std::move(among)}.shards_of(who.boot));
}

const auto half_of_self = share(self, {self, bea});
const auto half_of_bea = share(bea, {self, bea});

std::uint64_t digest_of(std::vector<owner> among) {
  return ownership{std::move(among)}.digest();
}

} // namespace

CAF_TEST(a node without others decides everything and never asks for a shard) {
  hand_over alone;
  CAF_CHECK(alone.all_here());
  CAF_CHECK(!alone.next_due().has_value());
  CAF_CHECK_EQUAL(alone.shards(), shard_count);
}

CAF_TEST_FIXTURE_SCOPE(hand_over_tests, hand_over_fixture)

CAF_TEST(what comes before it is known who is there waits and not for ever) {
  CAF_CHECK_EQUAL(picture(), "waits 16384");
  look(1000ms);
  CAF_CHECK_EQUAL(picture(), "waits 16384");
  CAF_CHECK(subject.next_due() == now + 2000ms);
  look(2000ms);
  CAF_CHECK(last.roads);
  CAF_CHECK(subject.all_here());
}

CAF_TEST(a node alone has everything as soon as it serves) {
  look_as(node_doing::serving);
  CAF_CHECK(last.owners && last.roads);
  CAF_CHECK(subject.all_here());
  CAF_CHECK(!subject.next_due().has_value());
  look();
  CAF_CHECK(!last.owners && !last.roads);
}

CAF_TEST(a node that starts among others forwards everything at once) {
  other(bea);
  look();
  CAF_CHECK_EQUAL(picture(), "bea 16384");
}

CAF_TEST(who takes part) {
  struct row {
    node_doing doing;
    bool serves, reached;
    std::string expected;
  };
  const auto both = "waits " + half_of_self + ", bea " + half_of_bea;
  const row table[] = {
      {node_doing::serving, true, true, both},
      {node_doing::serving, false, true, "waits 16384"},
      {node_doing::serving, true, false, "here 16384"},
      {node_doing::paused, true, true, "bea 16384"},
      {node_doing::stalled, true, true, "bea 16384"},
      {node_doing::leaving, true, true, "bea 16384"},
      {node_doing::gone, true, true, "bea 16384"},
      // Nobody serves: each decides what comes to it.
      {node_doing::paused, false, true, "here 16384"},
      {node_doing::leaving, true, false, "here 16384"},
      {node_doing::starting, true, true, "bea 16384"},
      {node_doing::starting, false, true, "waits 16384"},
  };
  for (const auto& [doing, serves, reached, expected] : table) {
    hand_over_fixture one;
    one.other(bea);
    one.look(); // bea owns all
    one.other(bea) = {bea, serves, reached, digest_of({})};
    one.look_as(doing);
    CAF_CHECK_EQUAL(one.picture(), expected);
  }
}

CAF_TEST(gained shards wait until) {
  struct row {
    const char* what;
    void (*happens)(hand_over_fixture&);
    bool over;
  };
  const row table[] = {
      {"nothing is said", [](hand_over_fixture&) {}, false},
      {"it has let go by these owners",
       [](hand_over_fixture& f) {
         f.other(bea).released = digest_of({self, bea});
       },
       true},
      {"it has let go by others",
       [](hand_over_fixture& f) { f.other(bea).released = digest_of({bea}); }, false},
      {"it is dead or gone", [](hand_over_fixture& f) { f.leave(bea); }, true},
      {"its link is down", [](hand_over_fixture& f) { f.other(bea).reached = false; }, true},
      {"it leaves and holds on", [](hand_over_fixture& f) { f.other(bea).serves = false; }, false},
      {"it cannot finish what it has",
       [](hand_over_fixture& f) {
         f.other(bea).serves = false;
         f.other(bea).lets_go = false;
       },
       true},
      {"it leaves and has let go",
       [](hand_over_fixture& f) {
         f.other(bea).serves = false;
         f.other(bea).released = digest_of({self});
       },
       true},
  };
  for (const auto& [what, happens, over] : table) {
    CAF_MESSAGE(what);
    hand_over_fixture one;
    one.other(bea);
    one.look();
    one.look_as(node_doing::serving);
    CAF_CHECK_EQUAL(one.picture(), "waits " + half_of_self + ", bea " + half_of_bea);
    happens(one);
    one.look(2900ms);
    CAF_CHECK_EQUAL(one.count(hand_over::waits) == 0, over);
    CAF_CHECK_EQUAL(one.last.roads,
                    one.picture() != "waits " + half_of_self + ", bea " + half_of_bea);
    one.look(200ms);
    CAF_CHECK_EQUAL(one.count(hand_over::waits),
                    std::string{what} == "it leaves and holds on" ? std::stoul(half_of_bea) : 0u);
    one.look(3000ms);
    CAF_CHECK_EQUAL(one.count(hand_over::waits), 0u);
    CAF_CHECK(!one.subject.next_due().has_value());
  }
}

CAF_TEST(a change meanwhile does not begin the wait anew) {
  other(bea);
  look();
  look_as(node_doing::serving);
  CAF_CHECK(subject.next_due() == now + patience);
  // Again and again a third node comes and goes.
  for (int i = 0; i < 5; ++i) {
    other(cid);
    look(250ms);
    other(cid).reached = false;
    look(250ms);
  }
  leave(cid);
  look(500ms);
  CAF_CHECK_EQUAL(picture(), "here " + half_of_self + ", bea " + half_of_bea);
}

CAF_TEST(shards that come from two nodes wait for each of them) {
  other(bea);
  other(cid);
  look();
  look_as(node_doing::serving);
  const auto mine = share(self, {self, bea, cid});
  CAF_CHECK_EQUAL(std::to_string(count(hand_over::waits)), mine);
  other(bea).released = subject.digest();
  look();
  CAF_CHECK_GREATER(count(hand_over::waits), 0u);
  CAF_CHECK_GREATER(count(hand_over::here), 0u);
  other(cid).released = subject.digest();
  look();
  CAF_CHECK_EQUAL(std::to_string(count(hand_over::here)), mine);
}

CAF_TEST(the shards of a dead node are decided at once) {
  other(bea);
  look_as(node_doing::serving);
  look(5000ms);
  CAF_CHECK_EQUAL(picture(), "here " + half_of_self + ", bea " + half_of_bea);
  leave(bea);
  look();
  CAF_CHECK(last.owners);
  CAF_CHECK(subject.all_here());
}

CAF_TEST(a node that comes takes its share of what is here and the rest stays) {
  look_as(node_doing::serving);
  other(bea);
  look();
  CAF_CHECK_EQUAL(picture(), "here " + half_of_self + ", bea " + half_of_bea);
  CAF_CHECK_EQUAL(std::to_string(subject.shards()), half_of_self);
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(a link that flaps is used later each time) {
  struct row {
    bool up;
    std::chrono::milliseconds at;
    std::chrono::milliseconds used_after; // of one that is up
  };
  const row table[] = {
      {true, 0ms, 0ms},    {false, 90s, 0ms},  // it has merely failed
      {true, 91s, 0ms},    {false, 92s, 0ms},  // again
      {true, 93s, 1000ms}, {false, 95s, 0ms},  //
      {true, 96s, 2000ms}, {false, 97s, 0ms},  // before it was used
      {true, 98s, 4000ms}, {false, 200s, 0ms}, // forgiven
      {true, 201s, 0ms},
  };
  link_trust subject;
  for (const auto& [up, at, used_after] : table) {
    const link_trust::time_point now{at};
    if (up)
      subject.up(now);
    else
      subject.down(now);
    CAF_CHECK_EQUAL(subject.works(), up);
    CAF_CHECK_EQUAL(subject.is_used(now), up && used_after == 0ms);
    CAF_CHECK_EQUAL(subject.next_due(now).has_value(), up && used_after > 0ms);
    if (up) {
      CAF_CHECK(!subject.is_used(now + used_after - 1ms) || used_after == 0ms);
      CAF_CHECK(subject.is_used(now + used_after));
    }
  }
}
