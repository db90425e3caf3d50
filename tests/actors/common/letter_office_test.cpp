#define CAF_SUITE letter_office

#include "actors/common/letter_office.hpp"

#include <map>
#include <string>
#include <vector>

#include "actors/common/log.hpp"
#include "actors/common/unplaced.hpp"
#include "tests/actors/fakes.hpp"

#include <caf/test/dsl.hpp>

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

const progress_time start{1000s};

struct held_delivery {
  delivery source;
};

struct office_fixture {
  std::shared_ptr<fake_source> consumer = std::make_shared<fake_source>();
  std::shared_ptr<fake_publisher> stream = std::make_shared<fake_publisher>();
  std::map<ticket, held_delivery> held;
  letter_office office;
  std::string ends; // such as "1 stored, 2 postponed"

  office_fixture() {
    stream->confirm_at_once = false;
    stream->open([] {});
    consumer->open([] {});
    office = letter_office{{.instance = "test/0",
                            .node_name = "node",
                            .source = consumer,
                            .letters = stream,
                            .retry_pause = 1000ms,
                            .letter_patience = 3000ms}};
    for (ticket tag = 1; tag <= 3; ++tag)
      held[tag].source = make_delivery("transaction.deposit", "{", tag);
  }

  ~office_fixture() { office.close(); }

  void park(ticket tag, std::chrono::milliseconds at = 0ms) {
    office.park(tag, held.at(tag).source, {dead_reason::malformed_json, "no object"}, start + at);
  }

  void publish(ticket tag) {
    office.publish({.token = tag, .message_id = "result-" + std::to_string(tag), .payload = "x"},
                   start);
  }

  std::string take(std::chrono::milliseconds at) {
    ends.clear();
    office.take(
        start + at, [this](ticket tag) -> held_delivery& { return held.at(tag); },
        [this](held_delivery& one, bool stored) {
          ends += (ends.empty() ? "" : ", ") + std::to_string(one.source.stream_seq)
                  + (stored ? " stored" : " postponed");
        });
    return ends;
  }
};

} // namespace

CAF_TEST(a dead letter waits until the life of its stream is known) {
  office_fixture here;
  here.consumer->knows_incarnation = false;
  here.park(1);
  here.office.name_letters(start);
  CAF_CHECK(here.stream->published.empty());
  here.consumer->knows_incarnation = true;
  here.office.name_letters(start);
  here.office.name_letters(start);
  CAF_REQUIRE_EQUAL(here.stream->published.size(), 1U);
  CAF_CHECK_EQUAL(here.stream->published[0].message_id, "dead-TRANSACTIONS-1-1");
  here.stream->answer(1, true);
  CAF_CHECK_EQUAL(here.take(0ms), "1 stored");
  CAF_CHECK_EQUAL(here.office.counters().parked, 1);
}

CAF_TEST(a dead letter that nobody can name gives its credit back) {
  office_fixture here;
  here.consumer->knows_incarnation = false;
  here.park(1);
  here.park(2, 1000ms);
  here.office.name_letters(start + 3000ms);
  CAF_CHECK_EQUAL(here.take(3000ms), "");
  CAF_CHECK_EQUAL(here.take(3001ms), "1 postponed");
  CAF_CHECK_EQUAL(here.office.unstored(start + 3001ms), 1U);
  CAF_CHECK_EQUAL(here.office.counters().postponed, 1);
  // Only what is still held can be named.
  here.consumer->knows_incarnation = true;
  here.office.name_letters(start + 3500ms);
  CAF_REQUIRE_EQUAL(here.stream->published.size(), 1U);
  CAF_CHECK_EQUAL(here.stream->published[0].message_id, "dead-TRANSACTIONS-1-2");
}

CAF_TEST(what no stream takes is postponed and health hears of it until it is stored) {
  office_fixture here;
  here.park(1);
  here.stream->answer({1, publish_outcome::unconfirmed, "no space"});
  CAF_CHECK_EQUAL(here.take(100ms), "");
  CAF_CHECK(here.office.wait(start + 1500ms).what.ends_with("no space"));
  here.office.upkeep(start + 1100ms);
  here.stream->answer({1, publish_outcome::unconfirmed, "no space"});
  CAF_CHECK_EQUAL(here.take(3100ms), "1 postponed");
  here.office.upkeep(start + 4000ms);
  CAF_CHECK_EQUAL(here.office.unstored(start + 4000ms), 1U);
  CAF_CHECK(here.office.oldest_unconfirmed(start + 4000ms) == 4000ms);
  CAF_CHECK_NOT_EQUAL(unplaced_letters().find("no space"), std::string::npos);
  here.held[1].source = make_delivery("transaction.deposit", "{", 1);
  here.park(1);
  here.stream->answer(1, true);
  CAF_CHECK_EQUAL(here.take(5000ms), "1 stored");
  here.office.upkeep(start + 5000ms);
  CAF_CHECK_EQUAL(unplaced_letters(), "");
  CAF_CHECK_EQUAL(here.office.counters().postponed, 1);
  CAF_CHECK_EQUAL(here.office.counters().unconfirmed, 2);
}

CAF_TEST(a letter whose message went to another node is complained of no longer and remembered) {
  office_fixture here;
  here.park(1);
  for (const auto at : {0ms, 3100ms}) {
    here.stream->answer({1, publish_outcome::unconfirmed, "no space"});
    here.take(at);
    here.office.upkeep(start + at + 1100ms);
  }
  here.office.upkeep(start + 48s);
  CAF_CHECK_EQUAL(here.office.unstored(start + 48s), 1U);
  CAF_CHECK_NOT_EQUAL(unplaced_letters(), "");
  here.office.upkeep(start + 49s);
  CAF_CHECK_EQUAL(here.office.unstored(start + 49s), 0U);
  CAF_CHECK_EQUAL(unplaced_letters(), "");
  CAF_CHECK(here.office.oldest_unconfirmed(start + 49s) == 0ms);
  here.held[1].source = make_delivery("transaction.deposit", "{", 1);
  here.park(1, 100s);
  for (const auto at : {100s, 104s}) {
    here.stream->answer({1, publish_outcome::unconfirmed, "no space"});
    here.take(at);
    here.office.upkeep(start + at + 1s);
  }
  CAF_CHECK_EQUAL(here.office.unstored(start + 105s), 1U);
  CAF_CHECK(here.office.oldest_unconfirmed(start + 105s) == 105s);
}

CAF_TEST(a result is given up only when its stream will never take it) {
  office_fixture here;
  here.publish(2);
  here.stream->answer(2, false);
  CAF_CHECK_EQUAL(here.take(60s), "");
  here.office.upkeep(start + 62s);
  CAF_CHECK_EQUAL(here.stream->published.size(), 2U);
  here.stream->answer({2, publish_outcome::refused, "sealed"});
  CAF_CHECK_EQUAL(here.take(62s), "2 postponed");
}

CAF_TEST(a new verdict whose stream has another one is told and counted) {
  office_fixture here;
  std::vector<std::string> lines;
  on_change([&](const log_change& one) { lines.push_back(one.sentence); });
  here.office.publish({.token = 1, .message_id = "result-1", .payload = "new", .new_row = 7},
                      start);
  here.stream->answer({.token = 1, .outcome = publish_outcome::confirmed, .known = "old"});
  CAF_CHECK_EQUAL(here.take(0ms), "");
  CAF_CHECK_EQUAL(here.office.counters().known_before, 1);
  CAF_REQUIRE_EQUAL(lines.size(), 1u);
  CAF_CHECK_NOT_EQUAL(lines.front().find("result-1.transaction-7"), std::string::npos);
  on_change({});
  here.stream->answer({.token = 1, .outcome = publish_outcome::confirmed});
  CAF_CHECK_EQUAL(here.take(0ms), "1 stored");
}

CAF_TEST(pulls without an answer are waited for) {
  office_fixture here;
  const auto waited = [&](std::chrono::milliseconds since, const std::string& complaint) {
    here.consumer->unanswered_for = {since, "NEXT", complaint};
    return here.office.wait(start);
  };
  CAF_CHECK(waited(3999ms, "").since == 0ms);
  CAF_CHECK(waited(4s, "").since == 4s);
  CAF_CHECK_EQUAL(waited(4s, "").what, "pulls are not answered on NEXT");
  CAF_CHECK(!waited(4s, "").refused);
  CAF_CHECK_EQUAL(waited(9s, "no right").what, "pulls are not answered on NEXT: no right");
  CAF_CHECK(waited(9s, "no right").refused);
}

CAF_TEST(a wait for a PubAck that is longer hides that of the pulls) {
  office_fixture here;
  here.consumer->unanswered_for = {5s, "NEXT", ""};
  here.publish(1);
  CAF_CHECK_EQUAL(here.office.wait(start + 4s).what, "pulls are not answered on NEXT");
  CAF_CHECK_EQUAL(here.office.wait(start + 6s).what, "no PubAck");
}

CAF_TEST(a consumer that alone is silent hides nothing that brings the node to a halt) {
  office_fixture here;
  here.consumer->unanswered_for = {.since = 60s, .subject = "NEXT", .complaint = {}, .alone = true};
  CAF_CHECK(here.office.wait(start).alone);
  CAF_CHECK_EQUAL(here.office.wait(start).what, "pulls are not answered on NEXT");
  here.publish(1);
  CAF_CHECK(here.office.wait(start + 3499ms).alone); // else it would show as back
  const auto unconfirmed = here.office.wait(start + 3500ms);
  CAF_CHECK_EQUAL(unconfirmed.what, "no PubAck");
  CAF_CHECK(!unconfirmed.alone);
}

CAF_TEST(acknowledgements that a consumer alone does not take are its own affair) {
  office_fixture here;
  here.consumer->untaken_for = {.since = 60s, .subject = "ACK", .complaint = {}, .alone = true};
  CAF_CHECK(!halts_the_rest(here.office.wait(start)));
  here.consumer->unanswered_for = {5s, "NEXT", ""};
  CAF_CHECK(halts_the_rest(here.office.wait(start)));
}

CAF_TEST(acknowledgements that nobody takes are waited for and told every half minute) {
  office_fixture here;
  std::vector<std::string> lines;
  on_change([&](const log_change& one) { lines.push_back(one.sentence); });
  here.consumer->untaken_for = {9999ms, "$JS.ACK.S.c.>", ""};
  here.office.upkeep(start);
  CAF_CHECK(here.office.wait(start).since == 0ms);
  CAF_CHECK(here.office.acks_unanswered() == 9999ms);
  CAF_CHECK_EQUAL(lines.size(), 0u);
  here.consumer->untaken_for = {10s, "$JS.ACK.S.c.>", "nobody takes them"};
  here.office.upkeep(start);
  CAF_CHECK_EQUAL(here.office.wait(start).what,
                  "acknowledgements are not answered on $JS.ACK.S.c.>: nobody takes them");
  CAF_CHECK(here.office.wait(start).refused);
  CAF_CHECK_EQUAL(lines.size(), 1u);
  here.office.upkeep(start + 29s);
  CAF_CHECK_EQUAL(lines.size(), 1u);
  here.office.upkeep(start + 30s);
  CAF_CHECK_EQUAL(lines.size(), 2u);
  CAF_CHECK_NOT_EQUAL(lines.back().find("$JS.ACK.S.c.>"), std::string::npos);
  on_change({});
}

CAF_TEST(what has no name when the actor goes is left to the others) {
  office_fixture here;
  here.consumer->knows_incarnation = false;
  here.park(3);
  here.office.close();
  here.consumer->knows_incarnation = true;
  here.office.name_letters(start);
  CAF_CHECK(here.stream->published.empty());
}
