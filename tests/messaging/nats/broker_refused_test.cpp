// Subscriptions that the broker refuses for as long as a node lives: what they cost, and that the
// others do not notice.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "messaging/nats/question_desk.hpp"
#include "messaging/nats/word_line.hpp"
#include "tests/messaging/nats/broker_fixture.hpp"
#include "tests/support/nats_process.hpp"

#define CAF_SUITE broker_refused
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr auto denied = "ledgerd.test.2";
constexpr retry_pauses quick{.first = 25ms, .longest = 100ms, .settled = 50ms};

// With what `app` may do neither of.
std::string users_without(const std::string& subscribe, const std::string& publish = "nothing") {
  return R"(
authorization { timeout: 20, users: [
  {user: admin, password: right},
  {user: app, password: right, permissions {
    subscribe: { deny: [)"
         + subscribe + R"(] }, publish: { deny: ")" + publish + R"(" } } } ] }
)";
}

std::vector<std::string> subjects_of(std::size_t count) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < count; ++i)
    result.push_back("ledgerd.test." + std::to_string(i));
  return result;
}

// While it lives the process gets no memory for one more thread, and some for all else.
class no_room_for_stacks {
public:
  no_room_for_stacks() {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    ::getrlimit(RLIMIT_AS, &before_);
    auto limit = before_;
    limit.rlim_cur = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + (4 << 20);
    ::setrlimit(RLIMIT_AS, &limit);
  }
  ~no_room_for_stacks() { ::setrlimit(RLIMIT_AS, &before_); }

private:
  rlimit before_{};
};

// A node's control link with a desk and a word line on it, as an actor uses them.
struct refused_fixture {
  nats_process server{users_without("nothing")};
  event_log events;
  std::shared_ptr<session> side;
  std::shared_ptr<lifeline> line;
  std::unique_ptr<question_desk> desk;
  std::unique_ptr<word_line> words;
  std::string group;                       // of the desk
  std::map<std::string, std::size_t> came; // questions by subject
  std::vector<std::string> heard;

  broker_options options_of(const std::string& user) const {
    return options_for("nats://" + user + ":right@127.0.0.1:" + std::to_string(server.port()));
  }

  void begin(std::size_t count, retry_pauses pauses = quick, ended_limit limit = {}) {
    side = session::open(options_of("admin"), {.name = "test"});
    line = std::make_shared<lifeline>(options_of("app"),
                                      session_options{.name = "app", .immediate = true},
                                      events.observer(), limit);
    desk = make_question_desk(line, subjects_of(count), {.queue_group = group, .retries = pauses});
    words = make_nats_word_line(line, pauses);
    desk->open([] {});
    words->open([] {});
  }

  // With other rights from the beginning.
  void begin_without(const std::string& subscribe, std::size_t count, retry_pauses pauses = quick,
                     ended_limit limit = {}) {
    reload(users_without(subscribe));
    begin(count, pauses, limit);
  }

  // Until the server has read it: what it has not been told yet would show as a change later.
  void reload(const std::string& configuration) {
    server.reload(configuration);
    std::this_thread::sleep_for(300ms);
  }

  void turn() {
    for (const auto& one : desk->take(1000))
      ++came[one.subject];
    for (auto& each : words->take())
      heard.push_back(std::move(each));
  }

  template <class Condition>
  bool turns_until(Condition condition, std::chrono::milliseconds within = 20s) {
    return eventually([&] { return turn(), condition(); }, within);
  }

  void turn_for(std::chrono::milliseconds time) {
    turns_until([] { return false; }, time);
  }

  void ask(std::size_t which) {
    side->publish("ledgerd.test." + std::to_string(which), "_INBOX.nobody", "");
  }

  bool is_asked(const std::string& subject, std::chrono::milliseconds within = 20s) {
    const auto before = came[subject];
    return turns_until(
        [&] {
          side->publish(subject, "_INBOX.nobody", "");
          return came[subject] > before;
        },
        within);
  }

  session::kept_subscriptions kept() const { return line->current()->subscriptions(); }

  std::size_t refusals() const { return events.count(link_event::error, "Permissions Violation"); }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(refused_tests, refused_fixture)

CAF_TEST(a subject that is refused for good costs no subscription to any other) {
  begin_without(denied, 6);
  CAF_CHECK(turns_until([&] { return refusals() >= 10; }));
  // Seven were made in the beginning, and one with each refusal.
  CAF_CHECK_EQUAL(kept().standing, 7u);
  CAF_CHECK_LESS_OR_EQUAL(kept().ended, refusals());
  CAF_CHECK_LESS(refusals(), 20u);
  for (const auto* subject : {"ledgerd.test.0", "ledgerd.test.5"})
    CAF_CHECK(is_asked(subject));
}

CAF_TEST(of many that are refused for good one at a time is tried) {
  begin_without(R"("ledgerd.test.>")", 9, {.first = 100ms, .longest = 800ms, .settled = 700ms});
  turn_for(3s);
  const auto tried = kept().ended;
  turn_for(4s);
  CAF_CHECK_LESS(kept().ended - tried, 15u); // all of them each time were 45
  CAF_CHECK(turns_until([&] { return kept().ended - tried > 2; }));
  reload(users_without("nothing"));
  for (const auto& subject : subjects_of(9))
    CAF_CHECK(is_asked(subject));
}

CAF_TEST(a publication that is refused costs no subscription) {
  reload(users_without("nothing", "denied.subject"));
  begin(6);
  turn_for(100ms);
  for (int i = 0; i < 10; ++i) {
    line->current()->publish("denied.subject", {}, "x");
    turn_for(50ms);
  }
  CAF_CHECK(turns_until([&] { return refusals() >= 10; }));
  CAF_CHECK_EQUAL(kept().standing, 7u);
  CAF_CHECK_EQUAL(kept().ended, 0u);
}

CAF_TEST(what stands goes on while another is refused and each question comes once) {
  begin_without(denied, 6);
  CAF_REQUIRE(is_asked("ledgerd.test.0"));
  // What has waited for two seconds is dropped, which a stall of the machine may bring about.
  for (int tries = 0; tries < 5; ++tries) {
    turn_for(100ms);
    came.clear();
    steady::duration longest{0};
    const auto turned = [&](auto turn) {
      const auto begin = steady::now();
      turn();
      longest = std::max(longest, steady::now() - begin);
    };
    for (std::size_t i = 0; i < 200; ++i)
      turned([&] {
        ask(0);
        ask(5);
        turn_for(5ms);
      });
    turned([&] {
      turns_until([&] { return came["ledgerd.test.0"] >= 200 && came["ledgerd.test.5"] >= 200; },
                  5s);
    });
    turned([&] { turn_for(200ms); });
    if (longest < 1s)
      break;
  }
  CAF_CHECK_LESS_OR_EQUAL(5u, refusals());
  CAF_CHECK_EQUAL(came["ledgerd.test.0"], 200u);
  CAF_CHECK_EQUAL(came["ledgerd.test.5"], 200u);
  CAF_CHECK_EQUAL(came[denied], 0u);
}

CAF_TEST(a right that was never there works when it is given) {
  group = "desks"; // the broker names it behind the subject
  begin_without(denied, 6);
  CAF_CHECK(turns_until([&] { return refusals() >= 8; }));
  CAF_CHECK(!is_asked(denied, 300ms));
  server.reload(users_without("nothing"));
  CAF_CHECK(is_asked(denied));
  CAF_CHECK(turns_until([&] { // what was refused before may still be told
    const auto settled = kept().ended;
    turn_for(500ms);
    return settled == kept().ended;
  }));
  CAF_CHECK_EQUAL(kept().standing, 7u);
}

CAF_TEST(rights that are taken from standing subscriptions and given back work again) {
  begin(6);
  const auto hears = [&](const std::string& word, std::chrono::milliseconds within) {
    return turns_until(
        [&] {
          side->publish(std::string(names::cluster_word), {}, word);
          return std::find(heard.begin(), heard.end(), word) != heard.end();
        },
        within);
  };
  CAF_REQUIRE(is_asked(denied));
  CAF_REQUIRE(hears("before", 20s));
  reload(users_without(std::string(denied) + ", " + std::string(names::cluster_word)));
  CAF_CHECK(turns_until([&] { return refusals() >= 6; }));
  CAF_CHECK(!is_asked(denied, 300ms));
  CAF_CHECK(!hears("meanwhile", 300ms));
  CAF_CHECK(is_asked("ledgerd.test.0"));
  server.reload(users_without("nothing"));
  CAF_CHECK(is_asked(denied));
  CAF_CHECK(hears("after", 20s));
}

CAF_TEST(a refusal is not forgotten when the connection comes back) {
  begin_without(denied, 6);
  CAF_CHECK(turns_until([&] { return refusals() >= 3; }));
  server.kill();
  CAF_REQUIRE(turns_until([&] { return !line->up(); }));
  server.start();
  CAF_REQUIRE(turns_until([&] { return line->up(); }));
  CAF_REQUIRE(eventually([&] {
    side->publish("x", {}, "");
    return side->ping(1s);
  }));
  CAF_CHECK(is_asked("ledgerd.test.0"));
  server.reload(users_without("nothing"));
  CAF_CHECK(is_asked(denied));
}

CAF_TEST(a session that keeps too many ended subscriptions makes room for another) {
  begin_without(denied, 6, quick, {.count = 12, .pause = 1h});
  const std::weak_ptr<session> first = line->current();
  CAF_CHECK(turns_until([&] { return events.count(link_event::rebuilt) == 1; }));
  CAF_CHECK(is_asked("ledgerd.test.0"));
  CAF_CHECK(turns_until([&] { return first.expired(); }));
  // Once an hour at most, however many there are.
  CAF_CHECK(turns_until([&] { return kept().ended >= 20; }));
  CAF_CHECK_EQUAL(events.count(link_event::rebuilt), 1u);
  CAF_CHECK_EQUAL(events.count(link_event::error, "ended subscriptions"), 1u);
  server.reload(users_without("nothing"));
  CAF_CHECK(is_asked(denied));
}

CAF_TEST(a session that keeps far too many ended subscriptions makes room before its time) {
  begin(0, quick, {.count = 12, .pause = 30s});
  for (auto rebuilt = 1u; rebuilt <= 3; ++rebuilt) {
    const auto session = line->current();
    const auto most = rebuilt == 1 ? 12u : 96u;
    for (auto i = 1u; i < most; ++i)
      session->unsubscribe(session->subscribe("ledgerd.x", std::make_shared<payloads>()));
    CAF_CHECK(!turns_until([&] { return events.count(link_event::rebuilt) == rebuilt; }, 500ms));
    session->unsubscribe(session->subscribe("ledgerd.x", std::make_shared<payloads>()));
    CAF_CHECK(turns_until([&] { return events.count(link_event::rebuilt) == rebuilt; },
                          15s)); // its time is 30 s
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
CAF_TEST(a subject that no memory was left for is tried again) {
  begin_without(denied, 6);
  CAF_REQUIRE(turns_until([&] { return refusals() >= 3; }));
  {
    const no_room_for_stacks now;
    turn_for(1s);
  }
  const auto before = refusals();
  CAF_CHECK(turns_until([&] { return refusals() > before; }));
  reload(users_without("nothing"));
  CAF_CHECK(is_asked(denied));
}
#endif

CAF_TEST(a session that is replaced frees what it kept though somebody holds it) {
  begin_without(denied, 6, quick, {.count = 12, .pause = 1h});
  const auto first = line->current();
  const auto held = first->subscribe("ledgerd.held", std::make_shared<payloads>());
  CAF_CHECK(turns_until([&] { return events.count(link_event::rebuilt) == 1; }));
  CAF_CHECK(eventually(
      [&] { return first->subscriptions().standing + first->subscriptions().ended == 0; }));
  first->unsubscribe(held);
  first->drain(held);
  CAF_CHECK(first->subscribe("ledgerd.held", std::make_shared<payloads>()) == nullptr);
}

CAF_TEST_FIXTURE_SCOPE_END()
