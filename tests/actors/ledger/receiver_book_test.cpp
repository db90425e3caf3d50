#define CAF_SUITE receiver_book

#include "actors/ledger/receiver_book.hpp"

#include <caf/test/dsl.hpp>

using namespace ledgerd;

namespace {

constexpr boot_id us{1};
constexpr boot_id ann{2};
constexpr boot_id bob{3};
const std::string anns_inbox = "_INBOX.ann.";
const std::string bobs_inbox = "_INBOX.bob.";

entry deposit_of(std::int64_t id) {
  return {record_id{id}, {"user", *currency_code::parse("KRW")}, movement::deposit, money{5}};
}

struct receiver_book_fixture {
  receiver_book book{us, {100, 1 << 20}};
  frame_writer writer;
  answers_reader reader;
  std::vector<asked_entry> admitted;

  void make(capacity room) {
    std::destroy_at(&book);
    std::construct_at(&book, us, room);
  }

  // Entries with these places, whose record ids are the places and one.
  void send(boot_id from, const std::string& inbox, std::uint64_t number,
            std::vector<std::uint32_t> places) {
    writer.begin(from, us, number);
    for (const auto place : places)
      writer.add(place, deposit_of(place + 1), 70 + place, 500 + place);
    book.take(writer.finish(), inbox + std::to_string(number), {}, admitted);
  }

  struct read_letter {
    std::string reply;
    link_answers what;
  };

  std::vector<read_letter> letters() {
    std::vector<read_letter> result;
    for (const auto& each : book.take_letters()) {
      auto& one = result.emplace_back();
      one.reply = each.reply;
      CAF_REQUIRE(reader.read(each.payload, one.what));
      CAF_REQUIRE(one.what.from == us);
    }
    return result;
  }

  // The gate answers the tickets of these places among what was admitted.
  void decide(std::vector<std::size_t> places) {
    std::vector<ticketed_answer> batch;
    for (const auto place : places) {
      const auto& one = admitted.at(place);
      posting row{transaction_id{9}, one.asked.id,     one.asked.account, 1,
                  one.asked.type,    one.asked.amount, outcome::applied,  money{5},
                  database_time{1}};
      batch.push_back({one.from.tag, answer{outcome::applied, row}, {}, false});
    }
    book.answer(std::move(batch));
  }
};

// "number/place" of each answer, in order.
std::string places(const link_answers& what) {
  std::string result;
  for (const auto& each : what.answers)
    result += std::to_string(each.number) + "/" + std::to_string(each.place) + " ";
  return result;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(receiver_book_tests, receiver_book_fixture)

CAF_TEST(entries are admitted with place and weight and no hop left) {
  send(ann, anns_inbox, 1, {0, 1});
  CAF_REQUIRE_EQUAL(admitted.size(), 2u);
  CAF_CHECK_EQUAL(to_int(admitted[1].asked.id), 2);
  CAF_CHECK_EQUAL(admitted[1].stream_seq, 71u);
  CAF_CHECK_EQUAL(admitted[1].bytes, 501u);
  CAF_CHECK_EQUAL(admitted[1].hops_left, 0u);
  CAF_CHECK(admitted[0].from.tag != admitted[1].from.tag);
  CAF_CHECK_EQUAL(book.held(), 2u);
  CAF_CHECK(letters().empty());
}

CAF_TEST(answers are packed by peer and frame and nothing is held afterwards) {
  send(ann, anns_inbox, 1, {0, 1, 2});
  send(bob, bobs_inbox, 1, {0});
  send(ann, anns_inbox, 2, {0, 1});
  decide({5, 3, 2, 0, 4}); // ann 2/1, bob 1/0, ann 1/2, ann 1/0, ann 2/0
  auto got = letters();
  CAF_REQUIRE_EQUAL(got.size(), 2u);
  CAF_CHECK_EQUAL(places(got[0].what), "1/0 1/2 2/0 2/1 ");
  CAF_CHECK_EQUAL(got[0].reply, anns_inbox + "2");
  CAF_CHECK(got[0].what.to == ann);
  CAF_CHECK_EQUAL(places(got[1].what), "1/0 ");
  CAF_CHECK(got[1].what.to == bob);
  CAF_CHECK_EQUAL(book.held(), 1u);
  decide({1});
  CAF_CHECK_EQUAL(places(letters().at(0).what), "1/1 ");
  CAF_CHECK_EQUAL(book.held(), 0u);
  CAF_CHECK_EQUAL(book.bytes(), 0u);
}

CAF_TEST(what comes again is not taken twice while it is held and taken anew when it is not ) {
  send(ann, anns_inbox, 1, {0, 1, 2});
  decide({1});
  letters();
  send(ann, anns_inbox, 1, {0, 1}); // the answer to 1 was lost
  CAF_REQUIRE_EQUAL(admitted.size(), 4u);
  CAF_CHECK_EQUAL(to_int(admitted[3].asked.id), 2);
  auto got = letters();
  CAF_REQUIRE_EQUAL(got.size(), 1u);
  CAF_CHECK(got[0].what.holding == std::vector<std::uint64_t>{1});
  CAF_CHECK_EQUAL(book.counters().again, 1);
  decide({0, 2, 3});
  CAF_CHECK_EQUAL(places(letters().at(0).what), "1/0 1/1 1/2 ");
  send(ann, anns_inbox, 1, {2});
  CAF_CHECK_EQUAL(admitted.size(), 5u);
  CAF_CHECK_EQUAL(book.held(), 1u);
}

CAF_TEST(a stranger with a peers name gets at none of its frames) {
  send(ann, anns_inbox, 1, {0});
  send(ann, "_INBOX.stranger.", 1, {0});
  CAF_REQUIRE_EQUAL(admitted.size(), 2u);
  letters();
  decide({0});
  const auto got = letters();
  CAF_CHECK_EQUAL(got.at(0).reply, anns_inbox + "1");
}

CAF_TEST(what there is no room for is to come again unless nothing is held) {
  make({3, 1 << 20});
  send(ann, anns_inbox, 1, {0, 1});
  send(bob, bobs_inbox, 1, {0, 1, 2});
  CAF_CHECK_EQUAL(admitted.size(), 3u);
  const auto got = letters();
  CAF_REQUIRE_EQUAL(got.size(), 1u);
  CAF_CHECK_EQUAL(got[0].reply, bobs_inbox + "1");
  CAF_REQUIRE_EQUAL(places(got[0].what), "1/1 1/2 ");
  CAF_CHECK(got[0].what.answers[0].fate == link_fate::full);
  send(bob, bobs_inbox, 1, {0, 1}); // the answer was lost: one is held, one has no room
  const auto again = letters();
  CAF_REQUIRE_EQUAL(places(again.at(0).what), "1/1 ");
  CAF_CHECK_EQUAL(again[0].what.holding.size(), 1u);
  decide({0, 1, 2});
  letters();
  send(bob, bobs_inbox, 2, {0});
  CAF_CHECK_EQUAL(admitted.size(), 4u);
  make({100, 50});
  admitted.clear();
  send(ann, anns_inbox, 1, {0});
  CAF_CHECK(admitted.empty());
  CAF_CHECK(letters().at(0).what.answers.at(0).fate == link_fate::returned);
  CAF_CHECK_EQUAL(book.bytes(), 0u);
}

CAF_TEST(a probe is answered at once) {
  send(ann, anns_inbox, 5, {});
  const auto got = letters();
  CAF_REQUIRE_EQUAL(got.size(), 1u);
  CAF_CHECK_EQUAL(got[0].reply, anns_inbox + "5");
  CAF_CHECK(got[0].what.refusal == link_refusal::none && got[0].what.answers.empty());
}

CAF_TEST(while it is shut the old is finished and the new goes back) {
  send(ann, anns_inbox, 1, {0, 1});
  book.shut();
  send(ann, anns_inbox, 2, {0});
  CAF_CHECK_EQUAL(admitted.size(), 2u);
  CAF_CHECK(letters().at(0).what.answers.at(0).fate == link_fate::returned);
  decide({0});
  CAF_CHECK(letters().at(0).what.answers.at(0).fate == link_fate::decided);
  book.return_all();
  const auto got = letters();
  CAF_CHECK_EQUAL(places(got.at(0).what), "1/1 ");
  CAF_CHECK(got[0].what.answers[0].fate == link_fate::returned);
  CAF_CHECK_EQUAL(book.held(), 0u);
  decide({1}); // comes too late for anybody
  CAF_CHECK(letters().empty());
}

CAF_TEST(a refused frame is counted and its sender hears why) {
  writer.begin(ann, bob, 7);
  book.take(writer.finish(), anns_inbox + "7", {}, admitted);
  book.take("rubbish", anns_inbox + "8", {}, admitted);
  const auto got = letters();
  CAF_REQUIRE_EQUAL(got.size(), 2u);
  CAF_CHECK(got[0].what.refusal == link_refusal::stranger);
  CAF_CHECK(got[1].what.refusal == link_refusal::damaged);
  CAF_CHECK(admitted.empty());
  CAF_CHECK_EQUAL(book.counters().stranger, 1);
  CAF_CHECK_EQUAL(book.counters().damaged, 1);
}

CAF_TEST(many answers go in letters that the broker takes) {
  for (const std::size_t message_max : {1 << 20, 4096}) {
    make({10000, 100 << 20});
    book.limit_letters(message_max);
    admitted.clear();
    std::vector<std::uint32_t> all(4000);
    std::vector<std::size_t> chosen(4000);
    for (std::uint32_t i = 0; i < 4000; ++i)
      chosen[i] = all[i] = i;
    send(ann, anns_inbox, 1, all);
    decide(chosen);
    std::size_t count = 0;
    for (const auto& each : book.take_letters()) {
      CAF_CHECK(each.payload.size() < 33000 && each.payload.size() < message_max);
      link_answers what;
      CAF_REQUIRE(reader.read(each.payload, what));
      count += what.answers.size();
    }
    CAF_CHECK_EQUAL(count, 4000u);
    CAF_CHECK_EQUAL(book.held(), 0u);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
