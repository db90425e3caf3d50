#include <nats/nats.h>

#include <algorithm>

#include "messaging/nats/word_line.hpp"
#include "tests/messaging/nats/broker_fixture.hpp"

#define CAF_SUITE broker_word
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

const std::string subject{names::cluster_word};

// Takes like an actor: on wake, and at least every 50 ms.
class listener {
public:
  explicit listener(std::unique_ptr<word_line> line) : line_(std::move(line)) {
    line_->open(bell_.ringer());
  }

  void say(std::string_view word) { line_->say(word); }

  void turn() {
    bell_.wait(50ms);
    for (auto& each : line_->take())
      heard.push_back(std::move(each));
  }

  bool hears(const std::string& word, std::chrono::milliseconds within = 20s) {
    return eventually(
        [&] {
          turn();
          return std::find(heard.begin(), heard.end(), word) != heard.end();
        },
        within);
  }

  word_line& line() { return *line_; }
  bell& rings() { return bell_; }

  std::vector<std::string> heard;

private:
  bell bell_;
  std::unique_ptr<word_line> line_;
};

std::shared_ptr<lifeline> link(event_log& log) {
  return std::make_shared<lifeline>(options_for(servers().nats_url()),
                                    session_options{.name = "test", .immediate = true},
                                    log.observer());
}

// Says it again and again until it is heard: who has only begun to listen may miss the first.
bool gets_through(listener& from, listener& to, const std::string& word) {
  return eventually([&] {
    from.say(word);
    return to.hears(word, 200ms);
  });
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(word_tests, broker_fixture)

CAF_TEST(all nodes hear what one says in the order in which it is said) {
  const auto second = broker::connect(options_for(servers().nats_url()), nullptr);
  listener one(bus->make_word_line());
  listener two(second->make_word_line());
  CAF_REQUIRE(gets_through(one, two, "begin"));
  CAF_REQUIRE(gets_through(two, one, "begin too"));
  std::vector<std::string> said;
  for (int i = 0; i < 500; ++i) {
    said.push_back("word " + std::to_string(i));
    one.say(said.back());
  }
  CAF_REQUIRE(two.hears(said.back()));
  CAF_REQUIRE(one.hears(said.back())); // its own come back
  for (auto* each : {&one, &two}) {
    std::erase_if(each->heard, [](const auto& word) { return !word.starts_with("word "); });
    CAF_CHECK(each->heard == said);
  }
  CAF_CHECK_EQUAL(two.line().dropped(), 0u);
}

CAF_TEST(a word rings once until it is taken) {
  listener one(bus->make_word_line());
  listener two(bus->make_word_line()); // hears on the same connection what one hears
  CAF_REQUIRE(gets_through(one, one, "begin"));
  CAF_REQUIRE(gets_through(one, two, "begin too"));
  one.say("last of these"); // whatever was said more than once came before
  CAF_REQUIRE(one.hears("last of these"));
  CAF_CHECK(one.line().take().empty());
  const auto before = one.rings().rings();
  one.say("first");
  one.say("second");
  CAF_REQUIRE(eventually([&] { return one.rings().rings() > before; }));
  CAF_REQUIRE(two.hears("second"));
  CAF_CHECK_EQUAL(one.rings().rings(), before + 1);
  std::vector<std::string> heard;
  CAF_CHECK(eventually([&] {
    for (auto& each : one.line().take())
      heard.push_back(std::move(each));
    return heard.size() >= 2;
  }));
  CAF_CHECK(heard == (std::vector<std::string>{"first", "second"}));
  CAF_CHECK(one.line().take().empty());
}

CAF_TEST(what is too large or too much is dropped and counted) {
  listener one(bus->make_word_line());
  CAF_REQUIRE(gets_through(one, one, "begin"));
  side->publish(subject, {}, std::string(100000, 'x'));
  side->publish(subject, {}, "small");
  CAF_REQUIRE(one.hears("small"));
  CAF_CHECK_EQUAL(one.line().dropped(), 1u);
  CAF_CHECK(std::none_of(one.heard.begin(), one.heard.end(),
                         [](const auto& each) { return each.size() > 10; }));
  one.heard.clear();
  constexpr std::size_t flood = 100000;
  for (std::size_t i = 0; i < flood; ++i)
    side->publish(subject, {}, std::to_string(i));
  natsConnection_FlushTimeout(side->raw(), 5000);
  // Nobody takes: only so many wait.
  CAF_REQUIRE(eventually([&] { return one.line().dropped() > flood / 2; }));
  std::this_thread::sleep_for(200ms);
  const auto left = one.line().take();
  CAF_CHECK_GREATER(left.size(), 100u);
  CAF_CHECK_LESS(left.size(), 5000u);
  CAF_CHECK_EQUAL(left.front(), "0");
  CAF_REQUIRE(gets_through(one, one, "after"));
}

CAF_TEST(words go on after a restart of the broker and none is kept for it) {
  const auto second = broker::connect(options_for(servers().nats_url()), nullptr);
  listener one(bus->make_word_line());
  listener two(second->make_word_line());
  CAF_REQUIRE(gets_through(one, two, "before"));
  servers().kill_nats();
  CAF_REQUIRE(eventually([&] { return !bus->connected() && !second->connected(); }));
  one.say("while down");
  CAF_CHECK(!two.hears("while down", 100ms));
  servers().start_again();
  CAF_REQUIRE(eventually([&] { return bus->connected() && second->connected(); }));
  CAF_REQUIRE(gets_through(one, two, "after"));
  CAF_REQUIRE(gets_through(two, one, "after too"));
  CAF_CHECK(!two.hears("while down", 300ms));
}

CAF_TEST(a rebuilt session gets a new subscription) {
  event_log log;
  const auto line = link(log);
  listener one(make_nats_word_line(line));
  listener two(bus->make_word_line());
  for (std::size_t round = 1; round <= 2; ++round) {
    natsConnection_Close(line->current()->raw());
    CAF_REQUIRE(eventually([&] { return line->up() && log.count(link_event::rebuilt) == round; }));
    CAF_CHECK(gets_through(two, one, "to it " + std::to_string(round)));
    CAF_CHECK(gets_through(one, two, "from it " + std::to_string(round)));
    // Once each: the old subscription is gone.
    const auto word = "once " + std::to_string(round);
    two.say(word);
    CAF_REQUIRE(one.hears(word));
    one.turn();
    CAF_CHECK_EQUAL(std::count(one.heard.begin(), one.heard.end(), word), 1);
  }
}

CAF_TEST(a line may end at any time) {
  std::atomic<bool> stop = false;
  std::thread talker([&] {
    while (!stop) {
      side->publish(subject, {}, "x");
      std::this_thread::sleep_for(100us);
    }
  });
  for (int i = 0; i < 50; ++i) {
    bell rings;
    auto line = bus->make_word_line();
    line->open(rings.ringer());
    rings.wait(20ms);
    line.reset();
  }
  stop = true;
  talker.join();
}

CAF_TEST(every node answers a question to all) {
  const auto second = broker::connect(options_for(servers().nats_url()), nullptr);
  auto one = bus->make_cluster_desk();
  auto two = second->make_cluster_desk();
  bell rings;
  one->open(rings.ringer());
  two->open(rings.ringer());
  const auto inbox = side->make_inbox();
  const auto replies = std::make_shared<payloads>();
  side->subscribe(inbox, replies);
  natsConnection_FlushTimeout(side->raw(), 2000);
  std::vector<api_question> came_to_one;
  std::vector<api_question> came_to_two;
  CAF_REQUIRE(eventually([&] {
    side->publish(std::string(names::cluster_ask), inbox, "");
    std::this_thread::sleep_for(50ms);
    came_to_one = one->take(16);
    came_to_two = two->take(16);
    return !came_to_one.empty() && !came_to_two.empty();
  }));
  one->answer(came_to_one.back().reply, "one", {});
  two->answer(came_to_two.back().reply, "two", {});
  CAF_REQUIRE(eventually([&] { return replies->came().size() == 2; }));
  auto answers = replies->came();
  std::sort(answers.begin(), answers.end());
  CAF_CHECK(answers == (std::vector<std::string>{"one", "two"}));
}

CAF_TEST_FIXTURE_SCOPE_END()
