#include <nats/nats.h>

#include <algorithm>
#include <map>

#include "messaging/link_codec.hpp"
#include "messaging/nats/peer_line.hpp"
#include "messaging/nats/question_desk.hpp"
#include "tests/messaging/nats/broker_fixture.hpp"

#define CAF_SUITE broker_peer
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr boot_id owner{0xb2};

// The asker's end, as a peer uses it.
class asking {
public:
  explicit asking(std::unique_ptr<peer_line> line) : line_(std::move(line)) {
    line_->open(bell_.ringer());
  }

  void turn() {
    bell_.wait(20ms);
    for (auto& each : line_->take())
      replies.push_back(std::move(each));
  }

  // The first reply to this frame that has come since the last call.
  std::optional<line_reply> reply_to(std::uint64_t number, std::chrono::milliseconds within = 20s) {
    std::optional<line_reply> result;
    eventually(
        [&] {
          turn();
          const auto found = std::find_if(replies.begin(), replies.end(),
                                          [&](const auto& each) { return each.number == number; });
          if (found == replies.end())
            return false;
          result = std::move(*found);
          replies.erase(found);
          return true;
        },
        within);
    return result;
  }

  peer_line& line() { return *line_; }

  std::vector<line_reply> replies;

private:
  bell bell_;
  std::unique_ptr<peer_line> line_;
};

// The owner's end: answers each frame with "N:payload" so many times, on a thread of its own.
class owning {
public:
  owning(std::unique_ptr<question_desk> desk, int times = 1)
      : desk_(std::move(desk)), times_(times), thread_([this] { run(); }) {}

  ~owning() {
    stop_ = true;
    thread_.join();
  }

  std::vector<std::string> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return seen_.size();
  }

private:
  void run() {
    desk_->open(bell_.ringer());
    while (!stop_) {
      bell_.wait(20ms);
      for (const auto& each : desk_->take(64)) {
        {
          const std::lock_guard lock(mutex_);
          seen_.push_back(each.payload);
        }
        for (int i = 0; i < times_; ++i)
          desk_->answer(each.reply, std::to_string(i) + ":" + each.payload, {});
      }
    }
  }

  bell bell_; // the desk rings it until it is gone
  std::unique_ptr<question_desk> desk_;
  const int times_;
  std::mutex mutex_;
  std::vector<std::string> seen_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

std::shared_ptr<lifeline> link(event_log& log) {
  return std::make_shared<lifeline>(options_for(servers().nats_url()),
                                    session_options{.name = "test", .immediate = true},
                                    log.observer());
}

std::uint64_t last_number = 0;

// Asks again and again: who has only begun to listen may miss the first.
bool gets_through(asking& one) {
  return eventually([&] {
    one.line().send(++last_number, "hello");
    const auto got = one.reply_to(last_number, 300ms);
    return got && !got->nobody;
  });
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(peer_line_tests, broker_fixture)

CAF_TEST(nobody there is said at once and by number) {
  asking one(bus->make_peer_line(boot_id{0xdead}));
  // The subscription to the inbox goes before the frame, on the same connection.
  one.line().send(7, "x");
  const auto got = one.reply_to(7, 2s);
  CAF_REQUIRE(got.has_value());
  CAF_CHECK(got->nobody);
}

CAF_TEST(a frame gets several replies and each goes to its own line) {
  const auto second = broker::connect(options_for(servers().nats_url()), nullptr);
  owning there(second->make_entries_desk(owner), 3);
  asking one(bus->make_peer_line(owner));
  asking two(bus->make_peer_line(owner));
  CAF_REQUIRE(gets_through(one));
  CAF_REQUIRE(gets_through(two));
  one.replies.clear();
  one.line().send(1000, "a");
  one.line().send(1001, "b");
  two.line().send(1000, "c");
  std::map<std::uint64_t, std::vector<std::string>> got;
  CAF_REQUIRE(eventually([&] {
    one.turn();
    got.clear();
    for (const auto& each : one.replies)
      if (each.number >= 1000)
        got[each.number].push_back(each.payload);
    return got[1000].size() == 3 && got[1001].size() == 3;
  }));
  CAF_CHECK((got[1000] == std::vector<std::string>{"0:a", "1:a", "2:a"}));
  CAF_CHECK((got[1001] == std::vector<std::string>{"0:b", "1:b", "2:b"}));
  CAF_CHECK(two.reply_to(1000)->payload == "0:c");
}

CAF_TEST(frames come in order and none is left out while they are taken) {
  owning there(bus->make_entries_desk(owner));
  asking one(bus->make_peer_line(owner));
  CAF_REQUIRE(gets_through(one));
  const auto before = there.seen().size();
  for (std::uint64_t i = 0; i < 1000; ++i)
    one.line().send(5000 + i, std::to_string(i));
  CAF_REQUIRE(one.reply_to(5999).has_value());
  auto seen = there.seen();
  seen.erase(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(before));
  CAF_REQUIRE_EQUAL(seen.size(), 1000u);
  for (std::size_t i = 0; i < seen.size(); ++i)
    CAF_REQUIRE_EQUAL(seen[i], std::to_string(i));
}

CAF_TEST(the largest frame and the largest reply arrive and larger ones do no harm) {
  owning there(bus->make_entries_desk(owner));
  asking one(bus->make_peer_line(owner));
  CAF_REQUIRE(gets_through(one));
  CAF_CHECK_GREATER_OR_EQUAL(one.line().message_bytes_max(), link_bytes_max);
  const std::string largest(link_bytes_max - 2, 'x'); // its reply has two bytes more
  one.line().send(9001, largest);
  const auto got = one.reply_to(9001);
  CAF_REQUIRE(got.has_value());
  CAF_CHECK_EQUAL(got->payload.size(), link_bytes_max);
  // One whose reply is too large, one that is too large itself, one that the broker does not take.
  one.line().send(9002, largest + "y");
  one.line().send(9003, largest + "yyy");
  one.line().send(9004, std::string(one.line().message_bytes_max() + 1, 'x'));
  const auto after = one.reply_to(9003); // comes without its payload: the receiver finds it damaged
  CAF_REQUIRE(after.has_value());
  CAF_CHECK_EQUAL(after->payload, "0:");
  CAF_CHECK(!one.reply_to(9002, 100ms));
  CAF_CHECK(bus->connected());
  CAF_CHECK(gets_through(one));
}

CAF_TEST(a restart of the broker loses what was under way and nothing else) {
  const auto second = broker::connect(options_for(servers().nats_url()), nullptr);
  owning there(second->make_entries_desk(owner));
  asking one(bus->make_peer_line(owner));
  CAF_REQUIRE(gets_through(one));
  servers().kill_nats();
  CAF_REQUIRE(eventually([&] { return !bus->connected() && !second->connected(); }));
  one.line().send(20000, "while down");
  one.turn();
  servers().start_again();
  CAF_REQUIRE(eventually([&] { return bus->connected() && second->connected(); }));
  CAF_REQUIRE(gets_through(one));
  CAF_CHECK(!one.reply_to(20000, 300ms));
  const auto seen = there.seen();
  CAF_CHECK(std::find(seen.begin(), seen.end(), "while down") == seen.end());
}

CAF_TEST(rebuilt sessions get new subscriptions) {
  event_log askers;
  event_log owners;
  const auto near = link(askers);
  const auto far = link(owners);
  asking one(make_nats_peer_line(near, entries_subject(owner)));
  owning there(make_question_desk(far, {entries_subject(owner)},
                                  {.payload_max = link_bytes_max, .queue_group = {}}));
  CAF_REQUIRE(gets_through(one));
  natsConnection_Close(near->current()->raw());
  CAF_REQUIRE(eventually([&] { return near->up() && askers.count(link_event::rebuilt) == 1; }));
  CAF_CHECK(gets_through(one));
  natsConnection_Close(far->current()->raw());
  CAF_REQUIRE(eventually([&] { return far->up() && owners.count(link_event::rebuilt) == 1; }));
  CAF_CHECK(gets_through(one));
  // Once each: the old subscriptions are gone.
  one.replies.clear();
  one.line().send(++last_number, "once");
  CAF_REQUIRE(one.reply_to(last_number).has_value());
  CAF_CHECK(!one.reply_to(last_number, 100ms));
}

CAF_TEST(replies that nobody takes are limited) {
  owning there(bus->make_entries_desk(owner), 1);
  auto line = bus->make_peer_line(owner);
  line->open({});
  const std::string large(500 * 1024, 'x');
  std::uint64_t number = 0;
  CAF_REQUIRE(eventually([&] { // it may not listen yet
    line->send(++number, "x");
    std::this_thread::sleep_for(20ms);
    return there.count() > 0;
  }));
  for (int i = 0; i < 100; ++i) {
    const auto before = there.count();
    line->send(++number, large);
    CAF_REQUIRE(eventually([&] { return there.count() > before; }));
  }
  // What is answered later comes later on the same connection.
  asking after(bus->make_peer_line(owner));
  CAF_REQUIRE(gets_through(after));
  std::size_t bytes = 0;
  for (const auto& each : line->take())
    bytes += each.payload.size();
  CAF_CHECK_LESS_OR_EQUAL(bytes, std::size_t{32} << 20);
  CAF_CHECK_GREATER(bytes, std::size_t{16} << 20);
}

CAF_TEST(a line and a desk may end at any time) {
  for (int i = 0; i < 30; ++i) {
    asking one(bus->make_peer_line(owner));
    owning there(bus->make_entries_desk(owner), 5);
    for (std::uint64_t number = 1; number < 50; ++number)
      one.line().send(number, "x");
    std::this_thread::sleep_for(1ms);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
