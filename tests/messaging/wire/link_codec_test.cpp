#include "messaging/link_codec.hpp"

#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "messaging/cluster_codec.hpp"
#include "messaging/wire/link.pb.h"

#define CAF_SUITE link_codec
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

constexpr boot_id asker{0x1111};
constexpr boot_id owner{0x2222};
constexpr auto largest = std::numeric_limits<std::int64_t>::max();

entry make_entry(std::int64_t id, std::string user, movement type = movement::deposit,
                 std::int64_t amount = 5, std::string_view currency = "KRW") {
  return {record_id{id}, {std::move(user), *currency_code::parse(currency)}, type, money{amount}};
}

const std::vector<entry> samples{
    make_entry(1, "ann"),
    make_entry(largest, std::string(128, 'u'), movement::withdrawal, largest, "EUR"),
    make_entry(77, "Zo\xc3\xab", movement::withdrawal, 1),
};

std::string frame_of(const std::vector<entry>& entries, std::uint64_t number = 9) {
  frame_writer writer;
  writer.begin(asker, owner, number);
  std::uint32_t place = 0;
  for (const auto& each : entries) {
    writer.add(place, each, 1000 + place, 300 * place);
    ++place;
  }
  const auto promised = writer.bytes();
  std::string text{writer.finish()};
  CAF_CHECK_LESS_OR_EQUAL(text.size(), promised);
  return text;
}

link_refusal read_frame(const std::string& text, boot_id self = owner) {
  link_frame into;
  return frame_reader{}.read(text, self, into);
}

// A frame with one entry, spoiled.
std::string spoiled(const std::function<void(wire::link::Frame&)>& how) {
  wire::link::Frame frame;
  CAF_CHECK(frame.ParseFromString(frame_of({samples[0], samples[2]})));
  how(frame);
  return frame.SerializeAsString();
}

posting row(std::int64_t id, const entry& of, std::int64_t balance,
            outcome verdict = outcome::applied) {
  return {transaction_id{id},
          of.id,
          of.account,
          3,
          of.type,
          of.amount,
          verdict,
          money{balance},
          database_time{1'700'000'000'000'000 + id % 1'000'000}};
}

bool same_entry(const entry& a, const entry& b) {
  return a.id == b.id && a.account == b.account && a.type == b.type && a.amount == b.amount;
}

link_answers read_answers(const std::string& text, bool expected = true) {
  link_answers into;
  CAF_CHECK_EQUAL(answers_reader{}.read(text, into), expected);
  return into;
}

// A page with one answer of each kind, spoiled.
bool reads_when_spoiled(const std::function<void(wire::link::Answers&)>& how) {
  answers_writer writer;
  writer.begin(owner, asker);
  writer.page(4);
  writer.decided(0, {outcome::applied, row(8, samples[0], 5)});
  writer.decided(1, {outcome::conflict, row(9, samples[2], 7)});
  writer.failed(2, "no");
  wire::link::Answers answers;
  CAF_CHECK(answers.ParseFromString(std::string{writer.finish()}));
  how(answers);
  link_answers into;
  return answers_reader{}.read(answers.SerializeAsString(), into);
}

} // namespace

CAF_TEST(a_frame_is_read_as_it_was_written) {
  link_frame got;
  frame_reader reader;
  CAF_REQUIRE(reader.read(frame_of(samples), owner, got) == link_refusal::none);
  CAF_CHECK(got.from == asker);
  CAF_CHECK_EQUAL(got.number, 9u);
  CAF_REQUIRE_EQUAL(got.entries.size(), samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    CAF_CHECK(same_entry(got.entries[i].asked, samples[i]));
    CAF_CHECK_EQUAL(got.entries[i].place, i);
    CAF_CHECK_EQUAL(got.entries[i].stream_seq, 1000 + i);
    CAF_CHECK_EQUAL(got.entries[i].bytes, 300 * i);
  }
  CAF_CHECK(reader.read(frame_of({}), owner, got) == link_refusal::none);
  CAF_CHECK(got.entries.empty());
}

CAF_TEST(a_frame_that_is_sent_again_keeps_the_places_of_what_is_left) {
  frame_writer writer;
  writer.begin(asker, owner, 9);
  writer.add(3, samples[0], 1, 500);
  writer.add(900, samples[2], 2, 70000);
  link_frame got;
  CAF_REQUIRE(frame_reader{}.read(writer.finish(), owner, got) == link_refusal::none);
  CAF_CHECK_EQUAL(got.entries.at(0).place, 3u);
  CAF_CHECK_EQUAL(got.entries.at(1).place, 900u);
  CAF_CHECK_EQUAL(got.entries.at(0).bytes, 500u);
  CAF_CHECK_EQUAL(got.entries.at(1).bytes, 70000u);
}

CAF_TEST(a_frame_of_a_version_that_says_no_bytes_is_understood) {
  link_frame got;
  got.entries.resize(5);
  got.entries[0].bytes = got.entries[1].bytes = 7;
  const auto text = spoiled([](auto& f) { f.clear_message_bytes(); });
  CAF_REQUIRE(frame_reader{}.read(text, owner, got) == link_refusal::none);
  CAF_REQUIRE_EQUAL(got.entries.size(), 2u);
  for (const auto& each : got.entries)
    CAF_CHECK_EQUAL(each.bytes, 0u);
  CAF_CHECK(same_entry(got.entries[1].asked, samples[2]));
}

CAF_TEST(more_bytes_than_are_believed_are_not_said) {
  frame_writer writer;
  writer.begin(asker, owner, 9);
  writer.add(0, samples[0], 1, std::numeric_limits<std::uint32_t>::max());
  link_frame got;
  CAF_REQUIRE(frame_reader{}.read(writer.finish(), owner, got) == link_refusal::none);
  CAF_CHECK_EQUAL(got.entries.at(0).bytes, framed_bytes_max);
}

CAF_TEST(a_frame_of_the_next_version_is_understood_unless_it_says_otherwise) {
  // Field 99 at the end of a frame: a later version's.
  const std::string unknown = "\x9a\x06\x05later";
  auto text = frame_of(samples) + unknown;
  CAF_CHECK(read_frame(text) == link_refusal::none);
  CAF_CHECK(read_frame(spoiled([](auto& f) { f.set_written(link_version + 1); }))
            == link_refusal::none);
  link_frame got;
  const auto needs_more = spoiled([](auto& f) { f.set_least(link_version + 1); });
  CAF_CHECK(frame_reader{}.read(needs_more, owner, got) == link_refusal::version);
  CAF_CHECK(got.from == asker);
  CAF_CHECK_EQUAL(got.number, 9u);
  CAF_CHECK(reads_when_spoiled([&](auto& a) { a.set_written(link_version + 1); }));
  CAF_CHECK(!reads_when_spoiled([&](auto& a) { a.set_least(link_version + 1); }));
}

CAF_TEST(a_frame_for_another_life_is_a_strangers) {
  CAF_CHECK(read_frame(frame_of(samples), asker) == link_refusal::stranger);
}

CAF_TEST(a_frame_that_breaks_a_rule_is_damaged) {
  using frame = wire::link::Frame;
  const std::vector<std::pair<const char*, std::function<void(frame&)>>> ways{
      {"no version", [](frame& f) { f.set_least(0); }},
      {"from nobody", [](frame& f) { f.set_from(0); }},
      {"no number", [](frame& f) { f.set_number(0); }},
      {"record id 0", [](frame& f) { f.set_record_id(0, 0); }},
      {"record id too large", [](frame& f) { f.set_record_id(0, std::uint64_t{1} << 63); }},
      {"amount 0", [](frame& f) { f.set_amount(1, 0); }},
      {"amount too large", [](frame& f) { f.set_amount(1, std::uint64_t{1} << 63); }},
      {"movement", [](frame& f) { f.set_movement(0, 2); }},
      {"currency", [](frame& f) { f.mutable_currencies()->at(1) = 'r'; }},
      {"currencies short", [](frame& f) { f.mutable_currencies()->pop_back(); }},
      {"user id empty", [](frame& f) { f.set_user_id_size(0, 0); }},
      {"user id control", [](frame& f) { f.mutable_user_ids()->at(0) = '\n'; }},
      {"user id no UTF-8", [](frame& f) { f.mutable_user_ids()->at(1) = '\xff'; }},
      {"user ids short", [](frame& f) { f.mutable_user_ids()->pop_back(); }},
      {"user ids long", [](frame& f) { f.mutable_user_ids()->push_back('x'); }},
      {"user id too long",
       [](frame& f) {
         f.set_user_id_size(0, 129);
         f.mutable_user_ids()->insert(0, 126, 'x');
       }},
      {"user id size huge", [](frame& f) { f.set_user_id_size(0, 0xffff'ffffU); }},
      {"a column short", [](frame& f) { f.mutable_stream_seq()->RemoveLast(); }},
      {"another column short", [](frame& f) { f.mutable_amount()->RemoveLast(); }},
      {"a column long", [](frame& f) { f.add_movement(0); }},
      {"one place for two", [](frame& f) { f.add_place(0); }},
      {"a place twice",
       [](frame& f) {
         f.add_place(1);
         f.add_place(1);
       }},
      {"a place too far",
       [](frame& f) {
         f.add_place(1);
         f.add_place(frame_entries_max);
       }},
      {"bytes for some", [](frame& f) { f.mutable_message_bytes()->RemoveLast(); }},
      {"bytes for nobody", [](frame& f) { f.add_message_bytes(0); }},
      {"too many bytes", [](frame& f) { f.set_message_bytes(1, framed_bytes_max + 1); }},
  };
  for (const auto& [name, how] : ways) {
    CAF_MESSAGE(name);
    CAF_CHECK(read_frame(spoiled(how)) == link_refusal::damaged);
  }
  CAF_CHECK(read_frame(frame_of(std::vector<entry>(frame_entries_max, samples[0])))
            == link_refusal::none);
  CAF_CHECK(read_frame(frame_of(std::vector<entry>(frame_entries_max + 1, samples[0])))
            == link_refusal::damaged);
  CAF_CHECK(read_frame(std::string(link_bytes_max + 1, '\0')) == link_refusal::damaged);
  CAF_CHECK(read_frame("") == link_refusal::damaged);
}

CAF_TEST(answers_are_read_as_they_were_written) {
  const auto& paid = samples[0];
  const auto& drawn = samples[2];
  const std::vector<answer> given{
      {outcome::applied, row(8, paid, 12)},
      {outcome::duplicate, row(3, paid, largest)},
      {outcome::insufficient_funds, row(10, drawn, 0, outcome::insufficient_funds)},
      {outcome::duplicate, row(largest, drawn, 0, outcome::insufficient_funds)},
      {outcome::balance_overflow, row(1, paid, largest, outcome::balance_overflow)},
  };
  const std::vector<entry> asked{paid, paid, drawn, drawn, paid};
  answers_writer writer;
  writer.begin(owner, asker);
  writer.page(4);
  for (std::uint32_t i = 0; i < given.size(); ++i)
    writer.decided(2 * i, given[i]);
  writer.page(5);
  writer.failed(0, std::string(600, 'x') + "y");
  writer.later(1);
  writer.returned(2);
  writer.full(3);
  writer.holding(6);
  const auto promised = writer.bytes();
  const std::string text{writer.finish()};
  CAF_CHECK_LESS_OR_EQUAL(text.size(), promised);
  auto got = read_answers(text);
  CAF_CHECK(got.from == owner && got.to == asker && got.refusal == link_refusal::none);
  CAF_CHECK(got.holding == std::vector<std::uint64_t>{6});
  CAF_REQUIRE_EQUAL(got.answers.size(), given.size() + 4);
  for (std::size_t i = 0; i < given.size(); ++i) {
    auto& one = got.answers[i];
    CAF_CHECK_EQUAL(one.number, 4u);
    CAF_CHECK_EQUAL(one.place, 2 * i);
    CAF_CHECK(one.fate == link_fate::decided);
    CAF_CHECK(complete_answer(asked[i], one.verdict));
    CAF_CHECK(one.verdict.verdict == given[i].verdict);
    CAF_CHECK(one.verdict.stored == given[i].stored);
  }
  CAF_CHECK(got.answers[5].fate == link_fate::failed);
  CAF_CHECK_EQUAL(got.answers[5].failure, std::string(500, 'x'));
  CAF_CHECK(got.answers[6].fate == link_fate::later);
  CAF_CHECK(got.answers[7].fate == link_fate::returned);
  CAF_CHECK(got.answers[8].fate == link_fate::full);
}

CAF_TEST(a_conflict_brings_the_posting_that_has_the_record_id) {
  auto other = samples[1];
  other.id = samples[0].id;
  const answer given{outcome::conflict, row(8, other, 0)};
  answers_writer writer;
  writer.begin(owner, asker);
  writer.page(4);
  writer.decided(0, given);
  auto got = read_answers(std::string{writer.finish()});
  CAF_REQUIRE(complete_answer(samples[0], got.answers.at(0).verdict));
  CAF_CHECK(got.answers.at(0).verdict.stored == given.stored);
  // A conflict with itself is none.
  auto same = given;
  same.stored = row(8, samples[0], 0);
  CAF_CHECK(!complete_answer(samples[0], same));
}

CAF_TEST(an_answer_that_cannot_be_is_not_believed) {
  const auto paid = make_entry(1, "ann", movement::deposit, 5);
  const auto drawn = make_entry(1, "ann", movement::withdrawal, 5);
  const auto holds = [](const entry& asked, outcome verdict, std::int64_t balance) {
    answer claimed{outcome::duplicate, row(1, asked, balance, verdict)};
    return complete_answer(asked, claimed);
  };
  CAF_CHECK(holds(paid, outcome::applied, 5));
  CAF_CHECK(!holds(paid, outcome::applied, 4));
  CAF_CHECK(!holds(paid, outcome::insufficient_funds, 4));
  CAF_CHECK(holds(paid, outcome::balance_overflow, largest));
  CAF_CHECK(!holds(paid, outcome::balance_overflow, largest - 5));
  CAF_CHECK(holds(drawn, outcome::applied, 0));
  CAF_CHECK(!holds(drawn, outcome::applied, largest));
  CAF_CHECK(holds(drawn, outcome::insufficient_funds, 4));
  CAF_CHECK(!holds(drawn, outcome::insufficient_funds, 5));
  CAF_CHECK(!holds(drawn, outcome::balance_overflow, largest));
}

CAF_TEST(answers_that_break_a_rule_are_not_read) {
  using answers = wire::link::Answers;
  const std::vector<std::pair<const char*, std::function<void(answers&)>>> ways{
      {"from nobody", [](answers& a) { a.set_from(0); }},
      {"no version", [](answers& a) { a.set_least(0); }},
      {"unknown refusal", [](answers& a) { a.set_refusal(4); }},
      {"no number", [](answers& a) { a.mutable_page(0)->set_number(0); }},
      {"unknown verdict", [](answers& a) { a.mutable_page(0)->set_verdict(0, 13); }},
      {"verdict 0", [](answers& a) { a.mutable_page(0)->set_verdict(0, 0); }},
      {"a place too far", [](answers& a) { a.mutable_page(0)->set_place(0, frame_entries_max); }},
      {"a verdict missing", [](answers& a) { a.mutable_page(0)->mutable_verdict()->RemoveLast(); }},
      {"transaction 0", [](answers& a) { a.mutable_page(0)->set_transaction_id(0, 0); }},
      {"seq 0", [](answers& a) { a.mutable_page(0)->set_seq(0, 0); }},
      {"balance too large",
       [](answers& a) { a.mutable_page(0)->set_balance_after(0, std::uint64_t{1} << 63); }},
      {"a seq missing", [](answers& a) { a.mutable_page(0)->mutable_seq()->RemoveLast(); }},
      {"a posting too many", [](answers& a) { a.mutable_page(0)->add_transaction_id(1); }},
      {"a failure too many", [](answers& a) { a.mutable_page(0)->add_failure()->push_back('x'); }},
      {"a failure missing", [](answers& a) { a.mutable_page(0)->clear_failure(); }},
      {"user ids short", [](answers& a) { a.mutable_page(0)->mutable_user_ids()->pop_back(); }},
      {"user ids long", [](answers& a) { a.mutable_page(0)->mutable_user_ids()->push_back('x'); }},
      {"currency", [](answers& a) { a.mutable_page(0)->mutable_currencies()->at(0) = '1'; }},
      {"movement", [](answers& a) { a.mutable_page(0)->set_movement(0, 2); }},
      {"amount", [](answers& a) { a.mutable_page(0)->set_amount(0, 0); }},
  };
  CAF_CHECK(reads_when_spoiled([](answers&) {}));
  for (const auto& [name, how] : ways) {
    CAF_MESSAGE(name);
    CAF_CHECK(!reads_when_spoiled(how));
  }
}

CAF_TEST(no_bytes_harm_a_reader) {
  const auto seed = std::random_device{}();
  CAF_MESSAGE("seed " << seed);
  std::minstd_rand random(seed);
  answers_writer writer;
  writer.begin(owner, asker);
  writer.page(4);
  writer.decided(0, {outcome::applied, row(8, samples[0], 5)});
  writer.decided(1, {outcome::conflict, row(9, samples[2], 7)});
  writer.failed(2, "no");
  const std::string texts[] = {frame_of(samples), std::string{writer.finish()}};
  frame_reader frames;
  answers_reader answers;
  link_frame frame;
  link_answers got;
  for (int i = 0; i < 20000; ++i) {
    auto text = texts[random() % 2];
    for (auto left = 1 + random() % 4; left > 0; --left)
      text[random() % text.size()] = static_cast<char>(random());
    if (random() % 4 == 0)
      text.resize(random() % text.size());
    if (frames.read(text, owner, frame) == link_refusal::none)
      for (const auto& each : frame.entries)
        CAF_REQUIRE(to_int(each.asked.id) > 0 && each.asked.amount > money{0});
    if (answers.read(text, got))
      for (auto& each : got.answers)
        if (each.fate == link_fate::decided)
          complete_answer(samples[0], each.verdict);
  }
}
