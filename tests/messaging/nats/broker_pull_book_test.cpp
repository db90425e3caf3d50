#include "messaging/nats/pull_book.hpp"

#include <algorithm>
#include <deque>
#include <random>
#include <utility>

#define CAF_SUITE broker_pull_book
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

const pull_book::time_point start{std::chrono::hours(1)};

// A broker that serves the waiting requests in turn. `lag` deliveries pass before it sees a new
// request.
struct turn_taking_broker {
  std::deque<std::pair<std::uint64_t, std::size_t>> waiting;
  std::deque<std::pair<std::size_t, pull_book::wish>> on_the_way;
  std::size_t delivered = 0;

  void ask(const pull_book::wish& wish, std::size_t lag) {
    on_the_way.emplace_back(delivered + lag, wish);
  }

  void see_requests(bool all) {
    while (!on_the_way.empty() && (all || on_the_way.front().first <= delivered)) {
      waiting.emplace_back(on_the_way.front().second.id, on_the_way.front().second.batch);
      on_the_way.pop_front();
    }
  }

  bool deliver() {
    see_requests(waiting.empty());
    if (waiting.empty())
      return false;
    auto turn = waiting.front();
    waiting.pop_front();
    if (--turn.second > 0)
      waiting.push_back(turn);
    ++delivered;
    return true;
  }

  std::size_t to_come() const {
    std::size_t sum = 0;
    for (const auto& one : waiting)
      sum += one.second;
    for (const auto& one : on_the_way)
      sum += one.second.batch;
    return sum;
  }
};

// Whatever is delivered, ended and used, in any order: the book never asks for more than there is
// room for, and with a broker that sees requests at once it knows what is to come exactly.
void run_against_broker(std::mt19937& random, std::size_t lag_max) {
  const std::size_t window = 1 + random() % 3000;
  pull_book book(1 + random() % 1500);
  turn_taking_broker broker;
  std::size_t held = 0;
  for (int step = 0; step < 300; ++step) {
    while (const auto wish = book.next({window - std::min(window, held)}, start))
      broker.ask(*wish, lag_max == 0 ? 0 : random() % lag_max);
    if (lag_max == 0)
      broker.see_requests(true);
    CAF_REQUIRE_LESS_OR_EQUAL(held + broker.to_come(), lag_max == 0 ? window : 2 * window);
    if (lag_max == 0)
      CAF_REQUIRE_EQUAL(book.outstanding(), broker.to_come());
    CAF_REQUIRE(held > 0 || broker.to_come() > 0);
    std::size_t came = 0;
    for (auto wanted = random() % 300; came < wanted && broker.deliver();)
      ++came;
    held += came;
    book.arrived({came, 0}, start);
    if (!broker.waiting.empty() && random() % 4 == 0) {
      const auto [id, left] = broker.waiting.front();
      broker.waiting.pop_front();
      book.ended(id, left);
    }
    held -= random() % (held + 1);
  }
}

} // namespace

CAF_TEST(no room means no request) {
  pull_book book(1000);
  CAF_CHECK(!book.next({0}, start));
  CAF_CHECK_EQUAL(book.open(), 0u);
}

CAF_TEST(two requests share the room and run out at different times) {
  pull_book book(1000);
  const auto first = book.next({900}, start);
  const auto second = book.next({900}, start);
  CAF_REQUIRE(first && second);
  CAF_CHECK_EQUAL(first->batch + second->batch, 900u);
  CAF_CHECK(first->batch != second->batch);
  CAF_CHECK(first->expires != second->expires);
  CAF_CHECK(first->id != second->id);
  CAF_CHECK(!book.next({900}, start));
  CAF_CHECK(!book.next({5000}, start));
}

CAF_TEST(a request never exceeds the limit nor the heartbeat rule) {
  pull_book book(100);
  const auto first = book.next({100000}, start);
  const auto second = book.next({100000}, start);
  CAF_REQUIRE(first && second);
  CAF_CHECK_EQUAL(first->batch, 100u);
  CAF_CHECK_LESS_OR_EQUAL(second->batch, 100u);
  CAF_CHECK_LESS_OR_EQUAL(2 * pull_book::heartbeat.count(), first->expires.count());
}

CAF_TEST(deliveries use requests up and new ones are due before the last is used up) {
  pull_book book(1000);
  while (book.next({4000}, start))
    ;
  const auto asked = book.outstanding();
  std::size_t came = 0;
  while (book.open() == 2) {
    book.arrived({1, 0}, start);
    ++came;
  }
  CAF_CHECK_EQUAL(book.outstanding(), asked - came);
  CAF_CHECK_GREATER(book.outstanding(), 100u);
  CAF_CHECK(book.next({4000 - came}, start));
  book.arrived({100000, 0}, start); // surplus is nothing to fall over
  CAF_CHECK_EQUAL(book.outstanding(), 0u);
  CAF_CHECK_EQUAL(book.open(), 0u);
}

CAF_TEST(a little room is not worth a second request) {
  pull_book book(1000);
  CAF_REQUIRE(book.next({1}, start));
  CAF_CHECK_EQUAL(book.outstanding(), 1u);
  book.arrived({1, 0}, start);
  CAF_REQUIRE(book.next({900}, start));
  CAF_REQUIRE_EQUAL(book.outstanding(), 600u);
  CAF_CHECK(!book.next({600 + 299}, start));
  CAF_CHECK(book.next({600 + 300}, start));
}

CAF_TEST(the end of a request names what will not come) {
  pull_book book(1000);
  const auto first = book.next({900}, start);
  const auto second = book.next({900}, start);
  CAF_REQUIRE(first && second);
  book.arrived({100, 0}, start);
  book.ended(first->id, 550); // the broker has served both in turn
  CAF_CHECK_EQUAL(book.outstanding(), 250u);
  CAF_CHECK_EQUAL(book.open(), 1u);
  book.ended(second->id, std::nullopt);
  CAF_CHECK_EQUAL(book.outstanding(), 0u);
}

CAF_TEST(a wrong guess about the turns does not spoil the sum) {
  pull_book book(1000);
  const auto first = book.next({900}, start);
  const auto second = book.next({900}, start);
  CAF_REQUIRE(first && second);
  book.arrived({100, 0}, start);
  book.ended(first->id, 500); // all of the hundred were the first one's
  CAF_CHECK_EQUAL(book.outstanding(), second->batch);
}

CAF_TEST(the end of a request that was full takes no bytes of the others) {
  pull_book book(10);
  const auto first = book.next({20, 3'000'000}, start);
  CAF_REQUIRE(first);
  book.arrived({first->batch - 2, 8000}, start);
  const auto second = book.next({20, 3'000'000}, start);
  CAF_REQUIRE(second);
  book.arrived({4, 4000}, start);
  CAF_REQUIRE_EQUAL(book.open(), 1u);
  const auto open = book.outstanding_room();
  book.ended(first->id, 0, 1'000'000); // "Batch Completed", with what it had not used
  CAF_CHECK_EQUAL(book.outstanding_room().bytes, open.bytes);
  CAF_CHECK_EQUAL(book.outstanding_room().messages, open.messages);
}

CAF_TEST(silent and overdue requests are given up and their late end is ignored) {
  pull_book book(1000);
  const auto first = book.next({900}, start);
  const auto second = book.next({900}, start);
  CAF_REQUIRE(first && second);
  CAF_CHECK_EQUAL(book.expire(start + 2400ms), 0u);
  book.heard(first->id, start + 2400ms);
  CAF_CHECK_EQUAL(book.expire(start + 2500ms),
                  2u); // the first by its deadline, the second by its silence
  CAF_CHECK_EQUAL(book.outstanding(), 0u);
  const auto third = book.next({900}, start + 3s);
  CAF_REQUIRE(third);
  book.ended(first->id, 600);
  book.ended(second->id, 300);
  CAF_CHECK_EQUAL(book.outstanding(), third->batch);
}

CAF_TEST(heartbeats and deliveries keep a request alive until its deadline) {
  pull_book book(1000);
  CAF_REQUIRE(book.next({900}, start));
  const auto second = book.next({900}, start);
  CAF_REQUIRE(second);
  book.arrived({1, 0}, start + 2s);
  CAF_CHECK_EQUAL(book.expire(start + 3s), 1u);
  book.heard(second->id, start + 4s);
  CAF_CHECK_EQUAL(book.expire(start + 4400ms), 0u);
  CAF_CHECK_EQUAL(book.expire(start + 4500ms), 1u);
}

CAF_TEST(what is said of forgotten requests is ignored) {
  pull_book book(1000);
  const auto old = book.next({900}, start);
  CAF_REQUIRE(old);
  book.clear();
  CAF_CHECK_EQUAL(book.outstanding(), 0u);
  const auto fresh = book.next({900}, start);
  CAF_REQUIRE(fresh);
  book.ended(old->id, 600);
  book.ended(12345, 600);
  CAF_CHECK_EQUAL(book.outstanding(), fresh->batch);
}

CAF_TEST(random runs against a broker that sees requests at once) {
  const auto seed = std::random_device{}();
  CAF_MESSAGE("seed " << seed);
  std::mt19937 random(seed);
  for (int run = 0; run < 200; ++run)
    run_against_broker(random, 0);
}

CAF_TEST(random runs against a broker that sees requests late) {
  const auto seed = std::random_device{}();
  CAF_MESSAGE("seed " << seed);
  std::mt19937 random(seed);
  for (int run = 0; run < 200; ++run)
    run_against_broker(random, 500);
}

namespace {

// A broker with a queue of messages of different sizes, which ends a request when the next message
// does not fit what is left of its bytes.
struct weighing_broker {
  struct open_request {
    std::uint64_t id;
    std::size_t batch;
    std::size_t bytes; // 0: without limit
  };
  std::deque<std::size_t> queue;
  std::deque<open_request> waiting;
  std::size_t ended = 0;

  void ask(const pull_book::wish& wish) { waiting.push_back({wish.id, wish.batch, wish.bytes}); }

  // The size of what it delivers; nothing when no request takes the next message.
  std::optional<std::size_t> deliver(pull_book& book, pull_book::time_point now = start) {
    while (!queue.empty() && !waiting.empty()) {
      auto& turn = waiting.front();
      const auto size = queue.front();
      if (turn.bytes > 0 && size > turn.bytes) {
        book.too_small(turn.id, turn.batch, now);
        book.ended(turn.id, turn.batch, turn.bytes);
        waiting.pop_front();
        ++ended;
        continue;
      }
      queue.pop_front();
      if (turn.bytes > 0)
        turn.bytes = std::max<std::size_t>(turn.bytes - size, 1);
      if (--turn.batch == 0)
        waiting.pop_front();
      else
        std::rotate(waiting.begin(), waiting.begin() + 1, waiting.end());
      return size;
    }
    return std::nullopt;
  }

  // The most that may still come for what is asked.
  std::size_t bytes_to_come() const {
    std::size_t sum = 0;
    for (const auto& one : waiting)
      sum += one.bytes;
    return sum;
  }
};

} // namespace

CAF_TEST(all sizes get through and no more than the room in bytes is held or asked for) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const std::size_t whole = 1000 + random() % 100000;
    pull_book book(1 + random() % 500);
    book.expect_messages_of(random() % 20000); // may also be less than they are
    weighing_broker broker;
    for (int i = 0; i < 500; ++i)
      broker.queue.push_back(random() % 20 == 0  ? random() % (3 * whole)
                             : random() % 3 == 0 ? random() % whole
                                                 : 1 + random() % 300);
    std::deque<std::size_t> held;
    std::size_t held_bytes = 0;
    int idle = 0;
    while (!broker.queue.empty()) {
      const auto room = whole > held_bytes ? whole - held_bytes : 0;
      while (const auto wish =
                 book.next({1000 - std::min<std::size_t>(held.size(), 1000), room}, start))
        broker.ask(*wish);
      // One that is larger than all the room is held alone. The book does not know which request
      // brought what, so a part may be asked for twice.
      CAF_REQUIRE(held_bytes + broker.bytes_to_come() <= whole + whole / 2 + 2 || held.size() <= 1);
      const auto got = broker.deliver(book);
      if (got) {
        held.push_back(*got);
        held_bytes += *got;
        book.arrived({1, *got}, start);
      }
      if (!held.empty() && (!got || random() % 3 == 0)) {
        held_bytes -= held.front();
        held.pop_front();
        idle = 0;
      } else {
        idle = got ? 0 : idle + 1;
      }
      CAF_REQUIRE_LESS(idle, 40); // never a standstill, never for ever the same refusal
    }
  }
}

namespace {

// A caller with a credit of bytes of which a part stays held, as by the request of an account whose
// row a stranger has locked. It settles the rest at once, and looks four times a second.
struct stuck_caller {
  static constexpr std::size_t credit = 8 << 20;
  static constexpr std::size_t messages = 8192;

  pull_book book{1000};
  weighing_broker broker;
  pull_book::time_point now = start;
  std::deque<std::size_t> stuck;
  std::size_t stuck_bytes = 0;
  std::size_t held_most = 0;

  explicit stuck_caller(std::size_t payload_max) {
    book.expect_messages_of(payload_max + 8 * 1024);
    ask(); // with nothing held
  }

  void hold(std::size_t bytes) {
    stuck.push_back(bytes);
    stuck_bytes += bytes;
  }

  void ask() {
    const capacity room{messages - stuck.size(), credit - std::min(credit, stuck_bytes)};
    while (const auto wish = book.next(room, now))
      broker.ask(*wish);
  }

  // What of the queue has come within so many seconds.
  std::size_t run(int seconds) {
    std::size_t count = 0;
    for (const auto end = now + std::chrono::seconds(seconds); now < end; now += 250ms) {
      book.expire(now);
      if (book.open() == 0)
        broker.waiting.clear();
      ask();
      while (const auto size = broker.deliver(book, now)) {
        held_most = std::max(held_most, stuck_bytes + *size);
        book.arrived({1, *size}, now);
        ++count;
        ask();
      }
    }
    return count;
  }
};

} // namespace

CAF_TEST(what stays held stops nothing however large the messages may be) {
  for (const std::size_t payload_max :
       {std::size_t{1} << 20, std::size_t{8} << 20, std::size_t{64} << 20})
    for (const std::size_t held : {std::size_t{1}, std::size_t{300}, stuck_caller::credit / 4,
                                   stuck_caller::credit * 3 / 4, stuck_caller::credit - 1}) {
      CAF_MESSAGE(payload_max << " bytes at most, " << held << " held");
      stuck_caller caller{payload_max};
      caller.hold(held);
      caller.broker.queue.assign(1000, 300);
      const bool plenty = held <= stuck_caller::credit / 4;
      CAF_CHECK_EQUAL(caller.run(plenty ? 2 : 60), 1000u);
      CAF_CHECK_LESS_OR_EQUAL(caller.held_most, stuck_caller::credit + 300);
    }
}

CAF_TEST(a message larger than the room beside what stays comes alone) {
  for (const std::size_t held : {std::size_t{300}, stuck_caller::credit / 2}) {
    stuck_caller caller{8 << 20};
    caller.hold(held);
    for (int i = 0; i < 10; ++i)
      for (const std::size_t size : {std::size_t{300}, std::size_t{6} << 20, std::size_t{8} << 20})
        caller.broker.queue.push_back(size);
    CAF_CHECK_EQUAL(caller.run(60), 30u);
    CAF_CHECK_LESS_OR_EQUAL(caller.held_most, held + (8u << 20)); // one beyond the credit
  }
}

CAF_TEST(beyond a credit that is held as a whole one message more is held and no second) {
  stuck_caller caller{8 << 20};
  caller.hold(stuck_caller::credit + 300);
  caller.broker.queue.assign(100, 300);
  CAF_CHECK_EQUAL(caller.run(30), 100u);
  caller.hold(300); // it stays as well
  caller.broker.queue.assign(100, 300);
  CAF_CHECK_LESS_OR_EQUAL(caller.run(60), 1u); // what was asked for before
  caller.stuck.pop_front();
  caller.stuck_bytes = 300;
  CAF_CHECK_GREATER_OR_EQUAL(caller.run(2), 99u);
}

// nats-server before 2.10.14 takes a redelivery that no request has room for back until its lease
// has run out once more; others come meanwhile.
CAF_TEST(who was refused a message asks for as much until it may have come again) {
  stuck_caller caller{8 << 20};
  caller.broker.queue = {7 << 20};
  const auto first = caller.book.open();
  CAF_REQUIRE_EQUAL(first, 1u);
  CAF_REQUIRE(!caller.broker.deliver(caller.book, caller.now));
  caller.broker.queue.assign(100, 300);
  CAF_CHECK_EQUAL(caller.run(60), 100u);
  caller.broker.queue = {7 << 20};
  const auto ended = caller.broker.ended;
  CAF_CHECK_EQUAL(caller.run(2), 1u);
  CAF_CHECK_EQUAL(caller.broker.ended, ended);
}

CAF_TEST(small messages do not feel the limit in bytes) {
  pull_book book(1000);
  book.expect_messages_of(1 << 20);
  const auto first = book.next({900, 16 << 20}, start);
  const auto second = book.next({900, 16 << 20}, start);
  CAF_REQUIRE(first && second);
  CAF_CHECK_EQUAL(first->batch, 600u);
  CAF_CHECK_EQUAL(second->batch, 300u);
  CAF_CHECK_LESS_OR_EQUAL(first->bytes + second->bytes, 16u << 20);
  CAF_CHECK_LESS(1u << 20, second->bytes);
}

CAF_TEST(no request is made for less than the largest message) {
  pull_book book(1000);
  book.expect_messages_of(1000);
  CAF_CHECK(book.next({900, 10000}, start));
  book.clear();
  CAF_CHECK(!book.next({900, 999}, start));
  CAF_CHECK(book.next({900, 1000}, start));
}

CAF_TEST(a limit that somebody sets and takes back is forgotten) {
  pull_book book(1000);
  book.expect_messages_of(1000);
  book.limit_requests(1, start);
  book.limit_request_bytes(10, start);
  const auto one = book.next({900, 10000}, start);
  CAF_REQUIRE(one.has_value());
  CAF_CHECK_EQUAL(one->batch, 1u);
  book.clear();
  const auto small = book.next({900, 10000}, start + 29s);
  CAF_REQUIRE(small.has_value());
  CAF_CHECK_EQUAL(small->bytes, 10u);
  book.clear();
  const auto after = book.next({900, 10000}, start + 30s);
  CAF_REQUIRE(after);
  CAF_CHECK_EQUAL(after->batch, 600u);
  CAF_CHECK_GREATER(after->bytes, 1000u);
}
