#define CAF_SUITE membership

#include "actors/cluster/membership.hpp"

#include "actors/cluster/name_board.hpp"
#include "tests/support/fake_desk.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

class fake_words : public word_line {
public:
  std::vector<node_word> said;
  std::vector<std::string> arriving;

  void open(waker wake) override { wake_ = std::move(wake); }
  void say(std::string_view word) override { said.push_back(*decode_word(word)); }
  std::vector<std::string> take() override { return std::exchange(arriving, {}); }

  void wake() { wake_(); }

private:
  waker wake_;
};

node_word word_of(std::uint64_t boot, std::string name) {
  return {.boot = boot_id{boot},
          .name = std::move(name),
          .version = "9",
          .link_least = 1,
          .link_most = 1,
          .ledger = true,
          .doing = node_doing::serving};
}

struct membership_fixture : fixture {
  std::shared_ptr<fake_words> line = std::make_shared<fake_words>();
  std::shared_ptr<fake_desk> desk = std::make_shared<fake_desk>();
  std::shared_ptr<std::vector<roster_ptr>> rosters = std::make_shared<std::vector<roster_ptr>>();
  membership_actor subject;

  membership_fixture() {
    subject = started_actor(sys.spawn(
        membership, membership_options{.self = word_of(1, "a"), .line = line, .desk = desk}));
    const auto sink =
        spawn_fake<roster_sink>([r = rosters](roster_sink::pointer) -> roster_sink::behavior_type {
          return {[r](roster_atom, const roster_ptr& now) { r->push_back(now); }};
        });
    caf::anon_send(subject, roster_atom_v, sink);
    consume_messages();
  }

  void hear(const node_word& word) { hear(encode_word(word)); }

  void hear(std::string payload) {
    line->arriving.push_back(std::move(payload));
    line->wake();
    consume_messages();
  }

  node_doing last_doing() const { return line->said.back().doing; }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(membership_tests, membership_fixture)

CAF_TEST(a node listens first and then serves and says so once a second) {
  CAF_REQUIRE_EQUAL(line->said.size(), 1U);
  CAF_CHECK(last_doing() == node_doing::starting);
  CAF_CHECK(line->said.back().asks);
  pass(400ms);
  CAF_CHECK_EQUAL(line->said.size(), 1U);
  pass(200ms);
  CAF_CHECK(last_doing() == node_doing::serving);
  CAF_CHECK(!line->said.back().asks);
  const auto before = line->said.size();
  pass(5000ms);
  CAF_CHECK_EQUAL(line->said.size(), before + 5);
}

CAF_TEST(what the root and the region say is said at once) {
  pass(1000ms);
  caf::anon_send(subject, doing_atom_v, node_doing::paused);
  consume_messages();
  CAF_CHECK(last_doing() == node_doing::paused);
  CAF_CHECK(rosters->back()->self.doing == node_doing::paused);
  pass(100ms);
  caf::anon_send(subject, released_atom_v, std::uint64_t{42});
  consume_messages();
  CAF_CHECK_EQUAL(line->said.back().released, 42U);
}

CAF_TEST(a node that asks is answered at once but not more often than is useful) {
  pass(1000ms);
  const auto before = line->said.size();
  auto curious = word_of(2, "b");
  curious.asks = true;
  hear(curious);
  CAF_CHECK_EQUAL(line->said.size(), before + 1);
  for (int i = 0; i < 100; ++i)
    hear(curious);
  CAF_CHECK_EQUAL(line->said.size(), before + 1);
  pass(100ms);
  CAF_CHECK_EQUAL(line->said.size(), before + 2);
}

CAF_TEST(the roster follows who comes and changes and falls silent and goes) {
  const auto others = [this]() -> const std::vector<node_word>& { return rosters->back()->others; };
  CAF_CHECK(others().empty());
  hear(word_of(2, "b"));
  hear(word_of(3, "c"));
  CAF_REQUIRE_EQUAL(others().size(), 2U);
  const auto told = rosters->size();
  hear(word_of(2, "b"));
  CAF_CHECK_EQUAL(rosters->size(), told);
  for (int i = 0; i < 4; ++i) {
    pass(1000ms);
    hear(word_of(3, "c"));
  }
  CAF_REQUIRE_EQUAL(others().size(), 1U);
  CAF_CHECK_EQUAL(others()[0].name, "c");
  auto last = word_of(3, "c");
  last.doing = node_doing::gone;
  hear(last);
  CAF_CHECK(others().empty());
}

CAF_TEST(a process that was stopped has not found the others dead) {
  hear(word_of(2, "b"));
  advance_time(60s);
  consume_messages();
  CAF_CHECK_EQUAL(rosters->back()->others.size(), 1U);
  pass(3000ms);
  CAF_CHECK(rosters->back()->others.empty());
}

CAF_TEST(own words and damaged ones change nothing) {
  const auto told = rosters->size();
  hear(word_of(1, "a"));
  hear("{");
  hear(R"({"boot":1})");
  CAF_CHECK_EQUAL(rosters->size(), told);
  CAF_CHECK_EQUAL(namesake_found(), "");
}

CAF_TEST(a name that is taken twice is shown until it is not any more) {
  hear(word_of(2, "a"));
  pass(100ms);
  CAF_CHECK_NOT_EQUAL(namesake_found().find("0000000000000002"), std::string::npos);
  pass(3100ms);
  CAF_CHECK_EQUAL(namesake_found(), "");
}

CAF_TEST(whoever asks hears how the node is and whom it knows) {
  hear(word_of(2, "b"));
  caf::anon_send(subject, tally_atom_v, node_tally{.shards = 512});
  caf::anon_send(subject, links_atom_v, std::vector<boot_id>{boot_id{2}});
  consume_messages();
  desk->put({.subject = "ledgerd.cluster.ask", .reply = "_INBOX.1"});
  consume_messages();
  CAF_REQUIRE_EQUAL(desk->answers().size(), 1U);
  const auto answer = decode_answer(desk->answers()[0].payload);
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->tally.shards, 512U);
  CAF_REQUIRE_EQUAL(answer->knows.size(), 1U);
  CAF_CHECK(answer->knows[0].link_up);
}

CAF_TEST(its last word is that it has gone) {
  caf::anon_send_exit(subject, caf::exit_reason::user_shutdown);
  consume_messages();
  CAF_CHECK(last_doing() == node_doing::gone);
}

CAF_TEST_FIXTURE_SCOPE_END()
