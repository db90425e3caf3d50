#include <nats/nats.h>

#include <algorithm>
#include <map>

#include "messaging/nats/nats_inquirer.hpp"
#include "messaging/nats/question_desk.hpp"
#include "tests/messaging/nats/broker_fixture.hpp"

#define CAF_SUITE broker_question
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

// Asks like an actor: takes on wake, and at least every 50 ms.
class asker {
public:
  explicit asker(std::unique_ptr<inquirer> through) : through_(std::move(through)) {
    through_->open(bell_.ringer());
  }

  void ask(std::uint64_t token, std::string_view payload,
           const std::string& subject = std::string(names::api_record)) {
    through_->ask(token, subject, payload);
  }

  // Collects until there are `count` replies in all.
  bool collect(std::size_t count, std::chrono::milliseconds within = 20s) {
    return eventually(
        [&] {
          bell_.wait(50ms);
          for (auto& one : through_->take())
            replies.push_back(std::move(one));
          return replies.size() >= count;
        },
        within);
  }

  std::vector<api_reply> replies;

private:
  bell bell_;
  std::unique_ptr<inquirer> through_;
};

// Answers each question with its own payload and the name of the desk.
class clerk {
public:
  clerk(std::unique_ptr<question_desk> desk, std::string name)
      : desk_(std::move(desk)), name_(std::move(name)) {
    desk_->open(bell_.ringer());
    thread_ = std::thread([this] {
      while (!stopped_) {
        bell_.wait(50ms);
        for (const auto& one : desk_->take(1000)) {
          ++answered;
          desk_->answer(one.reply, one.payload, {{"Desk", name_}});
        }
      }
    });
  }

  ~clerk() {
    stopped_ = true;
    thread_.join();
  }

  std::atomic<std::uint64_t> answered = 0;

private:
  bell bell_;
  std::unique_ptr<question_desk> desk_;
  const std::string name_;
  std::atomic<bool> stopped_ = false;
  std::thread thread_;
};

std::vector<std::string> record_subjects() {
  return {std::string(names::api_record), std::string(names::api_account)};
}

struct fixture {
  event_log events;
  std::unique_ptr<broker> bus;
  std::shared_ptr<session> side;

  fixture() {
    servers().start_again();
    bus = broker::connect(options_for(servers().nats_url()), events.observer());
    side = session::open(options_for(servers().nats_url()), {.name = "test"});
  }

  ~fixture() { servers().start_again(); }

  // A desk that a question has reached, so that the broker is known to know it.
  std::unique_ptr<question_desk> open_desk(bell& rings) {
    auto desk = bus->make_desk(record_subjects());
    desk->open(rings.ringer());
    natsConnection_FlushTimeout(side->raw(), 2000);
    asker probe(bus->make_inquirer());
    probe.ask(1, "probe");
    std::vector<api_question> came;
    CAF_REQUIRE(eventually([&] { return !(came = desk->take(1000)).empty(); }));
    desk->answer(came[0].reply, "", {});
    CAF_REQUIRE(probe.collect(1));
    rings.wait(0ms);
    return desk;
  }
};

const std::string* value_of(const std::vector<header>& headers, std::string_view name) {
  for (const auto& one : headers)
    if (one.name == name)
      return &one.value;
  return nullptr;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(question_tests, fixture)

CAF_TEST(a question is answered with what the desk says) {
  bell rings;
  auto desk = open_desk(rings);
  asker asks(bus->make_inquirer());
  asks.ask(17, R"({"recordId":7})");
  CAF_REQUIRE(rings.wait(5s));
  const auto came = desk->take(1000);
  CAF_REQUIRE_EQUAL(came.size(), 1u);
  CAF_CHECK_EQUAL(came[0].subject, "ledgerd.api.record");
  CAF_CHECK_EQUAL(came[0].payload, R"({"recordId":7})");
  CAF_CHECK(came[0].headers.empty());
  desk->answer(came[0].reply, "{\"x\":1}",
               {{"Nats-Service-Error-Code", "404"}, {"Other", "a\r\nInjected: b"}});
  CAF_REQUIRE(asks.collect(1));
  const auto& reply = asks.replies[0];
  CAF_CHECK_EQUAL(reply.token, 17u);
  CAF_CHECK(reply.answered);
  CAF_CHECK_EQUAL(reply.payload, "{\"x\":1}");
  CAF_REQUIRE(value_of(reply.headers, "Nats-Service-Error-Code") != nullptr);
  CAF_CHECK_EQUAL(*value_of(reply.headers, "Nats-Service-Error-Code"), "404");
  CAF_CHECK_EQUAL(*value_of(reply.headers, "Other"), "a  Injected: b");
  CAF_CHECK(value_of(reply.headers, "Injected") == nullptr);
  // A second answer to the same question is nobody's.
  desk->answer(came[0].reply, "again", {});
  CAF_CHECK(!asks.collect(2, 300ms));
}

CAF_TEST(an empty answer is an answer) {
  bell rings;
  auto desk = open_desk(rings);
  asker asks(bus->make_inquirer());
  asks.ask(1, "");
  std::vector<api_question> came;
  CAF_REQUIRE(eventually([&] { return !(came = desk->take(1000)).empty(); }));
  CAF_CHECK_EQUAL(came[0].payload, "");
  desk->answer(came[0].reply, "", {});
  CAF_REQUIRE(asks.collect(1));
  CAF_CHECK(asks.replies[0].answered);
  CAF_CHECK_EQUAL(asks.replies[0].payload, "");
}

CAF_TEST(an answer that the broker does not take is told as a problem) {
  auto desk = bus->make_desk({std::string(names::api_record)});
  bell rung;
  desk->open(rung.ringer());
  asker asks(bus->make_inquirer());
  CAF_REQUIRE(eventually([&] {
    asks.ask(1, "?");
    asks.collect(1, 100ms);
    for (const auto& one : desk->take(10))
      desk->answer(one.reply, std::string(desk->message_bytes_max() + 1, 'x'), {});
    asks.collect(1, 1s);
    return !asks.replies.empty() && asks.replies.back().answered;
  }));
  const auto& got = asks.replies.back();
  CAF_CHECK(got.payload.find("\"code\":\"TOO_LARGE\"") != std::string::npos);
  CAF_CHECK(got.payload.find("max_payload") != std::string::npos);
  CAF_CHECK(
      std::find(got.headers.begin(), got.headers.end(), header{"Nats-Service-Error-Code", "413"})
      != got.headers.end());
}

CAF_TEST(headers of a question arrive) {
  bell rings;
  auto desk = open_desk(rings);
  const auto inbox = side->make_inbox();
  const auto answers = std::make_shared<payloads>();
  side->subscribe(inbox, answers);
  side->publish({.subject = "ledgerd.api.account",
                 .payload = "{}",
                 .headers = {{"Idempotency-Key", "key 1"}, {"traceparent", "00-1-2-01"}}},
                inbox);
  std::vector<api_question> came;
  CAF_REQUIRE(eventually([&] { return !(came = desk->take(1000)).empty(); }));
  CAF_CHECK_EQUAL(came[0].subject, "ledgerd.api.account");
  CAF_REQUIRE(value_of(came[0].headers, "Idempotency-Key") != nullptr);
  CAF_CHECK_EQUAL(*value_of(came[0].headers, "Idempotency-Key"), "key 1");
  CAF_CHECK(value_of(came[0].headers, "traceparent") != nullptr);
  desk->answer(came[0].reply, "yes", {});
  CAF_REQUIRE(eventually([&] { return !answers->came().empty(); }));
  CAF_CHECK(answers->came() == std::vector<std::string>{"yes"});
}

CAF_TEST(who asks cannot make the desk publish where he likes) {
  bell rings;
  auto desk = open_desk(rings);
  for (const auto* reply : {"$JS.API.STREAM.DELETE.TRANSACTIONS", "$SYS.x", "transaction.deposit",
                            "ledgerd.api.record", "orders.new", "_INBOXES.x", "_INBOX"})
    side->publish("ledgerd.api.record", reply, "bad");
  side->publish("ledgerd.api.record", "", "nobody to answer");
  side->publish("ledgerd.api.record", "_INBOX.x", "good");
  std::vector<api_question> came;
  CAF_REQUIRE(eventually([&] { return !(came = desk->take(1000)).empty(); }));
  CAF_REQUIRE_EQUAL(came.size(), 1u);
  CAF_CHECK_EQUAL(came[0].payload, "good");
  CAF_CHECK_EQUAL(desk->losses().foreign_reply, 8u);
}

CAF_TEST(clients with an inbox prefix of their own are answered when it is named) {
  auto options = options_for(servers().nats_url());
  options.reply_prefix = "_INBOX_till";
  const auto other = broker::connect(options, nullptr);
  bell rings;
  auto desk = other->make_desk({"ledgerd.api.record"});
  desk->open(rings.ringer());
  std::vector<api_question> came;
  CAF_REQUIRE(eventually([&] {
    side->publish("ledgerd.api.record", "_INBOX_other.x", "bad");
    side->publish("ledgerd.api.record", "_INBOX_till7.x", "good");
    std::this_thread::sleep_for(20ms);
    return !(came = desk->take(1000)).empty();
  }));
  for (const auto& one : came)
    CAF_CHECK_EQUAL(one.payload, "good");
}

CAF_TEST(a question that is too large comes without its payload) {
  bell rings;
  auto desk = open_desk(rings);
  side->publish("ledgerd.api.record", "_INBOX.x", std::string(64 * 1024, 'x'));
  side->publish("ledgerd.api.record", "_INBOX.x", std::string(64 * 1024 + 1, 'x'));
  side->publish({.subject = "ledgerd.api.record",
                 .payload = "{}",
                 .headers = {{"X", std::string(9000, 'h')}}},
                "_INBOX.x");
  std::vector<api_question> came;
  CAF_REQUIRE(eventually([&] {
    for (auto& one : desk->take(1000))
      came.push_back(std::move(one));
    return came.size() == 3;
  }));
  CAF_CHECK(!came[0].too_large);
  CAF_CHECK_EQUAL(came[0].payload.size(), 64u * 1024);
  for (const auto i : {1u, 2u}) {
    CAF_CHECK(came[i].too_large);
    CAF_CHECK(came[i].payload.empty() && came[i].headers.empty());
    CAF_CHECK_EQUAL(came[i].reply, "_INBOX.x");
  }
}

CAF_TEST(what waits takes no more than its bytes) {
  auto line = std::make_shared<lifeline>(options_for(servers().nats_url()),
                                         session_options{.name = "test", .immediate = true},
                                         [](link_event, const std::string&) {});
  bell rings;
  auto desk = make_question_desk(line, record_subjects(), {.bytes_max = 256 * 1024});
  desk->open(rings.ringer());
  natsConnection_FlushTimeout(line->current()->raw(), 2000);
  for (int i = 0; i < 200; ++i)
    side->publish("ledgerd.api.record", "_INBOX.x", std::string(60000, 'x'));
  CAF_REQUIRE(eventually([&] { return desk->losses().overflow == 196; }));
  CAF_CHECK_EQUAL(desk->take(1000).size(), 4u);
}

CAF_TEST(two desks share the questions) {
  auto second = broker::connect(options_for(servers().nats_url()), nullptr);
  clerk one(bus->make_desk(record_subjects()), "one");
  clerk two(second->make_desk(record_subjects()), "two");
  asker asks(bus->make_inquirer());
  constexpr std::uint64_t count = 400;
  // Both are known once both have answered.
  std::uint64_t warm = 0;
  CAF_REQUIRE(eventually([&] {
    asks.ask(++warm, "warm");
    asks.collect(warm);
    return one.answered > 0 && two.answered > 0;
  }));
  asks.replies.clear();
  const auto before = one.answered + two.answered;
  for (std::uint64_t i = 1; i <= count; ++i)
    asks.ask(i, std::to_string(i));
  CAF_REQUIRE(asks.collect(count));
  CAF_CHECK(!asks.collect(count + 1, 200ms));
  CAF_CHECK_EQUAL(one.answered + two.answered - before, count);
  std::map<std::uint64_t, int> seen;
  std::map<std::string, int> desks;
  for (const auto& reply : asks.replies) {
    CAF_REQUIRE(reply.answered);
    CAF_REQUIRE_EQUAL(reply.payload, std::to_string(reply.token));
    ++seen[reply.token];
    ++desks[*value_of(reply.headers, "Desk")];
  }
  CAF_CHECK_EQUAL(seen.size(), count);
  CAF_CHECK_GREATER(desks["one"], 50);
  CAF_CHECK_GREATER(desks["two"], 50);
}

CAF_TEST(nobody there is known at once) {
  asker asks(bus->make_inquirer());
  // A question is given up after two seconds, each time; a stall of the machine lasts as long once.
  bool at_once = false;
  for (std::uint64_t tries = 1; tries <= 5 && !at_once; ++tries) {
    const auto begin = steady::now();
    asks.ask(tries, "x", "ledgerd.api.nobody");
    CAF_REQUIRE(asks.collect(tries));
    at_once = steady::now() - begin < 1800ms;
    CAF_CHECK_EQUAL(asks.replies.back().token, tries);
    CAF_CHECK(!asks.replies.back().answered);
  }
  CAF_CHECK(at_once);
}

CAF_TEST(a question that cannot be sent is not answered) {
  asker asks(bus->make_inquirer());
  asks.ask(1, std::string(bus->message_bytes_max() + 1, 'x'));
  CAF_REQUIRE(asks.collect(1, 10s));
  CAF_CHECK(!asks.replies[0].answered);
}

CAF_TEST(a slow answer gives exactly one reply) {
  bell rings;
  auto desk = open_desk(rings);
  asker asks(bus->make_inquirer());
  const auto begin = steady::now();
  asks.ask(1, "slow");
  std::vector<api_question> came;
  CAF_REQUIRE(eventually([&] { return !(came = desk->take(1000)).empty(); }));
  CAF_REQUIRE(asks.collect(1));
  const auto waited = steady::now() - begin;
  CAF_CHECK_GREATER(waited, 1900ms);
  CAF_CHECK_LESS(waited, 10s);
  CAF_CHECK(!asks.replies[0].answered);
  desk->answer(came[0].reply, "too late", {});
  CAF_CHECK(!asks.collect(2, 300ms));
  asks.ask(2, "quick");
  CAF_REQUIRE(eventually([&] { return !(came = desk->take(1000)).empty(); }));
  desk->answer(came[0].reply, "in time", {});
  CAF_REQUIRE(asks.collect(2));
  CAF_CHECK_EQUAL(asks.replies[1].token, 2u);
  CAF_CHECK_EQUAL(asks.replies[1].payload, "in time");
}

CAF_TEST(a restart of the broker ends what was asked and nothing else) {
  bell rings;
  auto desk = open_desk(rings);
  asker asks(bus->make_inquirer());
  asks.ask(1, "before");
  std::vector<api_question> came;
  CAF_REQUIRE(eventually([&] { return !(came = desk->take(1000)).empty(); }));
  servers().kill_nats();
  CAF_REQUIRE(asks.collect(1, 1500ms)); // before the deadline
  CAF_CHECK(!asks.replies[0].answered);
  CAF_REQUIRE(eventually([&] { return !bus->connected(); }));
  asks.ask(2, "while down");
  CAF_REQUIRE(asks.collect(2, 5s)); // of its two links only one may be known to be down so far
  CAF_CHECK(!asks.replies[1].answered);
  desk->answer(came[0].reply, "into the void", {});
  CAF_CHECK(desk->take(1000).empty());
  servers().start_again();
  CAF_REQUIRE(eventually([&] { return bus->connected(); }));
  // The desk's subscription is back before any question of ours, but for the order of two servers'
  // threads.
  auto token = std::uint64_t{2};
  CAF_REQUIRE(eventually([&] {
    asks.ask(++token, "after");
    asks.collect(token - 1, 300ms);
    return !(came = desk->take(1000)).empty();
  }));
  for (const auto& one : came)
    desk->answer(one.reply, "back again", {});
  CAF_REQUIRE(asks.collect(token));
  CAF_CHECK(!asks.collect(token + 1, 300ms));
  CAF_CHECK(asks.replies.back().answered);
  CAF_CHECK_EQUAL(asks.replies.back().payload, "back again");
}

CAF_TEST(a rebuilt session gets new subscriptions) {
  event_log log;
  auto line = std::make_shared<lifeline>(options_for(servers().nats_url()),
                                         session_options{.name = "test", .immediate = true},
                                         log.observer());
  clerk answers(make_question_desk(line, record_subjects()), "one");
  asker asks(make_nats_inquirer(line));
  std::uint64_t token = 0;
  for (std::size_t round = 1; round <= 2; ++round) {
    natsConnection_Close(line->current()->raw());
    CAF_REQUIRE(eventually([&] { return line->up() && log.count(link_event::rebuilt) == round; }));
    const auto before = asks.replies.size();
    CAF_CHECK(eventually([&] {
      asks.ask(++token, "x");
      return asks.collect(token) && asks.replies.back().answered;
    }));
    CAF_CHECK_GREATER(asks.replies.size(), before);
  }
  CAF_CHECK_EQUAL(asks.replies.size(), token);
}

CAF_TEST(of questions beyond the limit the newest stay) {
  auto line = std::make_shared<lifeline>(options_for(servers().nats_url()),
                                         session_options{.name = "test", .immediate = true},
                                         [](link_event, const std::string&) {});
  bell rings;
  auto desk = make_question_desk(line, record_subjects(), {.count_max = 3});
  desk->open(rings.ringer());
  natsConnection_FlushTimeout(line->current()->raw(), 2000);
  for (int i = 0; i < 5; ++i)
    side->publish("ledgerd.api.record", "_INBOX.x", std::to_string(i));
  CAF_REQUIRE(rings.wait(5s));
  CAF_REQUIRE(eventually([&] { return desk->losses().overflow == 2; }));
  CAF_CHECK_EQUAL(rings.rings(), 1u);
  const auto came = desk->take(1000);
  CAF_REQUIRE_EQUAL(came.size(), 3u);
  CAF_CHECK_EQUAL(came[0].payload, "2");
  CAF_CHECK_EQUAL(came[2].payload, "4");
  CAF_CHECK_EQUAL(desk->losses().overflow, 2u);
  side->publish("ledgerd.api.record", "_INBOX.x", "room again");
  CAF_REQUIRE(rings.wait(5s));
  CAF_CHECK_EQUAL(desk->take(1000).size(), 1u);
}

CAF_TEST(a closed desk still answers what has come) {
  bell rings;
  auto desk = open_desk(rings);
  asker asks(bus->make_inquirer());
  asks.ask(1, "last");
  CAF_REQUIRE(rings.wait(5s));
  desk->close();
  natsConnection_FlushTimeout(side->raw(), 2000);
  CAF_CHECK(eventually([&] {
    asker other(bus->make_inquirer());
    other.ask(9, "too late");
    return other.collect(1, 500ms) && !other.replies[0].answered;
  }));
  const auto came = desk->take(1000);
  CAF_REQUIRE(!came.empty());
  CAF_CHECK_EQUAL(came[0].payload, "last");
  desk->answer(came[0].reply, "goodbye", {});
  CAF_REQUIRE(asks.collect(1));
  CAF_CHECK_EQUAL(asks.replies[0].payload, "goodbye");
}

CAF_TEST(several threads may answer at once) {
  bell rings;
  auto desk = open_desk(rings);
  asker asks(bus->make_inquirer());
  constexpr std::size_t count = 400;
  for (std::size_t i = 1; i <= count; ++i)
    asks.ask(i, std::to_string(i));
  std::vector<api_question> came;
  CAF_REQUIRE(eventually([&] {
    for (auto& one : desk->take(1000))
      came.push_back(std::move(one));
    return came.size() == count;
  }));
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (auto i = t; i < count; i += 4)
        desk->answer(came[i].reply, came[i].payload, {{"Thread", std::to_string(t)}});
      nats_ReleaseThreadMemory();
    });
  for (auto& one : threads)
    one.join();
  CAF_REQUIRE(asks.collect(count));
  for (const auto& reply : asks.replies)
    CAF_CHECK_EQUAL(reply.payload, std::to_string(reply.token));
}

CAF_TEST(a desk and an inquirer may end at any time) {
  for (int i = 0; i < 20; ++i) {
    auto desk = bus->make_desk(record_subjects());
    auto asks = bus->make_inquirer();
    if (i % 2 == 0) {
      desk->open([] {});
      asks->open([] {});
      asks->ask(1, "ledgerd.api.record", "x");
    }
  }
  bell rings;
  auto desk = open_desk(rings);
  bus.reset();
  desk.reset();
}

CAF_TEST_FIXTURE_SCOPE_END()
