#define CAF_SUITE peer_book

#include "actors/ledger/peer_book.hpp"

#include "tests/actors/ledger/peer_book_fixture.hpp"

#include <caf/test/dsl.hpp>

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

CAF_TEST_FIXTURE_SCOPE(peer_book_tests, peer_book_fixture)

CAF_TEST(without a link everything comes back at once with a hop less) {
  ask(1, 2, 2);
  ask(3, 3, 0);
  const auto back = book.take_given_back();
  CAF_REQUIRE_EQUAL(back.size(), 3u);
  CAF_CHECK_EQUAL(back[0].hops_left, 1u);
  CAF_CHECK_EQUAL(back[2].hops_left, 0u);
  CAF_CHECK_EQUAL(book.held(), 0u);
}

CAF_TEST(what a message weighs goes with its entry also when that is sent again) {
  come_up();
  std::vector<asked_entry> batch(2);
  for (std::uint32_t i = 0; i < 2; ++i) {
    batch[i].asked = deposit_of(i + 1);
    batch[i].bytes = 400 + i;
  }
  book.add(std::move(batch));
  auto frames = sent();
  for (int i = 0; i < 4 && frames.size() < 2; ++i) { // the first is not heard of
    begin_answers();
    reply(0);
    for (auto& each : pass(1000ms))
      if (!each.entries.empty())
        frames.push_back(std::move(each));
  }
  CAF_REQUIRE_EQUAL(frames.size(), 2u);
  for (const auto& each : frames) {
    CAF_CHECK_EQUAL(each.entries.at(0).bytes, 400u);
    CAF_CHECK_EQUAL(each.entries.at(1).bytes, 401u);
  }
}

CAF_TEST(what comes while frames are under way goes together in the next) {
  come_up();
  ask(1, 1);
  CAF_CHECK_EQUAL(sent().size(), 1u);
  ask(2, 3);
  const auto second = sent();
  CAF_CHECK_EQUAL(second.size(), 1u);
  ask(4, 4);
  ask(5, 6);
  ask(7, 7);
  CAF_CHECK(sent().empty());
  answer_applied(second.at(0).number, 0, 2);
  const auto third = sent();
  CAF_REQUIRE_EQUAL(third.size(), 1u);
  CAF_CHECK_EQUAL(third[0].entries.size(), 3u);
  CAF_CHECK_EQUAL(to_int(third[0].entries[0].asked.id), 4);
  CAF_CHECK_EQUAL(book.held(), 6u);
}

CAF_TEST(one account that is stuck does not hold the link) {
  come_up();
  for (std::int64_t id = 1; id <= 2; ++id) {
    ask(id, id);
    CAF_CHECK_EQUAL(sent().size(), 1u);
  }
  for (std::int64_t id = 3; id < 30; ++id) {
    ask(id, id);
    pass(limits.fresh); // a sign of the peer now and then
    begin_answers();
    reply(0);
  }
  CAF_CHECK_EQUAL(book.frames(), 29u);
}

CAF_TEST(a frame keeps within the bytes of the broker) {
  make({.frames_max = 100, .entries_max = 100});
  come_up();
  ask(1, 50);
  std::size_t entries = 0;
  while (const auto next = book.next(600)) {
    CAF_CHECK_LESS_OR_EQUAL(next->frame.size(), 600u);
    link_frame got;
    CAF_REQUIRE(reader.read(next->frame, them, got) == link_refusal::none);
    entries += got.entries.size();
  }
  CAF_CHECK_EQUAL(entries, 50u);
  // One always goes, whatever it is told.
  ask(51, 51);
  CAF_CHECK_EQUAL(sent(1).size(), 1u);
}

CAF_TEST(each answer goes to its ticket and a copy of it to nobody) {
  come_up();
  ask(1, 3);
  const auto number = sent().at(0).number;
  begin_answers();
  writer.page(number);
  writer.decided(0, applied(1));
  writer.failed(1, "refused");
  writer.later(2);
  for (int i = 0; i < 2; ++i)
    reply(number);
  const auto pages = book.take_answers();
  CAF_REQUIRE_EQUAL(pages.size(), 1u);
  const auto& got = pages[0].second;
  CAF_REQUIRE_EQUAL(got.size(), 3u);
  CAF_CHECK(got[0].verdict && got[0].verdict->stored == applied(1).stored);
  CAF_CHECK_EQUAL(got[1].failure, "refused");
  CAF_CHECK(got[2].later);
  CAF_CHECK_EQUAL(book.held(), 0u);
  CAF_CHECK_EQUAL(book.counters().late, 3);
}

CAF_TEST(what the peer returns comes back with a hop less) {
  come_up();
  ask(1, 2);
  const auto number = sent().at(0).number;
  begin_answers();
  writer.page(number);
  writer.returned(1);
  reply(number);
  const auto back = book.take_given_back();
  CAF_REQUIRE_EQUAL(back.size(), 1u);
  CAF_CHECK_EQUAL(back[0].from.tag, 2u);
  CAF_CHECK_EQUAL(back[0].hops_left, 1u);
  CAF_CHECK_EQUAL(book.counters().returned, 1);
  CAF_CHECK_EQUAL(book.counters().given_back, 0);
  CAF_CHECK_EQUAL(book.held(), 1u);
}

CAF_TEST(an answer that cannot be true is not passed on and its entry comes back) {
  come_up();
  ask(1, 1);
  const auto number = sent().at(0).number;
  auto wrong = applied(1);
  wrong.stored.balance_after = money{4}; // after a deposit of 5
  begin_answers();
  writer.page(number);
  writer.decided(0, wrong);
  reply(number);
  CAF_CHECK(answered().empty());
  CAF_CHECK_EQUAL(book.counters().damaged, 1);
  CAF_CHECK(given_back() == tickets{1});
  answer_applied(number, 0, 1);
  CAF_CHECK(answered().empty());
}

CAF_TEST(what the peer has no room for goes again with its hops and not at once) {
  make({.frames_max = 8, .entries_max = 3});
  come_up();
  ask(1, 9);
  const auto frames = sent();
  CAF_REQUIRE_EQUAL(frames.size(), 3u);
  for (const auto& each : {frames[1], frames[2]}) {
    begin_answers();
    writer.page(each.number);
    for (std::uint32_t place = 0; place < 3; ++place)
      writer.full(place);
    reply(each.number);
  }
  CAF_CHECK(sent().empty()); // as long as what it has is not less
  CAF_CHECK_EQUAL(book.held(), 9u);
  answer_applied(frames[0].number, 0, 1);
  CAF_REQUIRE_EQUAL(sent().at(0).entries.size(), 1u);
  CAF_CHECK(sent().empty());
  const auto later = pass(100ms); // and more with each look
  CAF_REQUIRE_EQUAL(later.size(), 2u);
  CAF_CHECK_EQUAL(later[0].entries.size() + later[1].entries.size(), 5u);
  CAF_CHECK_EQUAL(book.counters().full, 6);
  book.give_back_all();
  const auto back = book.take_given_back();
  CAF_CHECK_EQUAL(back.size(), 8u);
  for (const auto& each : back)
    CAF_CHECK_EQUAL(each.hops_left, 1u);
  CAF_CHECK_EQUAL(book.held(), 0u);
}

CAF_TEST(a peer that has no room for anything is asked again and again) {
  come_up();
  ask(1, 3);
  auto frames = sent();
  for (int i = 0; i < 50; ++i) {
    for (const auto& each : frames) {
      begin_answers();
      if (!each.entries.empty())
        writer.page(each.number);
      for (const auto& one : each.entries)
        writer.full(one.place);
      reply(each.number);
    }
    frames = pass(100ms);
    CAF_CHECK_EQUAL(frames.size(), 1u);
  }
  CAF_CHECK_EQUAL(book.held(), 3u);
  CAF_CHECK(book.up());
}

CAF_TEST(nobody there means everything back at once) {
  come_up();
  ask(1, 9);
  const auto frames = sent();
  book.take({frames.at(1).number, true, {}});
  CAF_CHECK(!book.up());
  CAF_CHECK_EQUAL(given_back().size(), 9u);
  CAF_CHECK_EQUAL(book.held(), 0u);
  CAF_CHECK_EQUAL(book.trouble(), "nobody listens");
  // An answer after that is a sign of life, and too late.
  answer_applied(frames[0].number, 0, 1);
  CAF_CHECK(answered().empty());
  CAF_CHECK(book.up());
  CAF_CHECK_EQUAL(book.counters().late, 1);
}

CAF_TEST(nobody for a frame of long ago means nothing) {
  come_up();
  ask(1, 1);
  const auto number = sent().at(0).number;
  answer_applied(number, 0, 1);
  book.take({number, true, {}});
  CAF_CHECK(book.up());
}

CAF_TEST(an idle peer is probed and found silent after three seconds) {
  come_up();
  CAF_CHECK(pass(900ms).empty());
  CAF_CHECK_EQUAL(pass(100ms).size(), 1u);
  CAF_CHECK_EQUAL(pass(1900ms).size(), 1u); // one probe may be lost
  CAF_CHECK(book.up());
  pass(200ms);
  CAF_CHECK(!book.up());
  CAF_CHECK_EQUAL(book.counters().downs, 1);
  // Meanwhile it is probed, and an answer brings the link back.
  const auto probes = pass(1000ms);
  CAF_CHECK_EQUAL(probes.size(), 2u);
  answer_probes(probes);
  CAF_CHECK(book.up());
}

CAF_TEST(a peer that owes answers has three seconds) {
  come_up();
  ask(1, 1);
  sent();
  pass(2900ms);
  CAF_CHECK(book.up());
  pass(200ms);
  CAF_CHECK(!book.up());
  CAF_CHECK(given_back() == tickets{1});
}

CAF_TEST(a slow owner that answers its probes is not silent) {
  come_up();
  ask(1, 3);
  sent();
  for (int i = 0; i < 300; ++i) {
    for (const auto& each : pass(100ms)) {
      begin_answers();
      if (!each.entries.empty())
        writer.holding(each.number);
      reply(each.number);
    }
  }
  CAF_CHECK(book.up());
  CAF_CHECK_EQUAL(book.held(), 3u);
  CAF_CHECK_GREATER_OR_EQUAL(book.counters().frames_again, 9);
  CAF_CHECK_EQUAL(book.counters().given_back, 0);
}

CAF_TEST(only what is not answered is sent again under the same number and place) {
  come_up();
  ask(1, 3);
  const auto first = sent().at(0);
  answer_applied(first.number, 1, 2);
  std::vector<link_frame> again;
  for (int i = 0; i < 31; ++i)
    for (auto& each : pass(100ms)) {
      answer_probes({each});
      if (!each.entries.empty())
        again.push_back(each);
    }
  CAF_REQUIRE_EQUAL(again.size(), 1u);
  CAF_CHECK_EQUAL(again[0].number, first.number);
  CAF_REQUIRE_EQUAL(again[0].entries.size(), 2u);
  CAF_CHECK_EQUAL(again[0].entries[0].place, 0u);
  CAF_CHECK_EQUAL(again[0].entries[1].place, 2u);
  answer_applied(first.number, 2, 3);
  CAF_CHECK((answered() == tickets{2, 3}));
}

CAF_TEST(a link that carries probes and no frame goes down) {
  come_up();
  ask(1, 4);
  sent();
  CAF_CHECK_EQUAL(live_on_probes(), 90);
  CAF_CHECK((given_back() == tickets{1, 2, 3, 4}));
  CAF_CHECK_EQUAL(book.counters().frames_again, 2 * limits.tries_max);
}

CAF_TEST(until a frame comes through such a link has one patience) {
  come_up();
  for (const int beats : {90, 30, 30}) {
    ask(1, 1);
    sent();
    CAF_CHECK_EQUAL(live_on_probes(), beats);
    CAF_REQUIRE(book.up());
  }
  ask(1, 1);
  answer_applied(sent().at(0).number, 0, 1);
  ask(2, 2);
  sent();
  CAF_CHECK_EQUAL(live_on_probes(), 90);
}

CAF_TEST(a peer in doubt that says it has the frame is only slow) {
  come_up();
  ask(1, 1);
  sent();
  CAF_CHECK_EQUAL(live_on_probes(), 90);
  ask(2, 2);
  const auto frame = sent().at(0).number;
  pass(limits.patience / 2 - 100ms);
  const auto again = pass(100ms);
  CAF_REQUIRE(std::any_of(again.begin(), again.end(),
                          [&](const auto& each) { return each.number == frame; }));
  begin_answers();
  writer.holding(frame);
  reply(frame);
  CAF_CHECK_EQUAL(live_on_probes(), 90);
}

CAF_TEST(a process that was stopped judges nobody by the time it missed) {
  come_up();
  ask(1, 1);
  const auto number = sent().at(0).number;
  pass(100ms);
  now += 60s;
  book.look(now);
  CAF_CHECK(book.up());
  CAF_CHECK_EQUAL(book.held(), 1u);
  answer_applied(number, 0, 1);
  CAF_CHECK(answered() == tickets{1});
}

CAF_TEST(a refusal of the version takes the link down and of damage the frame back) {
  come_up();
  ask(1, 4);
  const auto frames = sent();
  begin_answers();
  writer.refuse(link_refusal::damaged);
  reply(frames.at(0).number);
  CAF_CHECK(book.up());
  CAF_CHECK((given_back() == tickets{1, 2, 3}));
  writer.begin(them, us);
  writer.refuse(link_refusal::version);
  reply(frames.at(1).number);
  CAF_CHECK(!book.up());
  CAF_CHECK(given_back() == tickets{4});
  CAF_CHECK_EQUAL(book.counters().frames_refused, 2);
}

CAF_TEST(answers of others and for others are dropped) {
  come_up();
  ask(1, 1);
  const auto number = sent().at(0).number;
  for (const auto& [from, to] :
       {std::pair{us, us}, std::pair{them, them}, std::pair{them, boot_id{}}}) {
    writer.begin(from, to);
    writer.page(number);
    writer.decided(0, applied(1));
    reply(number);
  }
  book.take({number, false, "no answers at all"});
  CAF_CHECK(answered().empty());
  CAF_CHECK_EQUAL(book.counters().damaged, 4);
  CAF_CHECK_EQUAL(book.held(), 1u);
}

CAF_TEST(a long frame of which little is left holds little) {
  make({.frames_max = 2, .entries_max = 1000});
  come_up();
  ask(1, 1000);
  const auto number = sent().at(0).number;
  begin_answers();
  writer.page(number);
  for (std::uint32_t place = 0; place < 1000; ++place)
    if (place != 500 && place != 999)
      writer.decided(place, applied(place + 1));
  reply(number);
  CAF_CHECK_EQUAL(answered().size(), 998u);
  answer_applied(number, 999, 1000);
  answer_applied(number, 500, 501);
  answer_applied(number, 500, 501);
  CAF_CHECK((answered() == tickets{1000, 501}));
  CAF_CHECK_EQUAL(book.frames(), 0u);
}

CAF_TEST_FIXTURE_SCOPE_END()
