#define CAF_SUITE outbox

#include "actors/common/outbox.hpp"

#include <string>
#include <vector>

#include "tests/actors/fakes.hpp"

#include <caf/test/dsl.hpp>

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

const progress_time start{1000s};

constexpr auto unconfirmed = publish_outcome::unconfirmed;
constexpr auto declined = publish_outcome::declined;
constexpr auto cut_off = publish_outcome::cut_off;
constexpr auto mislaid = publish_outcome::mislaid;
constexpr auto too_large = publish_outcome::too_large;
constexpr auto refused = publish_outcome::refused;

// Cuts the payload in half, down to a single byte.
bool halve(outgoing& letter, std::size_t) {
  if (letter.payload.size() < 2)
    return false;
  letter.payload.resize(letter.payload.size() / 2);
  return true;
}

struct outbox_fixture {
  std::shared_ptr<fake_publisher> stream = std::make_shared<fake_publisher>();
  outbox box{{stream, 1000ms, 3000ms, halve}};
  std::string news; // such as "7 again, 7 stored"

  outbox_fixture() {
    stream->confirm_at_once = false;
    stream->open([] {});
  }

  void put(std::uint64_t token, give_up when, std::chrono::milliseconds at = 0ms) {
    box.put({.token = token, .payload = "abcd"}, when, start + at);
  }

  std::int64_t waited(std::chrono::milliseconds at) const {
    return box.wait(start + at).since.count();
  }

  // What the outbox says of the stream's answer.
  std::string answer(std::uint64_t token, publish_outcome what, std::chrono::milliseconds at,
                     std::string error = {}) {
    stream->answer({token, what, std::move(error)});
    news.clear();
    box.take(start + at, [this](const confirmation& got, outbox::fate fate, const auto& letter) {
      constexpr const char* names[] = {" stored", " again", " renamed", " given up"};
      CAF_CHECK_EQUAL(letter.message.token, got.token);
      news +=
          (news.empty() ? "" : ", ") + std::to_string(got.token) + names[static_cast<int>(fate)];
    });
    return news;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(outbox_tests, outbox_fixture)

CAF_TEST(what becomes of a letter that is not stored) {
  struct row {
    give_up when;
    publish_outcome answer;
    std::chrono::milliseconds age;
    bool given_up;
  };
  // Without a repeat, so that none is late.
  const row table[] = {
      {give_up::never, unconfirmed, 99s, false},
      {give_up::never, refused, 99s, false},
      {give_up::when_refused, unconfirmed, 99s, false},
      {give_up::when_refused, refused, 0s, true},
      {give_up::when_late, unconfirmed, 99s, false},
      {give_up::when_late, refused, 0s, true},
      {give_up::when_late, cut_off, 99s, false},
      {give_up::when_refused, cut_off, 99s, false},
  };
  std::uint64_t token = 0;
  for (const auto& each : table) {
    put(++token, each.when);
    const auto expected = std::to_string(token) + (each.given_up ? " given up" : " again");
    CAF_CHECK_EQUAL(answer(token, each.answer, each.age), expected);
  }
  CAF_CHECK_EQUAL(box.size(), 6u);
}

CAF_TEST(a new verdict whose stream has another one is published under an id of its own) {
  outbox_fixture here;
  const auto known = [&](std::uint64_t token, const std::string& payload) {
    here.stream->answer({.token = token, .outcome = publish_outcome::confirmed, .known = payload});
    std::string news;
    here.box.take(start, [&](const auto&, outbox::fate fate, const auto& letter) {
      news += letter.message.message_id + (fate == outbox::fate::stored ? " stored" : " renamed");
    });
    return news;
  };
  const auto put = [&](std::uint64_t token, std::int64_t row) {
    here.box.put({.token = token, .message_id = "result-5", .payload = "new", .new_row = row},
                 give_up::when_refused, start);
  };
  put(1, 77);
  CAF_CHECK_EQUAL(known(1, "old"), "result-5.transaction-77 renamed");
  CAF_REQUIRE_EQUAL(here.stream->published.size(), 2U);
  CAF_CHECK_EQUAL(here.stream->published[1].message_id, "result-5.transaction-77");
  CAF_CHECK_EQUAL(here.stream->published[1].new_row, 0);
  CAF_CHECK_EQUAL(known(1, ""), "result-5.transaction-77 stored");
  put(2, 78); // another node that holds the same request was quicker
  CAF_CHECK_EQUAL(known(2, "new"), "result-5 stored");
  put(3, 79); // what the stream has could not be read
  CAF_CHECK_EQUAL(known(3, ""), "result-5 stored");
  put(4, 0);
  CAF_CHECK_EQUAL(known(4, "old"), "result-5 stored");
}

CAF_TEST(a letter whose id a stream knows and not where it is gets another id at last) {
  for (const auto when : {give_up::never, give_up::when_late}) {
    outbox_fixture here;
    here.box.put({.token = 1, .message_id = "result-5", .payload = "x"}, when, start);
    const auto tried = [&](std::chrono::milliseconds at) {
      here.box.publish_due(start + at);
      CAF_CHECK_EQUAL(here.answer(1, mislaid, at), "1 again");
      return here.stream->published.back().message_id;
    };
    for (const auto at : {100ms, 1100ms, 2100ms, 3100ms, 4100ms})
      CAF_CHECK_EQUAL(tried(at), "result-5"); // the first copy may be on its way
    CAF_CHECK_EQUAL(tried(5100ms), "result-5.again");
    CAF_CHECK_EQUAL(tried(5200ms), "result-5.again"); // it has its own time
    CAF_CHECK_EQUAL(tried(6200ms), "result-5.again");
    here.box.publish_due(start + 7200ms);
    CAF_CHECK_EQUAL(here.answer(1, publish_outcome::confirmed, 7200ms), "1 stored");
  }
}

CAF_TEST(a letter is late once a repeat is unanswered and patience is over) {
  put(1, give_up::when_late);
  put(2, give_up::when_late);
  CAF_CHECK_EQUAL(answer(1, unconfirmed, 5s), "1 again");
  CAF_CHECK_EQUAL(answer(2, unconfirmed, 0s), "2 again");
  box.publish_due(start + 6s);
  CAF_CHECK_EQUAL(answer(1, unconfirmed, 6s), "1 given up");
  CAF_CHECK_EQUAL(answer(2, unconfirmed, 2999ms), "2 again");
  box.publish_due(start + 9s);
  CAF_CHECK_EQUAL(answer(2, unconfirmed, 3s), "2 given up");
}

// While the connection is down nobody could postpone the message either.
CAF_TEST(patience counts from the last break of the connection) {
  put(7, give_up::when_late);
  CAF_CHECK_EQUAL(answer(7, cut_off, 5s), "7 again");
  box.publish_due(start + 6s);
  CAF_CHECK_EQUAL(answer(7, unconfirmed, 6s), "7 again");
  box.publish_due(start + 7s);
  CAF_CHECK_EQUAL(answer(7, unconfirmed, 7999ms), "7 again");
  box.publish_due(start + 9s);
  CAF_CHECK_EQUAL(answer(7, unconfirmed, 9s), "7 given up");
}

CAF_TEST(a letter is published again when due and not before) {
  put(7, give_up::never);
  CAF_CHECK_EQUAL(answer(7, unconfirmed, 500ms), "7 again");
  box.publish_due(start + 1499ms);
  CAF_CHECK_EQUAL(stream->published.size(), 1u);
  box.publish_due(start + 1500ms);
  box.publish_due(start + 9s); // it is under way
  CAF_REQUIRE_EQUAL(stream->published.size(), 2u);
  CAF_CHECK_EQUAL(stream->published[1].token, 7u);
  CAF_CHECK_EQUAL(answer(7, publish_outcome::confirmed, 10s), "7 stored");
  CAF_CHECK_EQUAL(box.size(), 0u);
  box.publish_due(start + 99s);
  CAF_CHECK_EQUAL(stream->published.size(), 2u);
}

CAF_TEST(the buckets of a flood are given back when it is over) {
  constexpr std::uint64_t flood = 5000;
  for (std::uint64_t token = 1; token <= flood; ++token)
    put(token, give_up::never);
  box.publish_due(start);
  CAF_CHECK(box.buckets() >= flood); // they are needed
  for (std::uint64_t token = 2; token <= flood; ++token)
    answer(token, publish_outcome::confirmed, 1s);
  CAF_CHECK(box.buckets() >= flood);
  box.publish_due(start + 1s);
  CAF_CHECK(box.buckets() < 100);
  CAF_CHECK_EQUAL(answer(1, publish_outcome::confirmed, 2s), "1 stored");
}

CAF_TEST(a letter that is too large is made smaller at once for as long as that goes) {
  put(7, give_up::when_refused);
  CAF_CHECK_EQUAL(answer(7, too_large, 0s), "7 again");
  CAF_CHECK_EQUAL(answer(7, too_large, 0s), "7 again");
  CAF_REQUIRE_EQUAL(stream->published.size(), 3u);
  CAF_CHECK_EQUAL(stream->published[1].payload, "ab");
  CAF_CHECK_EQUAL(stream->published[2].payload, "a");
  CAF_CHECK_EQUAL(answer(7, too_large, 0s), "7 given up");
  CAF_CHECK_EQUAL(stream->published.size(), 3u);
}

CAF_TEST(a letter that nobody makes smaller is too large for good) {
  box = outbox{{stream, 1000ms, 3000ms}};
  put(1, give_up::never);
  CAF_CHECK_EQUAL(answer(1, too_large, 0s), "1 again");
  CAF_CHECK_EQUAL(stream->published.size(), 1u); // when due, and not at once
  box.publish_due(start + 1s);
  CAF_CHECK_EQUAL(stream->published.size(), 2u);
  put(2, give_up::when_refused);
  CAF_CHECK_EQUAL(answer(2, too_large, 0s), "2 given up");
  CAF_CHECK_EQUAL(box.size(), 1u);
}

CAF_TEST(the wait begins anew with each PubAck and ends with the last letter) {
  CAF_CHECK_EQUAL(waited(9s), 0);
  put(1, give_up::never, 1s);
  put(2, give_up::when_refused, 2s);
  put(3, give_up::never, 3s);
  CAF_CHECK_EQUAL(waited(5s), 4000);
  CAF_CHECK(box.oldest(start + 9s) == start + 1s);
  CAF_CHECK(box.oldest(start) == start);
  answer(3, unconfirmed, 6s);
  CAF_CHECK_EQUAL(waited(6s), 5000);
  answer(1, publish_outcome::confirmed, 7s);
  CAF_CHECK_EQUAL(waited(8s), 1000);
  CAF_CHECK(box.oldest(start + 9s) == start + 2s);
  answer(2, refused, 9s);
  CAF_CHECK_EQUAL(waited(9s), 2000);
  box.publish_due(start + 9s);
  answer(3, publish_outcome::confirmed, 10s);
  CAF_CHECK_EQUAL(waited(99s), 0);
  put(4, give_up::when_refused, 100s);
  answer(4, refused, 101s);
  CAF_CHECK_EQUAL(waited(200s), 0);
  CAF_CHECK(box.oldest(start + 300s) == start + 300s);
}

CAF_TEST(a wait says why and whether the broker itself has refused) {
  const auto wait = [&] {
    const auto wait = box.wait(start + 9s);
    return wait.what + (wait.refused ? " (refused)" : "");
  };
  put(1, give_up::never);
  CAF_CHECK_EQUAL(wait(), "no PubAck");
  for (const auto what : {unconfirmed, cut_off, declined}) {
    answer(1, what, 1s, "why");
    CAF_CHECK_EQUAL(wait(), what == declined ? "no PubAck: why (refused)" : "no PubAck: why");
    CAF_CHECK_EQUAL(box.last_failure(), "why");
    box.publish_due(start + 2s);
  }
  stream->refusal = "no right";
  answer(1, unconfirmed, 3s, "no PubAck within 5 s");
  CAF_CHECK_EQUAL(wait(), "no PubAck: no right (refused)");
  box.publish_due(start + 4s);
  answer(1, cut_off, 4s, "why");
  CAF_CHECK_EQUAL(wait(), "no PubAck: why");
  stream->refusal.clear();
  box.publish_due(start + 5s);
  put(2, give_up::never);
  answer(1, publish_outcome::confirmed, 5s);
  CAF_CHECK_EQUAL(wait(), "no PubAck");
  CAF_CHECK_EQUAL(box.last_failure(), "");
}

CAF_TEST_FIXTURE_SCOPE_END()
