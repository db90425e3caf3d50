#include "tests/messaging/nats/broker_fixture.hpp"

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>

#define CAF_SUITE broker_read
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct fixture : broker_fixture {
  fixture() {
    CAF_REQUIRE(bus->provision({}).empty());
    // Two deposits, then one withdrawal, and so on.
    std::uint64_t sent = 0;
    bus->publish_all(
        [&]() -> std::optional<outgoing> {
          if (sent == total)
            return std::nullopt;
          ++sent;
          return outgoing{.subject = std::string(subject_of_nth(sent)),
                          .message_id = std::to_string(sent),
                          .payload = "payload " + std::to_string(sent),
                          .headers = {{"nth", std::to_string(sent)}}};
        },
        2000, nullptr, 10s);
  }

  static std::string_view subject_of_nth(std::uint64_t nth) {
    return nth % 3 == 0 ? "transaction.withdrawal" : "transaction.deposit";
  }

  std::vector<stored_message> read_all(std::string_view filter, std::uint64_t first) {
    std::vector<stored_message> result;
    bus->read(names::request_stream, filter, first, [&](const stored_message& one) {
      result.push_back(one);
      return true;
    });
    return result;
  }

  // How many consumers the stream has; the ledger role's are two.
  std::size_t consumers() {
    const auto answer = ask_jetstream(*side, "CONSUMER.NAMES.TRANSACTIONS", "").json;
    std::size_t count = 0;
    const auto list = answer.substr(answer.find("\"consumers\""));
    for (std::size_t at = list.find('"', 12); at != std::string::npos; at = list.find('"', at + 1))
      ++count;
    return count / 2;
  }

  static long resident_kilobytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("VmRSS:"))
        return std::stol(line.substr(6));
    return 0;
  }

  static constexpr std::uint64_t total = 30000;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(read_tests, fixture)

CAF_TEST(everything in order) {
  const auto begin = steady::now();
  const auto all = read_all({}, 1);
  const auto took = std::chrono::duration<double>(steady::now() - begin).count();
  CAF_MESSAGE("read " << static_cast<int>(all.size() / took) << " messages/s");
  CAF_REQUIRE_EQUAL(all.size(), total);
  for (std::uint64_t i = 0; i < total; ++i) {
    const auto nth = std::to_string(i + 1);
    const bool same = all[i].seq == i + 1 && all[i].payload == "payload " + nth
                      && all[i].subject == subject_of_nth(i + 1);
    CAF_REQUIRE(same);
  }
  CAF_CHECK_EQUAL(all[0].headers.size(), 2u);
  CAF_CHECK_LESS(0, all[0].stored_at_ns);
  const auto fifth = bus->message(names::request_stream, 5);
  CAF_REQUIRE(fifth);
  CAF_CHECK_EQUAL(fifth->stored_at_ns, all[4].stored_at_ns);
}

CAF_TEST(a filter and a beginning) {
  const auto some = read_all("transaction.withdrawal", 15001);
  CAF_REQUIRE_EQUAL(some.size(), 5000u);
  CAF_CHECK_EQUAL(some.front().seq, 15003u);
  CAF_CHECK_EQUAL(some.back().seq, 30000u);
  CAF_CHECK(read_all({}, total + 1).empty());
  CAF_CHECK_EQUAL(read_all("transaction.deposit", total - 1).size(), 1u);
  CAF_CHECK_EQUAL(read_all("transaction.*", total).size(), 1u);
}

CAF_TEST(the last message on a subject) {
  const auto last_on = [&](std::string_view subject) {
    return bus->last_message(names::request_stream, subject);
  };
  CAF_CHECK_EQUAL(last_on("transaction.withdrawal").value().seq, total);
  CAF_CHECK_EQUAL(last_on("transaction.deposit").value().payload, "payload 29999");
  CAF_CHECK_EQUAL(last_on(">").value().seq, total);
  CAF_CHECK(!last_on("transaction.none"));
}

CAF_TEST(a filter that matches nothing) {
  std::size_t count = 0;
  bus->read(names::dead_letter_stream, "transaction.dead.none", 1,
            [&](const stored_message&) { return ++count > 0; });
  CAF_CHECK_EQUAL(count, 0u);
  side->publish("transaction.dead.deposit", {}, "one");
  CAF_REQUIRE(eventually([&] { return bus->stream(names::dead_letter_stream).messages == 1; }));
  bus->read(names::dead_letter_stream, "transaction.dead.none", 1,
            [&](const stored_message&) { return ++count > 0; });
  CAF_CHECK_EQUAL(count, 0u);
}

CAF_TEST(gaps at the beginning in the middle and at the end) {
  for (const std::uint64_t seq : {1, 2, 100, 101, 29999, 30000})
    CAF_REQUIRE_EQUAL(
        ask("STREAM.MSG.DELETE.TRANSACTIONS", "{\"seq\":" + std::to_string(seq) + "}"), "");
  const auto all = read_all({}, 1);
  CAF_REQUIRE_EQUAL(all.size(), total - 6);
  CAF_CHECK_EQUAL(all.front().seq, 3u);
  CAF_CHECK_EQUAL(all.back().seq, 29998u);
  CAF_CHECK(read_all({}, 29999).empty());
}

CAF_TEST(it ends at the end it saw and stops when told) {
  std::size_t count = 0;
  bus->read(names::request_stream, {}, 1, [&](const stored_message& one) {
    if (++count == 1)
      for (int i = 0; i < 100; ++i)
        side->publish("transaction.deposit", {}, "more");
    CAF_CHECK_LESS_OR_EQUAL(one.seq, total);
    return true;
  });
  CAF_CHECK_EQUAL(count, total);
  side->publish("transaction.withdrawal", {}, "the end");
  CAF_REQUIRE(
      eventually([&] { return bus->stream(names::request_stream).last_seq == total + 101; }));
  const auto end_seen = total + 101;
  // Here the end itself does not match the filter, and what came later does.
  bus->read(names::request_stream, "transaction.deposit", 1, [&](const stored_message& one) {
    CAF_CHECK_LESS_OR_EQUAL(one.seq, end_seen);
    if (one.seq == 1)
      side->publish("transaction.deposit", {}, "later");
    return true;
  });
  count = 0;
  bus->read(names::request_stream, {}, 1, [&](const stored_message&) { return ++count < 10; });
  CAF_CHECK_EQUAL(count, 10u);
  CAF_CHECK(eventually([&] { return consumers() == 2; }));
}

// 200 MB, which would all come at once; of a visitor who is slower than the broker little waits.
CAF_TEST(large messages wait at the broker and not in memory) {
  constexpr std::size_t large = 500'000, count = 400;
  std::size_t sent = 0;
  bus->publish_all(
      [&]() -> std::optional<outgoing> {
        if (sent == count)
          return std::nullopt;
        ++sent;
        return outgoing{.subject = "transaction.dead.deposit",
                        .message_id = "large-" + std::to_string(sent),
                        .payload = std::string(large, 'x')};
      },
      20, nullptr, 30s);
  const auto before = resident_kilobytes();
  auto most = before;
  std::size_t read = 0;
  bus->read(names::dead_letter_stream, {}, 1, [&](const stored_message& one) {
    CAF_CHECK_EQUAL(one.payload.size(), large);
    std::this_thread::sleep_for(5ms);
    most = std::max(most, resident_kilobytes());
    ++read;
    return true;
  });
  CAF_CHECK_EQUAL(read, count);
  CAF_CHECK_LESS(most - before, 64 * 1024);
}

CAF_TEST(a stream that is not there) {
  std::string error;
  try {
    bus->read("NO_SUCH", {}, 1, [](const stored_message&) { return true; });
  } catch (const std::runtime_error& why) {
    error = why.what();
  }
  CAF_CHECK(error.find("NO_SUCH") != std::string::npos);
}

CAF_TEST(a broker that dies while it is read) {
  std::uint64_t next = 1;
  std::uint64_t killed_at = 0;
  bus->read(names::request_stream, {}, 1, [&](const stored_message& one) {
    CAF_REQUIRE_EQUAL(one.seq, next);
    if (next++ == 7000) {
      servers().kill_nats();
      servers().start_again();
      killed_at = one.seq;
    }
    return true;
  });
  CAF_CHECK_EQUAL(killed_at, 7000u);
  CAF_CHECK_EQUAL(next, total + 1);
}

CAF_TEST(a reading begins at a time) {
  const auto middle = bus->message(names::request_stream, total / 2).value();
  std::uint64_t first = 0;
  const auto begin = [&](std::int64_t since_ns) {
    first = 0;
    bus->read_since(names::request_stream, since_ns, [&](const stored_message& one) {
      first = one.seq;
      return false;
    });
    return first;
  };
  CAF_CHECK_EQUAL(begin(0), 1u);
  CAF_CHECK_EQUAL(begin(middle.stored_at_ns), total / 2);
  CAF_CHECK_EQUAL(begin(middle.stored_at_ns + 1), total / 2 + 1);
  const auto last = bus->message(names::request_stream, total).value();
  CAF_CHECK_EQUAL(begin(last.stored_at_ns), total);
  CAF_CHECK_EQUAL(begin(last.stored_at_ns + 1), 0u);
  CAF_CHECK_EQUAL(begin(last.stored_at_ns + 3'600'000'000'000), 0u);
  // It goes on to the end.
  std::uint64_t count = 0;
  bus->read_since(names::request_stream, middle.stored_at_ns, [&](const stored_message& one) {
    CAF_REQUIRE_EQUAL(one.seq, total / 2 + count);
    ++count;
    return true;
  });
  CAF_CHECK_EQUAL(count, total / 2 + 1);
}

CAF_TEST_FIXTURE_SCOPE_END()
