#define CAF_SUITE membership

#include "actors/cluster/membership.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "actors/cluster/name_board.hpp"
#include "actors/common/question_board.hpp"
#include "messaging/names.hpp"
#include "tests/support/fake_desk.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

node_word word_of(std::uint64_t boot, const std::string& name) {
  node_word word;
  word.boot = boot_id{boot};
  word.name = name;
  word.version = "1.0";
  word.link_least = word.link_most = link_version;
  word.ledger = true;
  word.doing = node_doing::serving;
  return word;
}

// Keeps what is said, and brings what the test lets others say.
class fake_line final : public word_line {
public:
  std::vector<node_word> said;

  void open(waker wake) override { wake_ = std::move(wake); }
  void say(std::string_view word) override {
    const auto read = decode_word(word);
    CAF_REQUIRE(read.has_value());
    said.push_back(*read);
  }
  std::vector<std::string> take() override { return std::exchange(arriving_, {}); }
  std::uint64_t dropped() const override { return lost; }

  void bring(std::string payload) {
    arriving_.push_back(std::move(payload));
    wake_();
  }
  void hear(const node_word& word) { bring(encode_word(word)); }

  std::uint64_t lost = 0;

private:
  waker wake_;
  std::vector<std::string> arriving_;
};

struct membership_fixture : fixture {
  std::shared_ptr<fake_line> line = std::make_shared<fake_line>();
  std::shared_ptr<fake_desk> desk = std::make_shared<fake_desk>();
  std::vector<roster_ptr> rosters;
  membership_actor subject;
  roster_sink region;

  membership_fixture() {
    subject = started_actor(sys.spawn(
        membership, membership_options{.self = word_of(1, "ann"), .line = line, .desk = desk}));
    region = spawn_fake<roster_sink>([this](roster_sink::pointer) {
      return roster_sink::behavior_type{
          [this](roster_atom, const roster_ptr& now) { rosters.push_back(now); }};
    });
    self->send(subject, roster_atom_v, region);
    consume_messages();
  }

  void hear(const node_word& word) {
    line->hear(word);
    consume_messages();
  }

  template <class... What>
  void tell(What... what) {
    self->send(subject, what...);
    consume_messages();
  }

  // For so long another node says its word every second.
  void pass_with(node_word word, std::chrono::milliseconds time) {
    for (; time > 0ms; time -= 1000ms) {
      word.uptime_ms += 1000;
      line->hear(word);
      pass(std::min(time, 1000ms));
    }
  }

  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& each : rosters.back()->others)
      result.push_back(each.name);
    return result;
  }

  std::int64_t value(const std::string& name) {
    std::int64_t result = -1;
    ask(
        subject,
        [&](const actor_report& got) {
          for (const auto& each : got.values)
            if (each.what->name == name)
              result = each.value;
        },
        report_atom_v);
    consume_messages();
    return result;
  }
};

using strings = std::vector<std::string>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(membership_tests, membership_fixture)

CAF_TEST(a node first listens and then serves) {
  CAF_REQUIRE_EQUAL(line->said.size(), 1u);
  CAF_CHECK(line->said[0].doing == node_doing::starting);
  CAF_CHECK(line->said[0].asks);
  CAF_REQUIRE_EQUAL(rosters.size(), 1u);
  CAF_CHECK(rosters[0]->self.doing == node_doing::starting);
  pass(400ms);
  CAF_REQUIRE_EQUAL(line->said.size(), 2u); // it asks twice, for a word may be lost
  CAF_CHECK(line->said[1].doing == node_doing::starting);
  CAF_CHECK(line->said[1].asks);
  CAF_CHECK_EQUAL(rosters.size(), 1u);
  pass(100ms);
  CAF_REQUIRE_EQUAL(line->said.size(), 3u); // at once
  CAF_CHECK(line->said[2].doing == node_doing::serving);
  CAF_CHECK(!line->said[2].asks);
  CAF_CHECK_EQUAL(line->said[2].uptime_ms, 500u);
  CAF_REQUIRE_EQUAL(rosters.size(), 2u);
  CAF_CHECK(rosters[1]->self.doing == node_doing::serving);
  pass(10000ms);
  CAF_CHECK_EQUAL(line->said.size(), 13u); // once a second
  CAF_CHECK_EQUAL(rosters.size(), 2u);
}

CAF_TEST(what the root says of the node is said at once) {
  pass(500ms);
  tell(doing_atom_v, node_doing::paused);
  CAF_CHECK(line->said.back().doing == node_doing::paused);
  CAF_CHECK(rosters.back()->self.doing == node_doing::paused);
  const auto words = line->said.size();
  tell(doing_atom_v, node_doing::paused);
  CAF_CHECK_EQUAL(line->said.size(), words);
  tell(doing_atom_v, node_doing::serving);
  CAF_CHECK(line->said.back().doing == node_doing::serving);
}

CAF_TEST(who starts serves only after the pause and leaves at once) {
  tell(doing_atom_v, node_doing::serving);
  tell(doing_atom_v, node_doing::stalled);
  CAF_CHECK_EQUAL(line->said.size(), 1u);
  tell(doing_atom_v, node_doing::leaving);
  CAF_REQUIRE_EQUAL(line->said.size(), 2u);
  CAF_CHECK(line->said[1].doing == node_doing::leaving);
  pass(500ms);
  CAF_CHECK(line->said.back().doing == node_doing::leaving);
}

CAF_TEST(its last word is that it has gone) {
  pass(500ms);
  tell(doing_atom_v, node_doing::leaving);
  self->send_exit(subject, caf::exit_reason::user_shutdown);
  consume_messages();
  CAF_CHECK(line->said.back().doing == node_doing::gone);
}

CAF_TEST(sinks hear who lives at every change and not at mere repeats) {
  pass(500ms);
  rosters.clear();
  auto ben = word_of(2, "ben");
  hear(ben);
  CAF_REQUIRE_EQUAL(rosters.size(), 1u);
  CAF_CHECK(names() == strings{"ben"});
  pass_with(ben, 5000ms);
  CAF_CHECK_EQUAL(rosters.size(), 1u);
  ben.released = 7;
  hear(ben);
  CAF_REQUIRE_EQUAL(rosters.size(), 2u);
  CAF_CHECK_EQUAL(rosters.back()->others.at(0).released, 7u);
  ben.doing = node_doing::gone;
  hear(ben);
  CAF_REQUIRE_EQUAL(rosters.size(), 3u);
  CAF_CHECK(names().empty());
  // Whoever comes later hears it at once.
  tell(roster_atom_v, region);
  CAF_CHECK_GREATER(rosters.size(), 3u);
}

CAF_TEST(who is silent for three seconds is out of the roster) {
  hear(word_of(2, "ben"));
  hear(word_of(3, "cid"));
  pass(2000ms);
  hear(word_of(2, "ben"));
  pass(900ms);
  CAF_CHECK(names() == (strings{"ben", "cid"}));
  pass(100ms);
  CAF_CHECK(names() == strings{"ben"});
  pass(2000ms);
  CAF_CHECK(names().empty());
  CAF_CHECK_EQUAL(value("lost_total"), 2);
  CAF_CHECK_EQUAL(value("members"), 1);
}

CAF_TEST(who was stopped for a minute has not found the others dead) {
  pass(500ms);
  hear(word_of(2, "ben"));
  rosters.clear();
  advance_time(60s); // one late tick
  consume_messages();
  CAF_CHECK(rosters.empty());
  CAF_CHECK(line->said.back().doing == node_doing::serving);
  CAF_CHECK_EQUAL(line->said.back().uptime_ms, 60500u); // said at once
  // Since then it listens as ever.
  pass(2500ms);
  CAF_CHECK(rosters.empty());
  pass(500ms);
  CAF_CHECK(names().empty());
}

CAF_TEST(what has come before a late tick is heard before it judges) {
  pass(500ms);
  hear(word_of(2, "ben"));
  pass(2900ms);
  rosters.clear();
  line->hear(word_of(2, "ben")); // lies there, with its wake behind the tick
  advance_time(100ms);
  consume_messages();
  CAF_CHECK(rosters.empty());
}

CAF_TEST(who asks is answered at once and a flood of asking a few times a second) {
  pass(1000ms);
  auto ben = word_of(2, "ben");
  hear(ben);
  pass(500ms);
  ben.asks = true;
  auto before = line->said.size();
  hear(ben);
  CAF_CHECK_EQUAL(line->said.size(), before + 1);
  CAF_CHECK(!line->said.back().asks);
  pass(1000ms);
  before = line->said.size();
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < 50; ++j)
      line->hear(ben);
    pass(100ms);
  }
  CAF_CHECK_GREATER(line->said.size(), before + 3);
  CAF_CHECK_LESS(line->said.size(), before + 12);
}

CAF_TEST(two that start do not keep each other talking) {
  auto ben = word_of(2, "ben");
  ben.doing = node_doing::starting;
  ben.asks = true;
  // As ben would: an answer to each word that asks.
  std::size_t seen = 0;
  for (int i = 0; i < 4; ++i) {
    for (; seen < line->said.size(); ++seen)
      if (line->said[seen].asks)
        line->hear(ben);
    pass(100ms);
  }
  CAF_CHECK_LESS(line->said.size(), 4u);
}

CAF_TEST(who joins hears us at once) {
  pass(1100ms);
  const auto before = line->said.size();
  hear(word_of(2, "ben"));
  CAF_REQUIRE_EQUAL(line->said.size(), before + 1);
  hear(word_of(2, "ben"));
  CAF_CHECK_EQUAL(line->said.size(), before + 1);
}

CAF_TEST(what it has let go of is said soon) {
  pass(600ms);
  tell(released_atom_v, std::uint64_t{5});
  CAF_CHECK_EQUAL(line->said.back().released, 5u);
  const auto before = line->said.size();
  tell(released_atom_v, std::uint64_t{6}); // within the same moment
  CAF_CHECK_EQUAL(line->said.size(), before);
  pass(100ms);
  CAF_CHECK_EQUAL(line->said.back().released, 6u);
}

CAF_TEST(its own words and what is none are not members) {
  rosters.clear();
  hear(word_of(1, "ann"));
  line->bring("nonsense");
  line->bring("");
  line->bring(std::string(100000, '{'));
  consume_messages();
  CAF_CHECK(rosters.empty());
  line->lost = 4;
  CAF_CHECK_EQUAL(value("heard_total"), 0);
  CAF_CHECK_EQUAL(value("dropped_total"), 7); // with what the line did not even bring
}

CAF_TEST(strangers beyond the bound reach no sink) {
  for (std::uint64_t stranger = 1000; stranger < 11000; ++stranger)
    line->hear(word_of(stranger, "x" + std::to_string(stranger)));
  consume_messages();
  CAF_CHECK_EQUAL(rosters.back()->others.size(), member_table::members_max);
  CAF_CHECK_EQUAL(value("dropped_total"),
                  static_cast<std::int64_t>(10000 - member_table::members_max));
  CAF_CHECK_LESS(line->said.size(), 4u);
}

CAF_TEST(a node whose own words do not come back says so) {
  pass(2900ms);
  CAF_CHECK_EQUAL(value("deaf"), 0);
  pass(100ms);
  CAF_CHECK_EQUAL(value("deaf"), 1);
  hear(line->said.back());
  CAF_CHECK_EQUAL(value("deaf"), 0);
}

CAF_TEST(a name that is taken twice is on the board while both live) {
  pass(500ms);
  CAF_CHECK_EQUAL(namesake_found(), "");
  pass_with(word_of(2, "ann"), 2000ms);
  const auto said = namesake_found();
  CAF_CHECK(said.find("ann") != std::string::npos);
  CAF_CHECK(said.find(to_text(boot_id{2})) != std::string::npos);
  CAF_CHECK_EQUAL(value("namesakes"), 1);
  CAF_CHECK(line->said.back().doing == node_doing::serving); // both go on
  pass(3100ms);
  CAF_CHECK_EQUAL(namesake_found(), "");
}

CAF_TEST(a node that starts beside one of its name begins when that has gone) {
  hear(word_of(2, "ann"));
  pass_with(word_of(2, "ann"), 2000ms);
  CAF_CHECK(line->said.back().doing == node_doing::starting);
  CAF_CHECK(namesake_found().find("does not begin") != std::string::npos);
  auto gone = word_of(2, "ann");
  gone.doing = node_doing::gone;
  hear(gone);
  pass(200ms);
  CAF_CHECK(line->said.back().doing == node_doing::serving);
  CAF_CHECK_EQUAL(namesake_found(), "");
}

CAF_TEST(a node of another ledger is no member and on the board while it lives) {
  auto self_word = word_of(1, "ann");
  self_word.database = 7;
  const auto own = std::make_shared<fake_line>();
  rosters.clear();
  const auto here = started_actor(
      sys.spawn(membership, membership_options{.self = self_word, .line = own, .desk = nullptr}));
  self->send(here, roster_atom_v, region);
  consume_messages();
  CAF_CHECK_EQUAL(own->said.back().database, 7u);
  auto same = word_of(2, "bob");
  same.database = 7;
  auto other = word_of(3, "cid");
  other.database = 8;
  for (const auto& each : {same, word_of(4, "old"), other})
    own->hear(each);
  consume_messages();
  pass(200ms);
  CAF_CHECK_EQUAL(names(), (std::vector<std::string>{"bob", "old"}));
  const auto said = stranger_found();
  CAF_CHECK(said.find("cid") != std::string::npos);
  CAF_CHECK(said.find("0000000000000008, this node's is 0000000000000007") != std::string::npos);
  pass(3100ms);
  CAF_CHECK_EQUAL(stranger_found(), "");
  self->send_exit(here, caf::exit_reason::user_shutdown);
  consume_messages();
}

CAF_TEST(whoever looks for services gets an answer and a strange subject none) {
  note_answered(names::api_history, 5us, 404, "NOT_FOUND");
  for (const char* asked : {"$SRV.STATS.ledgerd", "$SRV.SCHEMA", "$SRV.PING"})
    desk->put({asked, "", {}, "_INBOX.x", std::chrono::steady_clock::now()});
  consume_messages();
  const auto given = desk->answers();
  CAF_REQUIRE_EQUAL(given.size(), 2u);
  CAF_CHECK(given[0].payload.find(R"("last_error":"404:NOT_FOUND")") != std::string::npos);
  CAF_CHECK(given[0].payload.find("ledgerd.api.submit") == std::string::npos);
  CAF_CHECK(given[1].payload.find("v1.ping_response") != std::string::npos);
}

CAF_TEST(whoever asks how the node is gets an answer) {
  pass(500ms);
  hear(word_of(2, "ben"));
  hear(word_of(3, "cid"));
  tell(links_atom_v, std::vector<boot_id>{boot_id{3}});
  tell(tally_atom_v, node_tally{.shards = 9,
                                .decided = 8,
                                .forwarded = {{"cid", 7}},
                                .entries = entry_counts{5, 1, 0, 0},
                                .undecided = {{"d", 20}}});
  pass(4000ms);
  hear(word_of(3, "cid"));
  desk->put(
      {std::string{names::cluster_ask}, "", {}, "_INBOX.x", std::chrono::steady_clock::now()});
  consume_messages();
  const auto given = desk->answers();
  CAF_REQUIRE_EQUAL(given.size(), 1u);
  CAF_CHECK_EQUAL(given[0].reply, "_INBOX.x");
  const auto answer = decode_answer(given[0].payload);
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->word.name, "ann");
  CAF_CHECK_EQUAL(answer->word.uptime_ms, 4500u);
  CAF_CHECK_EQUAL(answer->tally.decided, 8u);
  CAF_CHECK_EQUAL(answer->tally.counted_ms, 500u);
  CAF_CHECK(answer->tally.entries == (entry_counts{5, 1, 0, 0}));
  CAF_CHECK_EQUAL(answer->tally.undecided.size(), 1u);
  CAF_REQUIRE_EQUAL(answer->knows.size(), 2u);
  CAF_CHECK_EQUAL(answer->knows[0].name, "ben"); // silent, and shown
  CAF_CHECK_EQUAL(answer->knows[0].age_ms, 4000u);
  CAF_CHECK(!answer->knows[0].link_up);
  CAF_CHECK_EQUAL(answer->knows[1].age_ms, 0u);
  CAF_CHECK(answer->knows[1].link_up);
  CAF_CHECK_EQUAL(value("answered_total"), 1);
}

CAF_TEST(what was counted long ago is not told) {
  tell(tally_atom_v,
       node_tally{.decided = 8, .entries = entry_counts{5, 1, 0, 0}, .undecided = {{"d", 20}}});
  pass(6000ms);
  desk->put(
      {std::string{names::cluster_ask}, "", {}, "_INBOX.x", std::chrono::steady_clock::now()});
  consume_messages();
  const auto given = desk->answers();
  CAF_REQUIRE_EQUAL(given.size(), 1u);
  const auto answer = decode_answer(given[0].payload);
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->tally.decided, 8u);
  CAF_CHECK(!answer->tally.entries);
  CAF_CHECK(answer->tally.undecided.empty());
}

CAF_TEST(questions do not keep it from its other messages) {
  for (int i = 0; i < 100; ++i)
    desk->put({std::string{names::cluster_ask},
               "",
               {},
               "_INBOX." + std::to_string(i),
               std::chrono::steady_clock::now()});
  auto asked = self->request(subject, caf::infinite, report_atom_v);
  consume_messages();
  asked.receive(
      [](const actor_report& got) {
        for (const auto& each : got.values)
          if (each.what->name == "answered_total")
            CAF_CHECK_EQUAL(each.value, 16); // of the 100
      },
      [](const caf::error&) { CAF_FAIL("no report"); });
  CAF_CHECK_EQUAL(desk->answers().size(), 100u);
}

CAF_TEST_FIXTURE_SCOPE_END()
