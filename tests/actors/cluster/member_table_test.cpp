#define CAF_SUITE member_table

#include "actors/cluster/member_table.hpp"

#include <algorithm>
#include <caf/test/unit_test.hpp>

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

node_word word_of(std::uint64_t boot, const std::string& name = "node") {
  node_word word;
  word.boot = boot_id{boot};
  word.name = name + std::to_string(boot);
  word.version = "1.0";
  word.link_least = word.link_most = link_version;
  word.ledger = true;
  word.doing = node_doing::serving;
  return word;
}

struct table_fixture {
  member_table members{boot_id{1}, 3000ms};

  // So much time passes, looked at in small steps; how many fell silent in it.
  std::size_t pass(std::chrono::milliseconds time) {
    std::size_t lost = 0;
    for (; time > 0ms; time -= 100ms)
      lost += members.pass(100ms).size();
    return lost;
  }

  std::vector<std::uint64_t> living() const {
    std::vector<std::uint64_t> result;
    for (const auto& each : members.living())
      result.push_back(to_int(each.boot));
    return result;
  }
};

using boots = std::vector<std::uint64_t>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(member_table_tests, table_fixture)

CAF_TEST(a word tells whether there is anything new in it) {
  auto word = word_of(2);
  CAF_CHECK(members.hear(word) == member_news::joined);
  CAF_CHECK(members.hear(word) == member_news::nothing);
  word.uptime_ms = 5000; // mere repeats
  word.asks = true;
  CAF_CHECK(members.hear(word) == member_news::nothing);
  word.doing = node_doing::paused;
  CAF_CHECK(members.hear(word) == member_news::changed);
  word.released = 17;
  CAF_CHECK(members.hear(word) == member_news::changed);
  word.link_most = 2;
  CAF_CHECK(members.hear(word) == member_news::changed);
  CAF_REQUIRE_EQUAL(members.living().size(), 1u);
  CAF_CHECK(members.living()[0] == word);
}

CAF_TEST(a node lives while its words keep coming) {
  members.hear(word_of(2));
  members.hear(word_of(3));
  CAF_CHECK_EQUAL(pass(2900ms), 0u);
  members.hear(word_of(2));
  const auto lost = members.pass(100ms);
  CAF_REQUIRE_EQUAL(lost.size(), 1u);
  CAF_CHECK_EQUAL(lost[0].name, "node3");
  CAF_CHECK(living() == boots{2});
  CAF_CHECK_EQUAL(pass(2800ms), 0u); // each is lost once
  CAF_CHECK_EQUAL(pass(100ms), 1u);
  CAF_CHECK(living().empty());
  CAF_CHECK(members.hear(word_of(3)) == member_news::joined);
  CAF_CHECK(living() == boots{3});
}

CAF_TEST(who says that he goes has gone at once) {
  auto word = word_of(2);
  word.doing = node_doing::gone;
  CAF_CHECK(members.hear(word) == member_news::nothing); // of one that nobody knew
  CAF_CHECK(members.known().empty());
  members.hear(word_of(2));
  CAF_CHECK(members.hear(word) == member_news::left);
  CAF_CHECK(living().empty());
  CAF_CHECK(members.known().empty()); // not silent: it has said so
  members.hear(word_of(2));
  pass(4000ms);
  CAF_CHECK(members.hear(word) == member_news::nothing); // it was lost before
  CAF_CHECK(members.known().empty());
}

CAF_TEST(who is silent is shown for a minute) {
  members.hear(word_of(2));
  pass(60000ms);
  const auto known = members.known();
  CAF_REQUIRE_EQUAL(known.size(), 1u);
  CAF_CHECK_EQUAL(known[0].age_ms, 60000u);
  CAF_CHECK_EQUAL(known[0].name, "node2");
  CAF_CHECK(known[0].doing == node_doing::serving); // what it said last
  pass(100ms);
  CAF_CHECK(members.known().empty());
}

CAF_TEST(a name that another living node has) {
  members.hear(word_of(2));
  members.hear(word_of(3));
  CAF_REQUIRE(members.namesake("node3", false) != nullptr);
  CAF_CHECK(members.namesake("node3", false)->boot == boot_id{3});
  CAF_CHECK(members.namesake("node4", false) == nullptr);
  pass(3000ms);
  CAF_CHECK(members.namesake("node3", false) == nullptr); // the life before that was killed
}

CAF_TEST(one that is starting gives way to all but those that start and of those to the lower) {
  const auto starting = [](std::uint64_t boot) {
    auto word = word_of(boot);
    word.name = "twin";
    word.doing = node_doing::starting;
    word.database = 8;
    return word;
  };
  member_table fifth{boot_id{5}, 3000ms, 7};
  fifth.hear(starting(6));
  CAF_CHECK(fifth.namesake("twin", false) == nullptr);
  CAF_CHECK(fifth.namesake("twin", true) == nullptr);
  CAF_CHECK(fifth.stranger(false) == nullptr);
  CAF_CHECK(fifth.stranger(true) != nullptr); // nobody knows which ledger is right
  fifth.hear(starting(4));
  CAF_CHECK(fifth.namesake("twin", false) == nullptr);
  CAF_CHECK(fifth.namesake("twin", true) != nullptr);
  auto serving = starting(6);
  serving.doing = node_doing::paused;
  fifth.hear(serving);
  CAF_CHECK(fifth.namesake("twin", false) != nullptr);
  CAF_CHECK(fifth.stranger(false) != nullptr);
}

CAF_TEST(strangers do not push out those that live) {
  members.hear(word_of(2));
  for (std::uint64_t stranger = 1000; stranger < 3000; ++stranger) {
    const auto news = members.hear(word_of(stranger));
    CAF_REQUIRE(news
                == (stranger < 1000 + member_table::members_max - 1 ? member_news::joined
                                                                    : member_news::refused));
  }
  CAF_CHECK_EQUAL(members.living().size(), member_table::members_max);
  CAF_CHECK_EQUAL(members.known().size(), member_table::members_max);
  CAF_CHECK(members.hear(word_of(2)) == member_news::nothing); // still in it
  auto word = word_of(2);
  word.doing = node_doing::paused;
  CAF_CHECK(members.hear(word) == member_news::changed);
}

CAF_TEST(those that have fallen silent make room) {
  for (std::uint64_t stranger = 1000; members.living().size() < member_table::members_max;
       ++stranger)
    members.hear(word_of(stranger));
  pass(1500ms);
  members.hear(word_of(1000));
  CAF_CHECK(members.hear(word_of(2)) == member_news::refused);
  pass(1500ms);
  CAF_CHECK(living() == boots{1000});
  CAF_CHECK(members.hear(word_of(2)) == member_news::joined);
  CAF_CHECK(living() == (boots{2, 1000}));
  CAF_CHECK_EQUAL(members.known().size(), member_table::members_max);
}

CAF_TEST_FIXTURE_SCOPE_END()
